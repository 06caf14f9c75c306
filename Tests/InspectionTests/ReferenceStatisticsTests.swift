import Foundation
import Imaging
import TestSupport
import Testing

@testable import Inspection

/// Pictures that nobody can judge are told from parts that are bad.
@Suite struct ReferenceStatisticsTests {
  private static let side = 96

  /// A bright disc on a dark ground with grain, displaced, defocused or lit otherwise.
  private static func picture(
    seed: UInt64, x: Int = 0, y: Int = 0, light: Double = 1, isDefective: Bool = false
  ) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var pixels: [UInt8] = []
    for row in 0..<side {
      for column in 0..<side {
        let (dx, dy) = (column - side / 2 - x, row - side / 2 - y)
        let isDisc = dx * dx + dy * dy < 900
        let isBlot = isDefective && dx > 0 && dx < 18 && dy > 0 && dy < 18
        let grain = Double(generator.next() % 12)
        let value = ((isBlot ? 20.0 : isDisc ? 150 : 50) + grain) * light
        pixels += [UInt8](repeating: UInt8(min(255, value)), count: 3)
      }
    }
    return Picture(width: side, height: side, pixels: pixels)
  }

  private static func statistics() throws -> ReferenceStatistics {
    try #require(ReferenceStatistics((0..<4).map { picture(seed: $0) }))
  }

  @Test func goodAndDefectivePartsCanBeJudged() throws {
    let statistics = try Self.statistics()
    for seed in 10..<20 {
      #expect(statistics.obstacle(in: Self.picture(seed: UInt64(seed)))?.reason == nil)
      #expect(statistics.obstacle(in: Self.picture(seed: UInt64(seed), isDefective: true))?.reason == nil)
      #expect(statistics.obstacle(in: Self.picture(seed: UInt64(seed), x: 3, y: -2))?.reason == nil)
    }
  }

  @Test(
    arguments: [
      (0.2, UndecidableReason.dark), (0.1, .dark), (1.7, .overExposed), (4.0, .overExposed), (0.45, nil),
      (1.3, nil),
    ] as [(Double, UndecidableReason?)])
  func lightIsMeasuredByTheReferences(light: Double, reason: UndecidableReason?) throws {
    #expect(try Self.statistics().obstacle(in: Self.picture(seed: 9, light: light))?.reason == reason)
  }

  /// Where a defect darkens most of the part, nobody wants to hear that the lamp failed.
  @Test func whatARecipeDoesNotAskForIsNotLookedFor() throws {
    let dark = Self.picture(seed: 9, light: 0.1)
    let statistics = try Self.statistics()
    #expect(statistics.obstacle(in: dark)?.reason == .dark)
    #expect(statistics.obstacle(in: dark, checks: [.overExposed, .shifted]) == nil)
    #expect(statistics.obstacle(in: dark, checks: []) == nil)
  }

  @Test func aBlurIsSeen() throws {
    let picture = Self.picture(seed: 9)
    let blurred = picture.resized(width: 32, height: 32, filter: .bicubic).resized(
      width: Self.side, height: Self.side, filter: .bicubic)
    let found = try #require(try Self.statistics().obstacle(in: blurred))
    #expect(found.reason == .blurred)
    #expect(found.explanation.hasSuffix("of the least sharp reference: it is blurred."))
  }

  @Test func aShiftIsSeenWhereTheReferencesAgree() throws {
    let found = try #require(try Self.statistics().obstacle(in: Self.picture(seed: 9, x: 16, y: -10)))
    #expect(found.reason == .shifted)
    #expect(
      found.explanation
        == "The part lies 17 % to the right and -10 % below where the references have it: it is shifted.")
    // References that lie here and there say nothing about the place; neither do two.
    let scattered = try #require(
      ReferenceStatistics((0..<5).map { Self.picture(seed: UInt64($0), x: $0 * 8 - 16, y: 12 - $0 * 5) }))
    #expect(scattered.alignment == nil)
    #expect(scattered.obstacle(in: Self.picture(seed: 9, x: 16, y: -10))?.reason == nil)
    #expect(ReferenceStatistics((0..<2).map { Self.picture(seed: $0) })?.alignment == nil)
  }

  @Test func itSurvivesTheDisk() throws {
    let statistics = try Self.statistics()
    let data = try JSONEncoder().encode(statistics)
    #expect(try JSONDecoder().decode(ReferenceStatistics.self, from: data) == statistics)
  }
}
