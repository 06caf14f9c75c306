import Capture
import Inspection
import Messaging
import Synchronization

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
    case .learning: break  // only `assayctl learn` does
    }
  }
}
