import Imaging
import Inspection
import Synchronization

/// Collects the next pictures a line sees, for an enrolment.
///
/// The judging thread offers each picture and goes on; whoever waits for them gets all at once.
final class ReferenceCollector: Sendable {
  private enum State {
    case collecting([Reference])
    case ended(Result<[Reference], EnrolmentFailure>)
  }

  let count: Int
  private let progress: @Sendable (_ done: Int) -> Void
  private let state: Mutex<State>
  private let waiter = Mutex<CheckedContinuation<[Reference], any Error>?>(nil)

  /// - Parameters:
  ///   - count: pictures wanted, at least 1.
  ///   - progress: called on the judging thread after each picture.
  init(count: Int, progress: @escaping @Sendable (_ done: Int) -> Void) {
    self.count = count
    self.progress = progress
    state = Mutex(.collecting([]))
  }

  /// Takes a picture, unless there are enough.
  func offer(_ reference: @autoclosure () -> Reference) {
    let taken = state.withLock { state -> Int? in
      guard case .collecting(var references) = state else { return nil }
      references.append(reference())
      state = references.count == count ? .ended(.success(references)) : .collecting(references)
      return references.count
    }
    guard let taken else { return }
    progress(taken)
    if taken == count { resume() }
  }

  /// Ends the collection before it is complete; later calls do nothing.
  func abandon(_ reason: @autoclosure () -> String) {
    let isNew = state.withLock { state in
      guard case .collecting(let references) = state else { return false }
      let sentence = "\(references.count) of \(count) pictures had come: \(reason())"
      state = .ended(.failure(EnrolmentFailure(description: sentence)))
      return true
    }
    if isNew { resume() }
  }

  /// The pictures, in the order they were taken. To be called once.
  func references() async throws -> [Reference] {
    try await withCheckedThrowingContinuation { continuation in
      waiter.withLock { $0 = continuation }
      if case .ended = state.withLock({ $0 }) { resume() }
    }
  }

  private func resume() {
    guard case .ended(let result) = state.withLock({ $0 }),
      let continuation = waiter.withLock({ $0.take() })
    else { return }
    continuation.resume(with: result.mapError { $0 })
  }
}

/// Why an enrolment ended without a new version.
struct EnrolmentFailure: Error, CustomStringConvertible {
  let description: String
}
