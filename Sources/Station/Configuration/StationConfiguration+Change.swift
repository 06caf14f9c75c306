import Foundation
import Inspection

extension StationConfiguration {
  /// What differs from another configuration and is fixed while the station runs.
  func keysFixed(against new: StationConfiguration) -> [ConfigurationProblem] {
    let fixed: [(key: String, isSame: Bool)] = [
      ("station", station == new.station), ("root_topic", topics == new.topics),
      ("broker", broker == new.broker), ("model", model == new.model),
      ("compute", computeThreads == new.computeThreads), ("limits", outbox == new.outbox),
      ("console", console == new.console), ("reload_on_change", reloadsOnChange == new.reloadsOnChange),
    ]
    return fixed.filter { !$0.isSame }.map { key, _ in
      new.problem(
        in: "assayd.yaml", at: key,
        "`\(key)` differs from what the station runs with, and takes effect only when it is started anew: "
          + "`systemctl restart assayd`.")
    }
  }

  /// Why a line may not be set up so.
  ///
  /// A recipe without references is no reason: it can be enrolled from the running line. Neither is one that could not
  /// be used before, as long as it is the same.
  func problems(with setup: Line.Setup, replacing present: Line?) -> [ConfigurationProblem] {
    let line = setup.configuration
    var problems = (present?.refusals(of: line.source) ?? []).map {
      problem(in: "lines/\(line.name).yaml", at: "controls", "`camera.controls`: \($0)")
    }
    if case .refused(let reason, let explanation) = setup.recipe.current {
      var isKnown = false
      if let before = present?.setup, case .refused(reason, _) = before.recipe.current {
        isKnown = before.configuration.recipe == line.recipe
      }
      if !isKnown { problems.append(problem(inRecipe: line.recipe, at: "scoring", explanation)) }
    }
    return problems
  }

  func problem(inRecipe recipe: String, at key: String, _ message: String) -> ConfigurationProblem {
    problem(in: "recipes/\(recipe).yaml", at: key, message)
  }

  /// A problem at the line in which a key is written, or at the file's beginning where it is not.
  private func problem(in path: String, at key: String, _ message: String) -> ConfigurationProblem {
    let content = files.first { $0.path == path }.map { String(decoding: $0.content, as: UTF8.self) } ?? ""
    let lines = content.split(separator: "\n", omittingEmptySubsequences: false)
    let index = lines.firstIndex { $0.drop { $0 == " " }.hasPrefix("\(key):") }
    return ConfigurationProblem(
      file: paths.configuration.appending(path: path).path, line: (index ?? 0) + 1, message: message)
  }
}
