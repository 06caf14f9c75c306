import Foundation
import Logging

enum Scenario: String, CaseIterable {
  case spool, evidence, recipe, configuration

  /// Does whatever has to be there before the counting begins.
  ///
  /// - Returns: what is to be interrupted.
  func prepare(_ folder: URL) throws -> () async throws -> Void {
    switch self {
    case .spool: SpoolScenario.prepare(folder)
    case .evidence: EvidenceScenario.prepare(folder)
    case .recipe: try RecipeScenario.prepare(folder)
    case .configuration: ConfigurationScenario.prepare(folder)
    }
  }

  static let logger = Logger(label: "power-cut") { _ in SwiftLogNoOpLogHandler() }

  /// Waits for something that another thread does.
  static func wait(until condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .microseconds(200)) }
  }
}
