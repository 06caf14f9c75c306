import Foundation
import Imaging
import Inspection

extension ContactSheet {
  /// The clearest hits and misses of an evaluation: defects found and missed, good parts passed and rejected, each
  /// farthest from the threshold first, with the score map laid over on the scale of the calibration.
  ///
  /// - Parameter each: pictures of each kind at most.
  public init(of result: ProductResult, each: Int = 6) throws {
    func ratio(_ outcome: Outcome) -> Float { (outcome.score ?? 0) / outcome.threshold }
    func section(_ title: String, good: Bool, _ verdict: Verdict, frame: Colour) throws -> Section {
      let members = result.outcomes
        .filter { $0.sample.isGood == good && $0.verdict == verdict }
        .sorted { verdict == .ng ? ratio($0) > ratio($1) : ratio($0) < ratio($1) }
      return Section(
        title: "\(title): \(members.count)",
        cells: try members.prefix(each).map {
          Cell(
            picture: try Self.overlay($0, result.calibration),
            caption: [
              "\($0.sample.defect ?? "good") / \($0.sample.file.lastPathComponent)",
              String(format: "%@  %.3f (NG above %.3f)", $0.verdict.rawValue, $0.score ?? 0, $0.threshold),
            ],
            frame: frame)
        })
    }
    self.init(
      title: "\(result.product): the clearest hits and misses",
      sections: [
        try section("Defects found", good: false, .ng, frame: Self.green),
        try section("Defects missed", good: false, .ok, frame: Self.red),
        try section("Good parts passed", good: true, .ok, frame: Self.green),
        try section("Good parts rejected", good: true, .ng, frame: Self.red),
      ],
      columns: each)
  }

  private static func overlay(_ outcome: Outcome, _ calibration: Calibration) throws -> Picture {
    let picture = try Picture(contentsOf: outcome.sample.file)
    guard let scores = outcome.patchScores else { return picture }
    return HeatMap.overlay(
      picture: picture, map: scores, low: calibration.heatMap.low, high: calibration.heatMap.high)
  }
}
