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
        width: 96, heads: 3, activation: .quickGELU, hasPreNorm: true, positions: .bicubicAntialiased,
        embedding: 48),
      width: 48,
      height: 48),
    Case(
      testDescription: "bilinear positions, smaller input",
      configuration: .small(
        width: 32, heads: 2, hasPreNorm: true, grid: 7, positions: .bilinear, embedding: 64), width: 24,
      height: 40),
  ]

  /// Every place, in the middle and in the last block, of all tokens and of the class token.
  static func taps(_ configuration: ImageTowerConfiguration) -> [TokenTap] {
    let taps = [
      TokenTap(block: 3), TokenTap(block: 1, normalised: false), TokenTap(block: 2),
      TokenTap(block: 3, normalised: false), TokenTap(block: 2, place: .attention, normalised: false),
      TokenTap(block: 3, place: .attention), TokenTap(block: 1, place: .values, normalised: false),
      TokenTap(block: 3, place: .values), TokenTap(block: 3, classTokenOnly: true),
      TokenTap(block: 3, place: .attention, classTokenOnly: true),
    ]
    guard configuration.embeddingWidth != nil else { return taps }
    return taps + [
      TokenTap(block: 3, projected: true, classTokenOnly: true), TokenTap(block: 2, projected: true),
      TokenTap(block: 3, place: .values, projected: true),
      TokenTap(block: 3, place: .values, normalised: false, projected: true),
    ]
  }

  @Test(arguments: cases)
  func `int8 tokens point where the reference's do`(_ sample: Case) throws {
    let model = try RandomModel(sample.configuration).file(.int8)
    let picture = RandomModel.picture(width: sample.width, height: sample.height)
    let taps = Self.taps(sample.configuration)
    let reference = try ReferenceImageTower(model: model).encode(picture, taps: taps)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 2))
    let quantised = try tower.encode(picture, taps: taps)
    #expect(quantised.gridRows == sample.height / sample.configuration.patchSize)
    #expect(quantised.gridColumns == sample.width / sample.configuration.patchSize)
    for (index, tap) in taps.enumerated() {
      let (a, b) = (reference.features[index], quantised.features[index])
      #expect(a.rows == b.rows && a.columns == b.columns)
      // The weights are the same; what differs is the rounding of activations to 8 bits, four times a block.
      if !tap.classTokenOnly { #expect(meanCosine(a, b) > 0.998, "\(tap)") }
      #expect(meanCosine(reference.classTokens[index], quantised.classTokens[index]) > 0.998, "\(tap)")
    }
  }

  @Test(arguments: cases)
  func `every path and any number of threads give the same bits`(_ sample: Case) throws {
    let model = try RandomModel(sample.configuration).file(.int8)
    let picture = RandomModel.picture(width: sample.width, height: sample.height)
    let taps = Self.taps(sample.configuration)
    let expected = try QuantisedImageTower(model: model, path: .portable, pool: ThreadPool(threads: 1))
      .encode(picture, taps: taps)
    for path in KernelPath.available {
      for threads in [1, 3] {
        let tower = try QuantisedImageTower(model: model, path: path, pool: ThreadPool(threads: threads))
        for _ in 0..<2 {  // the second time in a workspace that has been used
          let tokens = try tower.encode(picture, taps: taps)
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
    let taps = [TokenTap(block: 12), TokenTap(block: 12, place: .values)]
    let expected = try QuantisedImageTower(model: model, path: .portable, pool: ThreadPool(threads: 2))
      .encode(picture, taps: taps)
    for path in KernelPath.available {
      let tower = try QuantisedImageTower(model: model, path: path, pool: ThreadPool(threads: 1))
      #expect(try tower.encode(picture, taps: taps) == expected, "\(path.rawValue)")
    }
  }

  /// A tap alone needs least of the block that it reads; with the others, all of it.
  @Test func `a tap's tokens do not depend on the other taps`() throws {
    let configuration = ImageTowerConfiguration.small(hasPreNorm: true, embedding: 32)
    let model = try RandomModel(configuration).file(.int8)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 1))
    let picture = RandomModel.picture(width: 40, height: 24)
    let taps = Self.taps(configuration)
    let together = try tower.encode(picture, taps: taps)
    for (index, tap) in taps.enumerated() {
      let alone = try tower.encode(picture, taps: [tap])
      #expect(alone.features[0] == together.features[index], "\(tap)")
      #expect(alone.classTokens[0] == together.classTokens[index], "\(tap)")
    }
  }

  @Test func `what is computed is what the taps need`() {
    let configuration = ImageTowerConfiguration.small(embedding: 32)
    let (tokens, width) = (17.0, 64.0)
    func count(_ taps: TokenTap...) -> Double { configuration.multiplications(patches: 16, taps: taps) }
    let embedding = 16 * width * 192
    let attention = tokens * (4 * width * width + 2 * tokens * width)
    let block = attention + tokens * 8 * width * width
    #expect(count(TokenTap(block: 1)) == embedding + block)
    #expect(count(TokenTap(block: 3)) == embedding + 3 * block)
    #expect(
      count(TokenTap(block: 2), TokenTap(block: 3, place: .attention)) == embedding + 2 * block + attention)
    // Of the last block its values, of every block the second attention and the output layer once more.
    let local = tokens * (width * width + 2 * tokens * width)
    #expect(
      count(TokenTap(block: 2, place: .values)) == embedding + block + tokens * width * width + 2 * local)
    // Keys and values of all tokens, everything else of one.
    let classToken = 2 * tokens * width * width + 10 * width * width + 2 * tokens * width
    #expect(count(TokenTap(block: 1, classTokenOnly: true)) == embedding + classToken)
    #expect(
      count(TokenTap(block: 1, projected: true, classTokenOnly: true))
        == embedding + classToken + width * 32)
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
