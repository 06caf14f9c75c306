import Foundation
import Imaging
import Inspection
import Messaging

/// How a station gets from the configuration it runs to another one: everything that can fail has been done when there is
/// a plan, and nothing has changed yet.
struct ReloadPlan {
  let configuration: StationConfiguration
  /// The recipes of all lines of the new configuration.
  private(set) var slots: [String: RecipeSlot] = [:]
  private(set) var removed: [Line] = []
  private(set) var changed: [(line: Line, setup: Line.Setup)] = []
  private(set) var kept: [Line] = []
  private(set) var added: [Line.Setup] = []
  /// What it comes to, a few words each.
  private(set) var summary: [String] = []

  /// Checks the new configuration against what runs, reads the recipes it needs and has them prove themselves.
  ///
  /// - Parameters:
  ///   - polite: the same engine, for proofs: it lets the lines go first.
  ///   - isStillWanted: asked before each picture that is judged for a proof.
  /// - Throws: `ConfigurationError` with every reason why the change is refused.
  init(
    from current: Roster.State, to configuration: StationConfiguration, engine: InspectionEngine,
    polite: InspectionEngine, isStillWanted: () -> Bool
  ) throws(ConfigurationError) {
    self.configuration = configuration
    var problems = current.configuration.keysFixed(against: configuration)
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }

    for line in configuration.lines where slots[line.recipe] == nil {
      guard let recipe = configuration.recipes[line.recipe] else { continue }
      if let slot = current.slots[line.recipe], slot.configuration == recipe,
        slot.current.isCurrent(recipe, paths: configuration.paths)
      {
        slots[line.recipe] = slot
      } else {
        let state = RecipeState.load(recipe, paths: configuration.paths, engine: engine)
        slots[line.recipe] = RecipeSlot(recipe, state: state)
      }
    }
    let old = Dictionary(uniqueKeysWithValues: current.lines.map { ($0.name, $0) })
    for line in configuration.lines {
      guard let slot = slots[line.recipe] else { continue }
      let setup = Line.Setup(configuration: line, recipe: slot)
      let present = old[line.name]
      problems += configuration.problems(with: setup, replacing: present)
      guard let present else {
        added.append(setup)
        summary.append("line \(line.name) added")
        continue
      }
      let before = present.setup
      if before.configuration == line, before.recipe === slot {
        kept.append(present)
        continue
      }
      changed.append((present, setup))
      summary.append("line \(line.name): \(Self.differences(before, setup).joined(separator: ", "))")
    }
    let names = Set(configuration.lines.map(\.name))
    removed = current.lines.filter { !names.contains($0.name) }
    summary += removed.map { "line \($0.name) removed" }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    problems = proof(polite, isStillWanted)
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
  }

  var isEmpty: Bool { removed.isEmpty && changed.isEmpty && added.isEmpty }

  /// Has every changed recipe, and every recipe under a changed region, judge its golden pictures.
  private func proof(_ engine: InspectionEngine, _ isStillWanted: () -> Bool) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    var proven: [(RecipeSlot, PixelRect?)] = []
    let suspects = changed.filter { line, setup in
      line.recipe !== setup.recipe || line.configuration.region != setup.configuration.region
    }
    for setup in added + suspects.map(\.setup) {
      guard let golden = setup.recipe.configuration.golden, case .ready = setup.recipe.current,
        !proven.contains(where: { $0.0 === setup.recipe && $0.1 == setup.configuration.region }),
        isStillWanted(),
        case .ready(let active) = RecipeState.load(
          setup.recipe.configuration, paths: configuration.paths, engine: engine)
      else { continue }
      proven.append((setup.recipe, setup.configuration.region))
      problems += GoldenPictures(folder: golden).mistakes(of: active, region: setup.configuration.region).map
      {
        configuration.problem(inRecipe: setup.recipe.configuration.name, at: "golden", $0)
      }
    }
    return problems
  }

  private static func differences(_ old: Line.Setup, _ new: Line.Setup) -> [String] {
    let (before, after) = (old.configuration, new.configuration)
    var words: [String] = []
    if before.source != after.source { words.append("camera") }
    if before.region != after.region { words.append("region") }
    if before.recipe != after.recipe {
      words.append("recipe \(after.recipe)")
    } else if old.recipe !== new.recipe {
      words.append("recipe \(after.recipe) as it is now")
    }
    var rest = before
    (rest.source, rest.region, rest.recipe) = (after.source, after.region, after.recipe)
    if rest != after { words.append("settings") }
    return words
  }
}
