/// Messages that must not be lost, from the moment they exist until the broker has acknowledged them.
///
/// The session reads each lane in the order of the identifiers and never keeps an entry itself: after a reconnect it
/// starts again from the oldest, so what was on its way is sent once more. A message leaves
///
/// 1. by `acknowledge`, when the broker's PUBACK says it has it;
/// 2. by `reject`, when the message itself can never be taken (too long, invalid) and would block all others;
/// 3. by giving way, when the bounds are reached: first results older than the age limit, then the oldest `routine`
///    messages, then the oldest `important` ones, alerts last and never for their age. A message never displaces
///    a more important one;
/// 4. by damage to the medium it was kept on.
///
/// Each of the four is counted. All calls may come from any thread, and none waits for a disk, except `close`.
public protocol Outbox: Sendable {
  /// Takes a message in, or counts it as dropped where the bounds leave no place for it.
  func append(_ message: OutboxMessage)
  /// The oldest entry of the lane whose identifier is greater; nil: there is none at hand now. What is fetched from
  /// elsewhere is announced through `onNews`.
  func next(after identifier: UInt64, in lane: OutboxLane) -> OutboxEntry?
  func acknowledge(_ identifier: UInt64)
  func reject(_ identifier: UInt64)
  var counts: OutboxCounts { get }
  /// Sets what is called, on any thread, when `next` may have more to give than before.
  func onNews(_ wake: @escaping @Sendable () -> Void)
  /// The newest alert of each topic, of this process or an earlier one, acknowledged by the broker or not.
  var newestAlerts: [String: [UInt8]] { get }
  /// Brings everything to where it is kept. Later calls of `append` still count, and are lost with the process.
  ///
  /// - Returns: whether that was done within the limit.
  @discardableResult
  func close(within limit: Duration) async -> Bool
}

/// What is sent in order with each other. Lanes do not wait for each other: an alert overtakes a day of results.
public enum OutboxLane: Int, Sendable, CaseIterable {
  case alerts
  case results
}

public struct OutboxMessage: Sendable, Equatable {
  /// What gives way first when there is no room.
  public enum Importance: Int, Sendable, CaseIterable {
    /// A part that was found good.
    case routine
    /// A part that is not good, not decidable, or failed.
    case important
    /// What a person has to act on.
    case alert

    var lane: OutboxLane { self == .alert ? .alerts : .results }
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

/// Bounds on what waits for the broker.
public struct OutboxLimits: Sendable, Equatable {
  public var messages: Int
  /// Topics and payloads.
  public var bytes: Int
  /// Of results.
  public var age: Duration

  public init(messages: Int = 1_000_000, bytes: Int = 1 << 30, age: Duration = .seconds(72 * 3600)) {
    self.messages = messages
    self.bytes = bytes
    self.age = age
  }

  /// What may wait in memory alone.
  public static let inMemory = OutboxLimits(messages: 20_000, bytes: 64 << 20)
}

/// `appended` + `recovered` = `acknowledged` + `rejected` + `dropped` + `waiting`, always.
public struct OutboxCounts: Sendable, Equatable {
  public var waiting = 0
  public var waitingBytes = 0
  /// Of those waiting, the ones that would be lost with the process.
  public var unwritten = 0
  /// Identifier of the newest message ever appended; smaller than all that will be.
  public var newest: UInt64 = 0
  public var appended = 0
  /// Left by an earlier process.
  public var recovered = 0
  public var acknowledged = 0
  public var rejected = 0
  public var droppedForAge = 0
  public var droppedForSpace = 0
  /// What a damaged file held.
  public var droppedForDamage = 0
  /// Why messages are kept in memory only, as a sentence; nil: they are not.
  public var trouble: String?

  public init() {}

  public var dropped: Int { droppedForAge + droppedForSpace + droppedForDamage }
}
