import CPowerCut
import Foundation
import Imaging
import Messaging
import Station

/// Frames and an alert are kept, and old ones deleted to make room.
enum EvidenceScenario {
  /// Says `kept ID` and `alert ID` for what is safe.
  static func prepare(_ folder: URL) -> () async throws -> Void {
    {
      var configuration = EvidenceConfiguration()
      configuration.bytes = 30_000
      configuration.reserve = 0
      let store = EvidenceStore(folder, configuration: configuration, logger: Scenario.logger)
      store.start()
      let identifiers = ULIDGenerator()
      for number in 0..<8 {
        guard store.promises(.ng, of: "mono") else { return say("refused") }
        let result = result(identifiers.next(), number, in: store)
        // An alert that failed counts as well.
        func dealtWith() -> Int { (store.summary.kept["ng"] ?? 0) + store.summary.failed }
        let before = dealtWith()
        store.keep(
          .init(
            result: result,
            image: RawImage(format: .jpeg, bytes: [UInt8](repeating: UInt8(number), count: 6000)),
            picture: nil, overlay: nil))
        try await Scenario.wait { dealtWith() > before }
        guard store.summary.trouble == nil else {
          power_cut_room()
          continue
        }
        say("kept \(result.resultID)")
        guard number == 1 else { continue }
        let bytes = store.summary.bytes
        store.keep(
          AlertMessage(
            alertID: identifiers.next(), line: "mono", bootID: "boot", openedUTC: .now, reason: "test",
            unit: .frames, ng: 1, judged: 1, worst: result, suppressed: 0))
        try await Scenario.wait { store.summary.bytes > bytes || store.summary.trouble != nil }
        if store.summary.trouble == nil { say("alert \(result.resultID)") } else { power_cut_room() }
      }
    }
  }

  private static func result(_ resultID: ULID, _ number: Int, in store: EvidenceStore) -> ResultMessage {
    ResultMessage(
      resultID: resultID, bootID: "boot", seq: UInt64(number + 1), line: "mono", partID: nil,
      partIDSource: nil, recipe: nil, modelHash: nil, exposureUTC: .now, clockQuality: .arrival,
      times: .init(acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: nil, deadlineMet: nil),
      verdict: .ng, score: 0.5, threshold: 0.2, reason: nil, regions: [], mask: nil, quality: nil,
      degradations: [], evidenceURI: store.uri(resultID, .ng, of: "mono"), isSimulated: false, expected: nil)
  }
}
