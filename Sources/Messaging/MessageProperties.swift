/// What travels beside a message's payload in MQTT 5 (OASIS MQTT 5.0, section 3.3.2.3) and is used here.
struct MessageProperties: Sendable, Equatable {
  /// Where the sender wants the answer; nil: nowhere.
  var responseTopic: String?
  /// Goes back with the answer as it came.
  var correlation: [UInt8]?
  /// Of two with one name the last one counts.
  var user: [String: String] = [:]

  /// Upper bound on the bytes in the packet: 5 more for each entry's identifier and lengths.
  var size: Int {
    let texts = user.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 5 }
    return texts + (responseTopic.map { $0.utf8.count + 5 } ?? 0) + (correlation.map { $0.count + 5 } ?? 0)
  }
}
