import Compute
import Imaging
import TestSupport
import Testing

@testable import Inspection

@Suite struct InspectorTests {
  private static let encoder = ColourEncoder()

  private static func inspector(
    views: ReferenceViews = .one, regions: RegionOptions = RegionOptions()
  ) throws -> Inspector {
    let references = Part.references(4)
    let bank = try MemoryBank.build(references: references, encoder: encoder, options: .small(views: views))
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: .reference, falseAlarmRate: 0.05)
    return try Inspector(
      encoder: encoder, bank: bank, calibration: calibration, search: .reference, regions: regions)
  }

  @Test(arguments: 20..<28) func goodPartsPass(seed: UInt64) throws {
    let judgement = try Self.inspector().judge(Part.good(seed: seed))
    #expect(judgement.verdict == .ok && judgement.undecidableReason == nil)
    #expect((judgement.score ?? 9) <= judgement.threshold)
    #expect(judgement.patchScores?.rows == 5 && judgement.patchScores?.columns == 6)
    #expect(judgement.map?.rows == 70 && judgement.map?.columns == 84)
    #expect(judgement.mask?.decoded()?.width == 84)
  }

  @Test func aDefectIsFoundWhereItIs() throws {
    let rect = PixelRect(x: 40, y: 30, width: 20, height: 16)
    let judgement = try Self.inspector(regions: RegionOptions(millimetresPerPixel: 0.1))
      .judge(Part.defective(seed: 30, at: rect))
    #expect(judgement.verdict == .ng)
    let region = try #require(judgement.regions.first)
    #expect(
      region.centroid.x > 40 && region.centroid.x < 60 && region.centroid.y > 30 && region.centroid.y < 46)
    #expect(region.peak == judgement.map?.values.max())
    #expect(abs((region.areaSquareMillimetres ?? 0) - region.area / 100) < 1e-9)
    // Mask and regions are the same pixels.
    let bits = try #require(judgement.mask?.decoded()).bits.count { $0 }
    #expect(abs(judgement.regions.reduce(0) { $0 + $1.area } - Double(bits)) < 1e-6)
  }

  @Test func positionsComeBackToTheSensorThroughTheRegionOfInterest() throws {
    let inspector = try Self.inspector()
    let part = Part.defective(seed: 30, at: PixelRect(x: 40, y: 30, width: 20, height: 16))
    let alone = try inspector.judge(part)
    // The same part in a larger frame.
    var frame = Picture(width: 200, height: 120, pixels: [UInt8](repeating: 0, count: 200 * 120 * 3))
    for y in 0..<70 {
      for x in 0..<84 * 3 { frame.pixels[((y + 33) * 200 + 57) * 3 + x] = part.pixels[y * 84 * 3 + x] }
    }
    let framed = try inspector.judge(frame, region: PixelRect(x: 57, y: 33, width: 84, height: 70))
    #expect(framed.score == alone.score && framed.map == alone.map)
    let a = try #require(alone.regions.first)
    let b = try #require(framed.regions.first)
    #expect(b.boundingBox.x == a.boundingBox.x + 57 && b.boundingBox.y == a.boundingBox.y + 33)
    #expect(b.area == a.area && b.polygon.count == a.polygon.count)
  }

  @Test func aLargerPictureIsJudgedAtInputSizeAndMeasuredAtItsOwn() throws {
    let large = Part.defective(
      seed: 30, at: PixelRect(x: 160, y: 120, width: 80, height: 64), width: 336, height: 280)
    let judgement = try Self.inspector().judge(large)
    #expect(judgement.toSensor == AffineMap(scaleX: 4, scaleY: 4, offsetX: 0, offsetY: 0))
    let region = try #require(judgement.regions.first)
    #expect(
      region.centroid.x > 160 && region.centroid.x < 240 && region.centroid.y > 120 && region.centroid.y < 184
    )
  }

  @Test func aFlatPictureIsUndecidable() throws {
    var picture = Picture(width: 84, height: 70, pixels: [UInt8](repeating: 16, count: 84 * 70 * 3))
    picture.pixels[500] = 18
    let judgement = try Self.inspector().judge(picture)
    #expect(judgement.verdict == .undecidable && judgement.undecidableReason == .flat)
    #expect(
      judgement.score == nil && judgement.map == nil && judgement.mask == nil && judgement.regions.isEmpty)
    picture.pixels[500] = 19
    #expect(try Self.inspector().judge(picture).verdict != .undecidable)
  }

  @Test func aRegionOutsideThePictureIsAnError() throws {
    let error = #expect(throws: InspectionError.self) {
      try Self.inspector().judge(Part.good(seed: 1), region: PixelRect(x: 50, y: 0, width: 84, height: 70))
    }
    #expect(error?.description.contains("region of interest does not fit") == true)
  }

  /// Wide and weak: no pixel reaches the pixel limit, and the part is NG all the same.
  @Test func anNGPartWithoutASinglePixelAboveTheLimitStillShowsRegions() throws {
    let references = Part.references(4)
    let bank = try MemoryBank.build(references: references, encoder: Self.encoder, options: .small())
    let honest = try Calibration.onReferences(
      references, bank: bank, encoder: Self.encoder, search: .reference, falseAlarmRate: 0.05)
    let calibration = try Calibration(
      readings: honest.readings.map { .init(name: $0.name, score: $0.score, peak: 1) },
      evidence: .leaveOneOut, falseAlarmRate: 0.05, bankHash: bank.hash, bankIsReduced: false)
    let inspector = try Inspector(
      encoder: Self.encoder, bank: bank, calibration: calibration, search: .reference)
    let judgement = try inspector.judge(
      Part.defective(seed: 30, at: PixelRect(x: 20, y: 20, width: 40, height: 40)))
    #expect(judgement.verdict == .ng && !judgement.regions.isEmpty)
    #expect(
      judgement.pixelThreshold == judgement.threshold && judgement.threshold < calibration.pixelLimit.value)
  }

  @Test func partsThatDoNotBelongTogetherAreRefused() throws {
    let references = Part.references(2)
    let bank = try MemoryBank.build(references: references, encoder: Self.encoder, options: .small())
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: Self.encoder, search: .reference, falseAlarmRate: 0.05)
    var other = Self.encoder
    other.modelHash = "b"
    #expect(throws: InspectionError.modelMismatch(bankModel: Self.encoder.modelHash, model: "b")) {
      try Inspector(encoder: other, bank: bank, calibration: calibration, search: .reference)
    }
    let second = try MemoryBank.build(
      references: Part.references(3), encoder: Self.encoder, options: .small())
    #expect(throws: InspectionError.calibrationMismatch(calibrationBank: bank.hash, bank: second.hash)) {
      try Inspector(encoder: Self.encoder, bank: second, calibration: calibration, search: .reference)
    }
  }

  @Test func oneInspectorServesSeveralThreads() async throws {
    let inspector = try Self.inspector()
    let alone = try (40..<44).map { try inspector.judge(Part.good(seed: $0)).score }
    let together = try await withThrowingTaskGroup(of: (Int, Float?).self) { group in
      for index in 0..<4 {
        group.addTask { (index, try inspector.judge(Part.good(seed: UInt64(40 + index))).score) }
      }
      return try await group.reduce(into: [Float?](repeating: nil, count: 4)) { $0[$1.0] = $1.1 }
    }
    #expect(together == alone)
  }

  @Test func verdictsHaveTheirCodes() {
    #expect(Verdict.allCases.map(\.opcEvaluationCode) == [1, 2, 3, 0])
    #expect(Verdict.allCases.map(\.rawValue) == ["ok", "ng", "undecidable", "error"])
  }
}
