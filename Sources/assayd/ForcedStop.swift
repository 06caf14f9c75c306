import Dispatch
import Glibc
import Synchronization

/// Ends the process at the second signal: whoever presses Ctrl-C twice does not want to wait.
///
/// The first one is left to the service group. The broker then says `offline`, which is true.
final class ForcedStop {
  private let sources: [any DispatchSourceSignal]

  init(signals: [Int32]) {
    let counter = SignalCounter()
    sources = signals.map { signal in
      // Of the default class: for a higher one libdispatch asks for a higher priority, which the unit forbids, and complains.
      let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
      source.setEventHandler {
        if counter.next() >= 2 { _exit(128 + signal) }
      }
      source.resume()
      return source
    }
  }

  func cancel() { for source in sources { source.cancel() } }
}

private final class SignalCounter: Sendable {
  private let count = Atomic<Int>(0)

  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
