public import Capture
public import Foundation
public import Imaging
public import Inspection
public import Messaging

/// Everything the files below `etc/assayd` say, checked as a whole.
///
/// It is a value: a changed configuration is another one, and a station runs on exactly one at a time.
public struct StationConfiguration: Sendable, Equatable {
  public let paths: StationPaths
  /// The station's name in logs and in its birth message; the host name by default.
  public let station: String
  /// `assayd/<host name>` by default.
  public let topics: TopicTree
  public let broker: BrokerConfiguration
  public let model: URL
  /// Compute threads shared by all lines; nil leaves it to the machine's number of processors.
  public let computeThreads: Int?
  /// Bounds on the messages kept for a broker that is away.
  public let outbox: OutboxLimits
  public let evidence: EvidenceConfiguration
  /// Where the console listens; nil where there is none.
  public let console: ConsoleConfiguration?
  /// Whether a change of the files is taken over as soon as they are saved, rather than when somebody says so.
  public let reloadsOnChange: Bool
  /// By name, in the order of names; at least one.
  public internal(set) var lines: [LineConfiguration]
  public let recipes: [String: RecipeConfiguration]
  /// SHA-256 over names and contents of all files read, in lower-case hexadecimal. Files named in them (the model,
  /// passwords, certificates) do not count.
  public let hash: String
  /// What was read, in the order of paths below `etc/assayd`.
  let files: [File]

  struct File: Sendable, Equatable {
    /// For example `lines/press.yaml`.
    var path: String
    var content: Data
  }

  /// The recipe a line runs.
  public func recipe(of line: LineConfiguration) -> RecipeConfiguration? { recipes[line.recipe] }
}

/// How to reach the MQTT broker.
public struct BrokerConfiguration: Sendable, Equatable {
  /// A name or an address.
  public var host: String
  public var port: Int
  public var clientID: String
  public var keepAliveSeconds: Int
  public var user: String?
  /// The file whose first line is the password. The password itself is never part of a configuration.
  public var passwordFile: URL?
  public var tls: TLSConfiguration?

  public init(
    host: String, port: Int, clientID: String, keepAliveSeconds: Int = 30, user: String? = nil,
    passwordFile: URL? = nil, tls: TLSConfiguration? = nil
  ) {
    self.host = host
    self.port = port
    self.clientID = clientID
    self.keepAliveSeconds = keepAliveSeconds
    self.user = user
    self.passwordFile = passwordFile
    self.tls = tls
  }
}

/// TLS towards the broker. The broker's certificate and its host name are always verified.
public struct TLSConfiguration: Sendable, Equatable {
  /// Certificates to trust, PEM; nil trusts those of the operating system.
  public var authorities: URL?
  /// The station's own certificate and its private key, PEM, for brokers that ask for one; both or none.
  public var certificate: URL?
  public var key: URL?

  public init(authorities: URL? = nil, certificate: URL? = nil, key: URL? = nil) {
    self.authorities = authorities
    self.certificate = certificate
    self.key = key
  }
}

/// Where the console (metrics, health, status) listens for HTTP.
public struct ConsoleConfiguration: Sendable, Equatable {
  /// An IPv4 or IPv6 address of this machine.
  public var address: String
  public var port: Int

  public init(address: String = "127.0.0.1", port: Int = 8464) {
    self.address = address
    self.port = port
  }
}

/// One camera and what is done with its frames.
public struct LineConfiguration: Sendable, Equatable {
  public enum Source: Sendable, Equatable {
    case camera(CameraOptions)
    /// A folder played as if a camera saw it.
    case replay(ReplayOptions)
  }

  /// Which judged frames are sent as a full result.
  public enum ResultPolicy: String, Sendable, CaseIterable {
    case all
    /// Those that are not `ok`: `ng`, `undecidable` and `error`.
    case ng
  }

  /// Which frames are judged.
  public enum Frames: String, Sendable, CaseIterable {
    case all
    /// Those that the command `trigger` asks for.
    case triggered
  }

  /// The file's name without `.yaml`; a level of the line's topics.
  public var name: String
  public var source: Source
  public var frames: Frames
  /// For the frame of a trigger to come.
  public var triggerTimeoutMilliseconds: Int
  /// So many equal pictures in a row are a frozen camera; 0: however many there are.
  public var frozenAfter: Int
  /// The part of the sensor's picture that is judged, in pixels; nil judges all of it.
  public var region: PixelRect?
  /// The name of the recipe it runs.
  public var recipe: String
  public var results: ResultPolicy
  /// Milliseconds from exposure to message within which a verdict is in time; nil where there is no deadline.
  public var deadlineMilliseconds: Double?
  public var heatmap: HeatmapConfiguration?
  public var alerts = AlertConfiguration()
}

/// An overlay of the score map, published beside the verdict.
public struct HeatmapConfiguration: Sendable, Equatable {
  /// At most one in this many milliseconds.
  public var intervalMilliseconds: Int
  /// JPEG quality, 1...100.
  public var quality: Int
}

/// What a part is and how it is judged.
public struct RecipeConfiguration: Sendable, Equatable {
  public enum Version: Sendable, Equatable {
    /// The highest number there is; enrolling makes a new one and takes it into use.
    case latest
    case number(Int)
  }

  /// The file's name without `.yaml`.
  public var name: String
  public var product: String
  /// What good parts are like and what can be wrong with them, in the operator's words; `{}` stands for the product.
  /// Prompts for a model with a text tower, names of defects otherwise.
  public var normal: [String]
  public var defects: [String]
  public var version: Version
  public var scoring: ScoringOptions
  /// At most this many vectors in the memory bank; more references are thinned to a coreset.
  public var bankVectors: Int
  public var decision: DecisionConfiguration
  /// For what a picture is not judged, unlike the references; of `UndecidableReason.byReferences`.
  public var undecidable: Set<UndecidableReason>
  /// A folder of pictures whose verdicts are known: see `GoldenPictures`. A changed recipe must still judge them so.
  public var golden: URL?
}

/// How a score becomes a verdict.
public struct DecisionConfiguration: Sendable, Equatable {
  /// The fraction of good parts that may be called `ng`.
  public var falseAlarmRate: Double
  /// A threshold to use instead of the calibrated one; a score above it is `ng`.
  public var threshold: Double?
  /// Regions smaller than this many sensor pixels are not reported.
  public var minimumRegionArea: Int
  /// The size of one sensor pixel on the part, for areas in mm²; nil where nobody measured it.
  public var millimetresPerPixel: Double?
}
