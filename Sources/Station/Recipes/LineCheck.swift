public import Inspection
import Messaging
import Transformer

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
  /// What a person should know though the line can judge; nil where there is nothing.
  public let note: String?
  /// Whether there is a version that must not be used: the configuration or the version has to change.
  public let isRefused: Bool

  public var description: String {
    "Line \(name): \(obstacle ?? "recipe \(recipe), version \(version ?? "-").")\(note.map { " \($0)" } ?? "")"
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
        name: line.name, recipe: recipe.name, version: version, obstacle: obstacle,
        note: state.note(on: recipe, engine: engine), isRefused: isRefused)
    }
  }
}

extension RecipeState {
  /// What a person should know of a recipe that can judge, in a sentence.
  func note(on recipe: RecipeConfiguration, engine: InspectionEngine) -> String? {
    guard case .ready(let active) = self else { return nil }
    if recipe.hasWords, engine.model?.text == nil {
      return "The model has no text tower: the words of recipe \(recipe.name) are not used."
    }
    guard active.reference.version != nil else {
      return
        "No references are enrolled: it judges by the recipe's words alone, and nothing is promised about good parts."
    }
    if let words = active.words, !words.says(theSameAs: recipe.words) {
      return
        "The words of recipe \(recipe.name) are not those its version was made with, which are used: run `assayctl learn` or "
        + "`assayctl enrol`."
    }
    if active.words == nil, recipe.hasWords {
      return
        "The words of recipe \(recipe.name) are not in its version: run `assayctl learn` or `assayctl enrol`."
    }
    return nil
  }
}
