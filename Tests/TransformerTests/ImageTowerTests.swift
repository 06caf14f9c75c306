import Compute
import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

/// The int8 tower against the float32 reference, and against itself on every instruction set.
@Suite struct ImageTowerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let configuration: ImageTowerConfiguration
    let width: Int
    let height: Int
  }

  static let cases = [
    Case(testDescription: "DINOv2-like", configuration: .small(), width: 32, height: 32),
    Case(testDescription: "DINOv2-like, larger input", configuration: .small(), width: 88, height: 88),
    Case(testDescription: "not square", configuration: .small(), width: 120, height: 40),
    Case(
      testDescription: "patch 14, one head of 48", configuration: .small(patchSize: 14, width: 48, heads: 1),
      width: 28, height: 70),
    Case(
      testDescription: "CLIP-like",
      configuration: .small(
        width: 96, heads: 3, activation: .quickGELU, hasPreNorm: true, positions: .bicubicAntialiased),
      width: 48,
      height: 48),
    Case(
      testDescription: "bilinear positions, smaller input",
      configuration: .small(width: 32, heads: 2, hasPreNorm: true, grid: 7, positions: .bilinear), width: 24,
      height: 40),
  ]

  static let taps = [
    TokenTap(block: 3), TokenTap(block: 1, normalised: false), TokenTap(block: 2),
    TokenTap(block: 3, normalised: false),
  ]

  @Test(arguments: cases)
  func `int8 tokens point where the reference's do`(_ sample: Case) throws {
    let model = try RandomModel(sample.configuration).file(.int8)
    let picture = RandomModel.picture(width: sample.width, height: sample.height)
    let reference = try ReferenceImageTower(model: model).encode(picture, taps: Self.taps)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 2))
    let quantised = try tower.encode(picture, taps: Self.taps)
    #expect(quantised.gridRows == sample.height / sample.configuration.patchSize)
    #expect(quantised.gridColumns == sample.width / sample.configuration.patchSize)
    for (a, b) in zip(
      reference.features + reference.classTokens, quantised.features + quantised.classTokens)
    {
      #expect(a.rows == b.rows && a.columns == b.columns)
      // The weights are the same; what differs is the rounding of activations to 8 bits, four times a block.
      #expect(meanCosine(a, b) > 0.998)
    }
  }

  @Test(arguments: cases)
  func `every path and any number of threads give the same bits`(_ sample: Case) throws {
    let model = try RandomModel(sample.configuration).file(.int8)
    let picture = RandomModel.picture(width: sample.width, height: sample.height)
    let expected = try QuantisedImageTower(model: model, path: .portable, pool: ThreadPool(threads: 1))
      .encode(picture, taps: Self.taps)
    for path in KernelPath.available {
      for threads in [1, 3] {
        let tower = try QuantisedImageTower(model: model, path: path, pool: ThreadPool(threads: threads))
        for _ in 0..<2 {  // the second time in a workspace that has been used
          let tokens = try tower.encode(picture, taps: Self.taps)
          #expect(tokens.features == expected.features, "\(path.rawValue), \(threads) threads")
          #expect(tokens.classTokens == expected.classTokens)
        }
      }
    }
  }

  /// The same on trained weights and a photograph, whose activations random weights do not have.
  @Test(
    .enabled(if: Repository.defaultModel("int8") != nil, "the default model is not there: run Scripts/test"),
    .enabled(if: Repository.inspectionImages != nil, "the inspection images are not beside the checkout"))
  func `a real picture through the default model gives the same bits on every path`() throws {
    let model = try ModelFile(contentsOf: #require(Repository.defaultModel("int8")))
    let folder = try #require(Repository.inspectionImages).appending(path: "aws-cookies/test/good")
    let file = try #require(
      try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .min { $0.path < $1.path })
    let picture = try Picture(contentsOf: file).resized(width: 196, height: 140, filter: .bicubic)
    let expected = try QuantisedImageTower(model: model, path: .portable, pool: ThreadPool(threads: 2))
      .encode(picture, taps: [TokenTap(block: 12)])
    for path in KernelPath.available {
      let tower = try QuantisedImageTower(model: model, path: path, pool: ThreadPool(threads: 1))
      #expect(try tower.encode(picture, taps: [TokenTap(block: 12)]) == expected, "\(path.rawValue)")
    }
  }

  @Test func `a tap's tokens do not depend on the other taps`() throws {
    let model = try RandomModel(.small()).file(.int8)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 1))
    let picture = RandomModel.picture(width: 40, height: 24)
    let together = try tower.encode(picture, taps: Self.taps)
    for (index, tap) in Self.taps.enumerated() {
      #expect(try tower.encode(picture, taps: [tap]).features[0] == together.features[index])
    }
  }

  @Test func `pictures of changing sizes from several threads do not disturb each other`() throws {
    let model = try RandomModel(.small()).file(.int8)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 2))
    let pictures = (1...6).map { RandomModel.picture(width: 8 * $0, height: 16, seed: UInt64($0)) }
    let expected = try pictures.map { try tower.encode($0, taps: [TokenTap(block: 2)]).features }
    DispatchQueue.concurrentPerform(iterations: 24) { index in
      let tokens = try? tower.encode(pictures[index % 6], taps: [TokenTap(block: 2)])
      #expect(tokens?.features == expected[index % 6])
    }
  }

  @Test func `a float32 file runs in the reference and is refused by the int8 path in one sentence`() throws {
    let model = try RandomModel(.small()).file(.float32)
    let tokens = try ReferenceImageTower(model: model)
      .encode(RandomModel.picture(width: 32, height: 32), taps: [TokenTap(block: 1)])
    #expect(tokens.features[0].values.allSatisfy { $0.isFinite })
    let error = #expect(throws: QuantisedTowerError.self) {
      try QuantisedImageTower(model: model, path: .portable, pool: ThreadPool(threads: 1))
    }
    #expect(error?.description.contains("--precision int8") == true)
  }

  @Test func `a picture that does not divide and a tap that does not exist are refused`() throws {
    let tower = ReferenceImageTower(model: try RandomModel(.small()).file(.float32))
    #expect(throws: EncoderError.pictureSize(width: 33, height: 32, patchSize: 8)) {
      try tower.encode(RandomModel.picture(width: 33, height: 32), taps: [TokenTap(block: 1)])
    }
    for block in [0, 4, -1] {
      #expect(throws: EncoderError.tap(block: block, depth: 3)) {
        try tower.encode(RandomModel.picture(width: 32, height: 32), taps: [TokenTap(block: block)])
      }
    }
    #expect(throws: EncoderError.noProjection) {
      try tower.encode(
        RandomModel.picture(width: 32, height: 32), taps: [TokenTap(block: 1, projected: true)])
    }
  }
}

/// Mean over the rows of the cosine between two matrices' rows.
func meanCosine(_ a: Matrix, _ b: Matrix) -> Double {
  let cosines = (0..<a.rows).map { row -> Double in
    let pairs = zip(a.row(row), b.row(row)).map { (Double($0), Double($1)) }
    let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
    return dot / (pairs.reduce(0) { $0 + $1.0 * $1.0 } * pairs.reduce(0) { $0 + $1.1 * $1.1 }).squareRoot()
  }
  return cosines.reduce(0, +) / Double(max(a.rows, 1))
}
