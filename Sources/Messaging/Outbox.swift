/// Messages that must not be lost, from the moment they exist until the broker has acknowledged them.
///
/// The session reads entries in the order of their identifiers and never keeps one itself: after a reconnect it
/// starts again from the oldest, so what was on its way is sent once more. A message leaves
///
/// 1. by `acknowledge`, when the broker's PUBACK says it has it;
/// 2. by `reject`, when the message itself can never be taken (too long, invalid) and would block all others;
/// 3. by giving way, when the bounds are reached: first what is older than the age limit, then the oldest
///    `routine` messages, then the oldest `important` ones. A routine message never displaces an important one.
///
/// Each of the three is counted. All calls may come from any thread.
public protocol Outbox: Sendable {
  /// Takes a message in, or counts it as dropped where the bounds leave no place for it.
  func append(_ message: OutboxMessage)
  /// The oldest entry whose identifier is greater; nil: there is none now.
  func next(after identifier: UInt64) -> OutboxEntry?
  func acknowledge(_ identifier: UInt64)
  func reject(_ identifier: UInt64)
  var counts: OutboxCounts { get }
}

public struct OutboxMessage: Sendable, Equatable {
  /// What gives way first when there is no room.
  public enum Importance: Int, Sendable, CaseIterable {
    /// A part that was found good.
    case routine
    /// Everything a person has to know: parts that are not good, not decidable, or failed.
    case important
  }

  public var topic: String
  public var payload: [UInt8]
  public var importance: Importance

  public init(topic: String, payload: [UInt8], importance: Importance) {
    self.topic = topic
    self.payload = payload
    self.importance = importance
  }

  /// What the message counts against the bound on bytes.
  public var size: Int { topic.utf8.count + payload.count }
}

public struct OutboxEntry: Sendable, Equatable {
  /// Grows with every message; never used twice.
  public var identifier: UInt64
  public var message: OutboxMessage

  public init(identifier: UInt64, message: OutboxMessage) {
    self.identifier = identifier
    self.message = message
  }
}

/// `appended` = `acknowledged` + `rejected` + `droppedForAge` + `droppedForSpace` + `waiting`, always.
public struct OutboxCounts: Sendable, Equatable {
  public var waiting = 0
  public var waitingBytes = 0
  /// Identifier of the newest message ever appended, 0 before the first.
  public var newest: UInt64 = 0
  public var appended = 0
  public var acknowledged = 0
  public var rejected = 0
  public var droppedForAge = 0
  public var droppedForSpace = 0

  public init() {}
}
