import Messaging

extension MQTTSession {
  /// Ends the alerts that an earlier run left open on lines that there are no more: nothing else ever would.
  func closeAlerts(except lines: [String], bootID: String) {
    for payload in outbox.newestAlerts.values {
      guard let last = try? AlertMessage(payload: payload), !lines.contains(last.line) else { continue }
      var tracker = AlertTracker(line: last.line, bootID: bootID, last: last)
      if let closed = tracker.close(.removed, at: .now) { try? deliver(closed) }
    }
  }
}
