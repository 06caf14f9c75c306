import ServiceLifecycle
import Station
import UnixSignals

/// Has the station reload its configuration at each SIGHUP.
struct ReloadSignal: Service {
  let station: Station

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() { await station.reload() }
  }
}
