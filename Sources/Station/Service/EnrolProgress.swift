import Capture
import Inspection
import Messaging
import Synchronization

/// How far an enrolment is: sent to the response topic before the answer, where the command asks for it.
struct EnrolProgressMessage: Message {
  enum Stage: String, Codable, Sendable {
    /// Pictures taken from the line.
    case collecting
    /// Views encoded, of all references in all orientations.
    case encoding
    /// Vectors kept, of those the bank may hold.
    case reducing
    /// References scored against the others.
    case calibrating
  }

  var schema = "assayd.enrol-progress/1"
  var line: String
  var stage: Stage
  var done: Int
  var of: Int
  var timeUTC = UTCTimestamp.now

  enum CodingKeys: String, CodingKey {
    case schema, line, stage, done, of
    case timeUTC = "time_utc"
  }
}

/// Passes on progress: each stage's first and last step at once, and in between at most one a second.
final class EnrolProgress: Sendable {
  private let send: @Sendable (EnrolProgressMessage.Stage, _ done: Int, _ of: Int) -> Void
  private let last = Mutex<(stage: EnrolProgressMessage.Stage, at: MonotonicInstant)?>(nil)

  init(_ send: @escaping @Sendable (EnrolProgressMessage.Stage, _ done: Int, _ of: Int) -> Void) {
    self.send = send
  }

  func report(_ stage: EnrolProgressMessage.Stage, _ done: Int, of total: Int) {
    let isDue = last.withLock { last in
      let now = MonotonicInstant.now
      if let last, last.stage == stage, done < total, now.seconds(since: last.at) < 1 { return false }
      last = (stage, now)
      return true
    }
    if isDue { send(stage, done, total) }
  }

  func report(_ stage: RecipeConfiguration.EnrolmentStage) {
    switch stage {
    case .building(.encoding(let done, let total)): report(.encoding, done, of: total)
    case .building(.reducing(let done, let total)): report(.reducing, done, of: total)
    case .calibrating(let done, let total): report(.calibrating, done, of: total)
    }
  }
}
