import Compute
import Imaging
import Testing
import Transformer

@testable import Inspection

@Suite struct MemoryBankTests {
  private let encoder = ColourEncoder()

  @Test func aBankHoldsEveryPatchOfEveryView() throws {
    var progress: [EnrolmentProgress] = []
    let bank = try MemoryBank.build(
      references: Part.references(3), encoder: encoder, options: .small(views: .four)
    ) { progress.append($0) }
    #expect(bank.gridRows == 5 && bank.gridColumns == 6 && bank.referenceCount == 3)
    #expect(bank.vectors.rows == 3 * 4 * 30 && bank.vectors.columns == ColourEncoder.width)
    #expect(bank.origins == (0..<3).flatMap { [Int32](repeating: $0, count: 120) })
    #expect(bank.coreset == nil && bank.modelHash == encoder.modelHash)
    #expect(progress == (0...12).map { .encoding(done: $0, of: 12) })
    for row in 0..<bank.vectors.rows {
      #expect(abs(bank.vectors.row(row).reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
    }
    // View 0 is the picture itself, view 2 the picture upside down.
    let tokens = try encoder.encode(Part.good(seed: 1), taps: [TokenTap(block: 2)]).features[0].l2Normalised()
    #expect(bank.vectors.rows(120..<150) == tokens)
    let upsideDown = bank.vectors.rows(120 + 60..<120 + 90)
    #expect(zip(upsideDown.row(0), tokens.row(29)).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func severalTapsWeighTheSame() throws {
    let taps = [TokenTap(block: 1), TokenTap(block: 3)]
    let joined = try FeatureExtractor(encoder: encoder, options: .small(taps: taps))
    let single = try taps.map { try FeatureExtractor(encoder: encoder, options: .small(taps: [$0])) }
    let pictures = [Part.good(seed: 1), Part.good(seed: 2)]
    func cosines(_ extractor: FeatureExtractor) throws -> [Float] {
      let features = try pictures.map { try extractor.features(of: $0) }
      return features[0].multiplied(byTransposeOf: features[1]).values
    }
    let separate = try single.map(cosines)
    for (index, cosine) in try cosines(joined).enumerated() {
      #expect(abs(cosine - (separate[0][index] + separate[1][index]) / 2) < 1e-5)
    }
  }

  @Test func aLargeBankIsReducedAndSaysSo() throws {
    let options = ScoringOptions(
      inputWidth: 168, inputHeight: 168, taps: [TokenTap(block: 2)], views: .eight)
    var reducing = 0
    let bank = try MemoryBank.build(
      references: Part.references(2), encoder: encoder, options: options, limit: 1000
    ) { if case .reducing(_, of: 1000) = $0 { reducing += 1 } }
    #expect(bank.vectors.rows == 1000 && bank.origins.count == 1000)
    #expect(bank.origins == bank.origins.sorted() && Set(bank.origins) == [0, 1])
    let coreset = try #require(bank.coreset)
    #expect(coreset.vectorsBefore == 2 * 8 * 144 && coreset.vectorsKept == 1000 && coreset.radius > 0)
    #expect(reducing > 0)
    let whole = try MemoryBank.build(references: Part.references(2), encoder: encoder, options: options)
    for neighbour in ReferenceVectorSearch(vectors: bank.vectors).search(whole.vectors) {
      #expect(1 - neighbour.similarity <= coreset.radius + 1e-6)
    }
  }

  @Test func theHashCoversNumbersAndOptions() throws {
    func hash(_ references: Int = 2, _ options: ScoringOptions = .small(), model: String = "a") throws
      -> String
    {
      var encoder = encoder
      encoder.modelHash = model
      return try MemoryBank.build(references: Part.references(references), encoder: encoder, options: options)
        .hash
    }
    var smoother = ScoringOptions.small()
    smoother.smoothing = 0.02
    let hashes = [
      try hash(), try hash(3), try hash(2, .small(views: .four)), try hash(2, smoother),
      try hash(2, .small(taps: [TokenTap(block: 2, normalised: false)])), try hash(model: "b"),
      try hash(2, .small(taps: [TokenTap(block: 2, place: .values)])),
      try hash(2, .small(taps: [TokenTap(block: 2, place: .attention)])),
    ]
    #expect(Set(hashes).count == hashes.count)
    #expect(try hash() == hashes[0])
    #expect(hashes[0].count == 64)
  }

  @Test func whatCannotBeEnrolledIsRefused() throws {
    #expect(throws: InspectionError.noReferences) {
      try MemoryBank.build(references: [], encoder: encoder, options: .small())
    }
    let grey = Picture(width: 50, height: 40, pixels: [UInt8](repeating: 128, count: 6000))
    #expect(throws: InspectionError.flatReference(name: "lid.png")) {
      try MemoryBank.build(
        references: [Reference(name: "lid.png", picture: grey)], encoder: encoder, options: .small())
    }
    let small = #expect(throws: InspectionError.self) {
      try MemoryBank.build(references: Part.references(1), encoder: encoder, options: .small(), limit: 10)
    }
    #expect(small?.description == "A limit of 10 vectors is not allowed: choose 1000 to 1000000.")
    let many = #expect(throws: InspectionError.self) {
      let options = ScoringOptions(inputWidth: 1400, inputHeight: 1400, taps: [TokenTap(block: 1)])
      return try MemoryBank.build(references: Part.references(10), encoder: encoder, options: options)
    }
    #expect(many?.description.contains("10 references in 8 views make 800000 vectors") == true)
  }

  @Test func progressCanEndTheWork() {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try MemoryBank.build(references: Part.references(1), encoder: encoder, options: .small()) { _ in
        throw Stop()
      }
    }
  }

  @Test func aBankIsBoundToModelAndOptions() throws {
    let bank = try MemoryBank.build(references: Part.references(1), encoder: encoder, options: .small())
    try bank.check(model: encoder)
    try bank.check(options: .small())
    var other = encoder
    other.modelHash = String(repeating: "b", count: 64)
    let model = #expect(throws: InspectionError.self) { try bank.check(model: other) }
    #expect(
      model?.description == "The memory bank was made with model aaaaaaaaaaaa and the station runs model "
        + "bbbbbbbbbbbb: load that model, or enrol the references again.")
    let options = #expect(throws: InspectionError.self) { try bank.check(options: .small(views: .four)) }
    #expect(options?.description.contains("other scoring options (views)") == true)
  }
}
