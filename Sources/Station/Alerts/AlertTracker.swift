import Capture
import Messaging

/// Decides when what a line finds is worth an alert. A value: it has no clock, no lock and no connection.
///
/// A frame that is `undecidable` or an `error` says nothing about a part, so it neither opens nor closes an alert.
struct AlertTracker {
  /// What happens at.
  struct Moment {
    var time: UTCTimestamp
    /// Seconds on a clock that does not jump.
    var seconds: Double

    static var now: Moment { Moment(time: .now, seconds: Double(MonotonicInstant.now.nanoseconds) / 1e9) }
  }

  private let line: String
  private let bootID: String
  var configuration: AlertConfiguration {
    didSet { if configuration != oldValue { window = [] } }
  }
  /// Whether each of the last frames or parts was `ng`, oldest first.
  private var window: [Bool] = []
  private var goodInARow = 0
  /// The part in front of the camera, whose frames go on coming.
  private var part: (id: String, isNG: Bool)?
  /// The worst `ng` frame in the window, while no alert is open.
  private var worst: ResultMessage?
  private(set) var open: AlertMessage?
  private var recipe: RecipeReference?
  private var toldAt = -Double.infinity
  /// What is to be told at the next occasion.
  private var isStale = false
  /// When alerts were opened, within the last hour.
  private var openings: [Double] = []
  private(set) var opened = 0
  private(set) var suppressed = 0
  private var suppressedSinceLast = 0
  /// Whether the present trouble was already counted as suppressed.
  private var isSuppressing = false

  /// - Parameter last: the newest alert of the line that an earlier run sent; it goes on where it is still open.
  init(
    line: String, bootID: String, configuration: AlertConfiguration = AlertConfiguration(),
    last: AlertMessage? = nil
  ) {
    self.line = line
    self.bootID = bootID
    self.configuration = configuration
    if let last, last.state != .closed {
      open = last
      recipe = last.recipe
    }
  }

  /// Takes a frame into account.
  ///
  /// - Returns: what is to be sent, in that order.
  mutating func take(
    _ result: ResultMessage, at moment: Moment, newID: () -> ULID
  ) -> [AlertMessage] {
    guard result.verdict == .ok || result.verdict == .ng else { return [] }
    var messages: [AlertMessage] = []
    if let recipe, recipe != result.recipe {
      if let message = close(.recipeChanged, at: moment) { messages.append(message) }
      window = []
      worst = nil
      part = nil
      isSuppressing = false
    }
    recipe = result.recipe
    let isNG = result.verdict == .ng
    if isNG { note(worst: result) }
    if let isNG = judged(result.partID, isNG) { count(isNG) }
    if open != nil {
      if goodInARow >= configuration.closeAfter {
        if let message = close(.recovered, at: moment) { messages.append(message) }
      } else if isStale, moment.seconds - toldAt >= configuration.updateInterval {
        if let message = update(at: moment) { messages.append(message) }
      }
    } else if isNG, window.count(where: { $0 }) >= configuration.openAt {
      if let message = begin(at: moment, newID) { messages.append(message) }
    } else if goodInARow >= configuration.closeAfter {
      isSuppressing = false
    }
    return messages
  }

  /// - Returns: whether a frame or part that is known now is `ng`; nil: the part is not over, or has been counted.
  private mutating func judged(_ id: String?, _ isNG: Bool) -> Bool? {
    guard configuration.unit == .parts, let id else {
      part = nil
      return isNG
    }
    guard let current = part, current.id == id else {
      // A good part is known to be good once the next one comes; a bad one at once.
      let last = part
      part = (id, isNG)
      if let last, !last.isNG { count(false) }
      return isNG ? true : nil
    }
    guard isNG, !current.isNG else { return nil }
    part?.isNG = true
    return true
  }

  private mutating func count(_ isNG: Bool) {
    window.append(isNG)
    if window.count > configuration.window { window.removeFirst(window.count - configuration.window) }
    goodInARow = isNG ? 0 : goodInARow + 1
    if !window.contains(true) { worst = nil }
    guard open != nil else { return }
    open?.judged += 1
    if isNG {
      open?.ng += 1
      isStale = true
    }
  }

  private mutating func note(worst result: ResultMessage) {
    func isWorse(than score: Double?) -> Bool { (result.score ?? 0) > (score ?? -.infinity) }
    if let alert = open {
      guard isWorse(than: alert.score) else { return }
      open?.show(result)
      isStale = true
    } else if isWorse(than: worst?.score) {
      worst = result
    }
  }

  private mutating func begin(at moment: Moment, _ newID: () -> ULID) -> AlertMessage? {
    guard let worst else { return nil }
    openings.removeAll { moment.seconds - $0 >= 3600 }
    guard openings.count < configuration.mostPerHour else {
      if !isSuppressing {
        isSuppressing = true
        suppressed += 1
        suppressedSinceLast += 1
      }
      return nil
    }
    isSuppressing = false
    openings.append(moment.seconds)
    opened += 1
    let ng = window.count { $0 }
    let alert = AlertMessage(
      alertID: newID(), line: line, bootID: bootID, openedUTC: moment.time,
      reason: "\(ng) of the last \(window.count) \(configuration.unit.rawValue) are not good.",
      unit: configuration.unit, ng: ng, judged: window.count, worst: worst, suppressed: suppressedSinceLast)
    suppressedSinceLast = 0
    self.worst = nil
    open = alert
    isStale = false
    toldAt = moment.seconds
    return alert
  }

  private mutating func update(at moment: Moment) -> AlertMessage? {
    guard var alert = open else { return nil }
    alert.state = .updated
    alert.revision += 1
    alert.timeUTC = moment.time
    alert.bootID = bootID
    alert.reason = "\(alert.ng) of \(alert.judged) \(alert.unit.rawValue) since it opened are not good."
    open = alert
    isStale = false
    toldAt = moment.seconds
    return alert
  }

  /// Ends the open alert, where there is one.
  mutating func close(_ closing: AlertMessage.Closing, at moment: Moment) -> AlertMessage? {
    guard var alert = update(at: moment) else { return nil }
    alert.state = .closed
    alert.closing = closing
    switch closing {
    case .recovered: alert.reason = "\(goodInARow) good \(alert.unit.rawValue) in a row."
    case .recipeChanged: alert.reason = "The line runs another recipe, or another version of it."
    case .removed: alert.reason = "The line or its alerts are not configured any more."
    }
    open = nil
    window = []
    goodInARow = 0
    worst = nil
    return alert
  }

  /// A person has seen the open alert.
  ///
  /// - Parameter alertID: the alert they mean; nil: the one that is open.
  mutating func acknowledge(
    _ alertID: ULID?, by: String, note: String?, at moment: Moment
  ) throws(Refusal) -> AlertMessage {
    guard let alert = open else { throw Refusal("Line \(line) has no open alert.") }
    if let alertID, alertID != alert.alertID {
      throw Refusal("The alert \(alertID) is not open; open on line \(line) is \(alert.alertID).")
    }
    if let already = alert.acknowledged {
      throw Refusal("The alert was acknowledged by \(already.by) at \(already.timeUTC).")
    }
    open?.acknowledged = .init(by: by, timeUTC: moment.time, note: note)
    guard let message = update(at: moment) else { throw Refusal("Line \(line) has no open alert.") }
    return message
  }
}
