import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Transformer

/// The float32 tower, its local path and its taps against what the released PromptAD computes.
@Suite(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"))
struct PromptADParityTests {
  // The fixture's own limits for float32.
  static let pixelLimit: Float = 1e-6
  static let streamLimit: Float = 1e-4
  static let featureLimit: Float = 5e-6

  let fixture: PromptADFixture
  let tower: ReferenceImageTower

  init() throws {
    fixture = try PromptADFixture()
    tower = ReferenceImageTower(model: try fixture.model())
  }

  @Test(arguments: ["support", "query"])
  func `pixels are normalised as the release does`(_ set: String) throws {
    let (side, patch) = (fixture.facts.model.visionCfg.imageSize, fixture.imageTower.patchSize)
    for (index, picture) in try fixture.inputs(set).enumerated() {
      let expected = try fixture.matrix("fx.\(set).pre", at: index)  // (3 x side) x side
      let found = tower.normalisedPatches(
        of: picture, grid: PatchGrid(rows: side / patch, columns: side / patch))
      var worst: Float = 0
      for row in 0..<expected.rows {
        for column in 0..<side {
          let (channel, y) = (row / side, row % side)
          let place = (channel * patch + y % patch) * patch + column % patch
          worst = max(
            worst, abs(found[y / patch * (side / patch) + column / patch, place] - expected[row, column]))
        }
      }
      #expect(worst < Self.pixelLimit)
    }
  }

  @Test func `both paths of every block are the release's`() throws {
    let depth = tower.configuration.depth
    let picture = try fixture.inputs("query")[0]
    let main = (1...depth).map { TokenTap(block: $0, normalised: false) }
    let local = (1...depth).map { TokenTap(block: $0, place: .values, normalised: false) }
    let middle = [4, 9].map { TokenTap(block: $0, place: .attention, normalised: false) }
    let grid = try tower.configuration.grid(for: picture, taps: main)
    let first = tower.embed(picture, grid: grid)
    #expect(try first.largestDifference(from: fixture.matrix("fx.dbg.x0")) < Self.streamLimit)
    let tokens = try tower.encode(picture, taps: main + local + middle)
    for index in 0..<2 * depth {
      let found = Matrix(
        rows: 1 + grid.count, columns: tower.configuration.width,
        values: tokens.classTokens[index].values + tokens.features[index].values)
      let expected = try fixture.matrix(index < depth ? "fx.dbg.h" : "fx.dbg.z", at: index % depth)
      #expect(found.largestDifference(from: expected) < Self.streamLimit, "\((main + local)[index])")
    }
    for (features, name) in zip(tokens.features.suffix(2), ["fx.dbg.u4", "fx.dbg.u9"]) {
      #expect(try features.largestDifference(from: fixture.matrix(name)) < Self.streamLimit, "\(name)")
    }
  }

  /// What PromptAD reads: the image's feature, the patches' local features, and two taps for the memory.
  static let taps = [
    TokenTap(block: 12, projected: true, classTokenOnly: true),
    TokenTap(block: 12, place: .values, projected: true),
    TokenTap(block: 4, place: .attention, normalised: false),
    TokenTap(block: 9, place: .attention, normalised: false),
  ]

  @Test(arguments: ["support", "query"])
  func `features are the release's`(_ set: String) throws {
    for (index, picture) in try fixture.inputs(set).enumerated() {
      let tokens = try tower.encode(picture, taps: Self.taps)
      #expect(tokens.features[0].rows == 0)
      for (found, name) in zip([tokens.classTokens[0]] + tokens.features.dropFirst(), ["g", "f", "m1", "m2"])
      {
        let expected = try fixture.matrix("fx.\(set).\(name)", at: index)
        #expect(
          unit(found).largestDifference(from: expected) < Self.featureLimit, "\(name) of \(set) \(index)")
      }
    }
  }

  /// The int8 path of the same model; heads of 32 and random weights are not what it is made for.
  @Test func `int8 features point where the release's do`() throws {
    let tower = try QuantisedImageTower(
      model: try fixture.model(.int8), path: .available[0], pool: ThreadPool(threads: 1))
    for (index, picture) in try fixture.inputs("query").enumerated() {
      let tokens = try tower.encode(picture, taps: Self.taps)
      for (found, name) in zip([tokens.classTokens[0]] + tokens.features.dropFirst(), ["g", "f", "m1", "m2"])
      {
        let cosine = meanCosine(found, try fixture.matrix("fx.query.\(name)", at: index))
        #expect(cosine > 0.99, "\(name) of query \(index)")
      }
    }
  }

  @Test func `red and blue exchanged give the release's features of its own mistake`() throws {
    for (index, picture) in try fixture.inputs("query").enumerated() {
      var swapped = picture
      for pixel in stride(from: 0, to: swapped.pixels.count, by: 3) {
        swapped.pixels.swapAt(pixel, pixel + 2)
      }
      let feature = unit(try tower.encode(swapped, taps: [Self.taps[0]]).classTokens[0])
      #expect(try feature.largestDifference(from: fixture.matrix("fx.bgr.g", at: index)) < Self.featureLimit)
    }
  }

  @Test(arguments: [3, 7])
  func `positions are resized as the release does, and by no other method`(_ side: Int) throws {
    let model = try fixture.model()
    let width = model.configuration.width
    let table = try fixture.matrix("fx.posembed.\(side)x\(side)")
    #expect(Array(model.float("image.position").prefix(width)) == Array(table.row(0)))
    let expected = Matrix(rows: side * side, columns: width, values: Array(table.values.dropFirst(width)))
    for method in ImageTowerConfiguration.PositionInterpolation.allCases {
      let found = Matrix(
        rows: side * side, columns: width,
        values: model.positionGrid.resized(rows: side, columns: side, by: method))
      let difference = found.largestDifference(from: expected)
      if method == .bicubic { #expect(difference < Self.featureLimit) } else { #expect(difference > 0.05) }
    }
  }

  /// Each row divided by its length.
  private func unit(_ matrix: Matrix) -> Matrix {
    var result = matrix
    for row in 0..<matrix.rows {
      let length = matrix.row(row).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      for column in 0..<matrix.columns { result[row, column] = Float(Double(matrix[row, column]) / length) }
    }
    return result
  }
}
