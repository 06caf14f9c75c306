import Foundation
import HTTPTypes
import Hummingbird
public import Logging
public import Messaging
import NIOCore
public import ServiceLifecycle
public import Station

/// What the station says of itself over HTTP, for people and monitors on the same machine. It can only be looked at.
///
/// | path | answer |
/// |---|---|
/// | `/healthz` | 200 while every line judges what it gets, otherwise 503 |
/// | `/readyz` | 200 once the first line is up, otherwise 503 |
/// | `/status` | everything, as JSON: the message on `<root>/status` |
/// | `/metrics` | the same as numbers, in Prometheus's text format |
///
/// A console that cannot listen is no reason to stop a line: it says so and tries again.
public struct ConsoleService: Service {
  private let configuration: ConsoleConfiguration
  private let status: @Sendable () -> StationStatusMessage
  private let onListening: @Sendable (_ port: Int) -> Void
  private let logger: Logger

  private static let retry = Duration.seconds(30)

  /// - Parameter status: how the station is at this moment.
  public init(
    _ configuration: ConsoleConfiguration, logger: Logger,
    status: @escaping @Sendable () -> StationStatusMessage
  ) {
    self.init(configuration, logger: logger, onListening: { _ in }, status: status)
  }

  /// - Parameter onListening: told the port, which the system chose where 0 was asked for.
  init(
    _ configuration: ConsoleConfiguration, logger: Logger, onListening: @escaping @Sendable (Int) -> Void,
    status: @escaping @Sendable () -> StationStatusMessage
  ) {
    self.configuration = configuration
    self.status = status
    self.onListening = onListening
    self.logger = logger
  }

  /// Returns when a graceful shutdown begins; whoever is being answered then is not waited for.
  public func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do {
          try await application.run()
        } catch is CancellationError {
          return
        } catch {
          logger.error(
            "The console cannot listen; it will try again.",
            metadata: [
              "address": "\(configuration.address)", "port": "\(configuration.port)", "error": "\(error)",
            ])
        }
        try await Task.sleep(for: Self.retry)
      }
    }
  }

  private var application: some ApplicationProtocol {
    let router = Router()
    router.get("healthz") { [status] _, _ in
      status().isHealthy ? Self.text("healthy\n") : Self.text("a line hangs\n", .serviceUnavailable)
    }
    router.get("readyz") { [status] _, _ in
      status().isReady ? Self.text("ready\n") : Self.text("not ready yet\n", .serviceUnavailable)
    }
    router.get("status") { [status] _, _ in
      Self.response(try status().encoded(), type: "application/json", .ok)
    }
    router.get("metrics") { [status] _, _ in
      Self.response(
        Array(MetricsPage(status()).text.utf8), type: "text/plain; version=0.0.4; charset=utf-8", .ok)
    }
    // What goes wrong is thrown and told above; of itself it would call every stop of the station an error.
    var quiet = logger
    quiet.logLevel = .critical
    return Application(
      router: router,
      configuration: .init(
        address: .hostname(configuration.address, port: configuration.port), serverName: "assayd"),
      onServerRunning: { [onListening] channel in
        if let port = channel.localAddress?.port { onListening(port) }
      }, logger: quiet)
  }

  private static func text(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
    response(Array(text.utf8), type: "text/plain; charset=utf-8", status)
  }

  private static func response(
    _ bytes: [UInt8], type: String, _ status: HTTPResponse.Status
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
