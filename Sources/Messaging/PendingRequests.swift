import Synchronization

/// The requests that wait for answers, by correlation data.
final class PendingRequests: Sendable {
  typealias Continuation = AsyncThrowingStream<ObservedMessage, any Error>.Continuation

  private struct Request {
    var continuation: Continuation
    /// When the command was sent or the newest answer came.
    var heard = ContinuousClock.now
  }

  private let requests = Mutex<[[UInt8]: Request]>([:])

  /// - Returns: correlation data that nobody else uses.
  func begin(_ continuation: Continuation, silence: Duration) -> [UInt8] {
    let correlation = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
    requests.withLock { $0[correlation] = Request(continuation: continuation) }
    let patience = Task { [weak self] in
      while let heard = self?.lastHeard(correlation) {
        guard ContinuousClock.now < heard + silence else {
          return continuation.finish(throwing: RequestFault.noAnswer(silence))
        }
        try await Task.sleep(until: heard + silence, clock: .continuous)
      }
    }
    continuation.onTermination = { [weak self] _ in
      patience.cancel()
      _ = self?.requests.withLock { $0.removeValue(forKey: correlation) }
    }
    return correlation
  }

  private func lastHeard(_ correlation: [UInt8]) -> ContinuousClock.Instant? {
    requests.withLock { $0[correlation]?.heard }
  }

  func hear(_ answer: ObservedMessage, for correlation: [UInt8]) {
    let continuation = requests.withLock { requests in
      requests[correlation]?.heard = .now
      return requests[correlation]?.continuation
    }
    continuation?.yield(answer)
  }

  func endAll() {
    for request in requests.withLock({ Array($0.values) }) { request.continuation.finish() }
  }
}
