import Foundation

extension Calibration {
  /// The threshold for a person: what was asked for, what there was to choose from, how it was chosen and what that
  /// is worth.
  public var explanation: [String] {
    evidence == .written ? [source] : [goal, source, spread, choice, pixels] + advice
  }

  private var goal: String {
    "Asked for: of good parts, at most \(percent(falseAlarmRate)) are called NG."
  }

  private var source: String {
    let count = readings.count
    switch evidence {
    case .heldOutPictures:
      return
        "Chosen from \(count) picture\(count == 1 ? "" : "s") of good parts that are not in the memory bank."
    case .leaveOneOut:
      let note =
        bankIsReduced
        ? "because the bank was reduced to a coreset, the promise below holds only approximately"
        : "so the scores are rather too high than too low, and what they promise holds"
      return
        "Chosen from the \(count) references, each scored against a bank of the other \(count - 1): one reference "
        + "fewer than parts are compared with, \(note)."
    case .heldOutViews:
      return
        "There is only one reference, and how much good parts differ from each other cannot be seen in it. As a "
        + "stand-in it was scored in eight orientations, each against the seven others."
    case .written:
      return
        "The threshold is \(number(imageLimit.value)) as it was written: there is no reference to choose one from, and "
        + "nothing is promised about good parts."
    }
  }

  private var spread: String {
    let scores = readings.map(\.score).sorted()
    guard let low = scores.first, let high = scores.last, scores.count > 1 else {
      return "Its score is \(number(scores.first ?? 0))."
    }
    let half = scores.count / 2
    let median = scores.count % 2 == 1 ? scores[half] : (scores[half - 1] + scores[half]) / 2
    return "Their scores are \(number(low)) to \(number(high)), median \(number(median))."
  }

  private var choice: String {
    let count = readings.count
    if let rank = imageLimit.rank, let rate = imageLimit.promisedRate {
      return
        "The threshold is \(number(imageLimit.value)), the \(ordinal(rank)) lowest of the \(count) scores. A further "
        + "good part exceeds it with a probability of at most \(percent(rate)), whatever the distribution of the "
        + "scores, as long as the parts keep coming from the same process (conformal prediction)."
    }
    let prior =
      "a Student t prediction limit on the logarithms of the scores, with "
      + "\(Int(Limit.priorDegrees) + count - 1) degrees of freedom, of which \(Int(Limit.priorDegrees)) stand for "
      + "the spread usual among good parts (\(Limit.priorDeviation)), and never below the highest score"
    guard let rate = imageLimit.promisedRate else {
      return
        "The threshold is \(number(imageLimit.value)): \(prior). Nothing is promised: it is an estimate until "
        + "more good parts are seen."
    }
    return
      "\(count) picture\(count == 1 ? "" : "s") cannot promise \(percent(falseAlarmRate)): the highest of \(count) "
      + "scores is exceeded by at most \(percent(rate)) of good parts, and a promise of \(percent(falseAlarmRate)) "
      + "takes \(picturesNeeded). The threshold is therefore extrapolated to \(number(imageLimit.value)): \(prior). "
      + "It meets \(percent(falseAlarmRate)) only as far as that assumption does."
  }

  private var pixels: String {
    "Pixels above \(number(pixelLimit.value)) make a region, chosen in the same way from the highest value of each "
      + "good part's map, so that good parts rarely show one. Heat maps run from \(number(heatMap.low)) to "
      + "\(number(heatMap.high)) on every picture."
  }

  private var advice: [String] {
    guard imageLimit.basis == .extrapolated else { return [] }
    return [
      "To have \(percent(falseAlarmRate)) promised, calibrate on \(picturesNeeded) or more pictures of good parts "
        + "that are not references."
    ]
  }

  /// The fewest scores among which the conformal rank exists.
  var picturesNeeded: Int { Int((1 / falseAlarmRate - 1 - 1e-9).rounded(.up)) }

  private func percent(_ rate: Double) -> String {
    String(format: "%.3g %%", rate * 100)
  }

  private func number(_ value: Float) -> String {
    String(format: "%.4f", Double(value))
  }

  private func ordinal(_ number: Int) -> String {
    let suffix =
      switch (number % 10, number % 100) {
      case (_, 11...13): "th"
      case (1, _): "st"
      case (2, _): "nd"
      case (3, _): "rd"
      default: "th"
      }
    return "\(number)\(suffix)"
  }
}
