/// The payload of `cmd/enrol`: `{"count": 8, "reason": "new supplier"}`, and `"progress": true` where wanted.
package struct EnrolRequest: Equatable {
  static let counts = 1...64
  static let longestReason = 200

  /// Pictures to take, the next ones of the line.
  var count: Int
  /// Why, for the log; anything a person wants to say.
  var reason: String
  /// Whether to tell on the way how far it is.
  var progress: Bool

  package init(payload: [UInt8]) throws(Refusal) {
    let fields = try CommandFields(
      payload, names: ["count", "reason", "progress"], form: #"{"count": 8, "reason": "why"}"#)
    count = try fields.integer("count", Self.counts)
    reason = try fields.text("reason", "why", length: 1...Self.longestReason)
    progress = try fields.boolean("progress", default: false)
  }
}
