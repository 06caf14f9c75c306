public import Inspection
import Messaging

/// How one line would run with the configuration, model and versions there are now.
///
/// As text, a sentence for a person.
public struct LineCheck: Sendable, Equatable, Encodable, CustomStringConvertible {
  public let name: String
  public let recipe: String
  /// The recipe's version that would judge; nil where none can.
  public let version: String?
  /// Why the line cannot judge yet or must not; nil where it can.
  public let obstacle: String?
  /// Whether there is a version that must not be used: the configuration or the version has to change.
  public let isRefused: Bool

  public var description: String {
    "Line \(name): \(obstacle ?? "recipe \(recipe), version \(version ?? "-").")"
  }
}

extension StationConfiguration {
  /// Reads every line's recipe version and says how the line would run, in the order of the lines.
  public func checkLines(engine: InspectionEngine) -> [LineCheck] {
    lines.compactMap { line in
      guard let recipe = recipe(of: line) else { return nil }
      let state = RecipeState.load(recipe, paths: paths, engine: engine)
      let (version, obstacle, isRefused): (String?, String?, Bool) =
        switch state {
        case .ready(let active): (active.reference.version, nil, false)
        case .notEnrolled(let explanation): (nil, explanation, false)
        case .refused(_, let explanation): (nil, explanation, true)
        }
      return LineCheck(
        name: line.name, recipe: recipe.name, version: version, obstacle: obstacle, isRefused: isRefused)
    }
  }
}
