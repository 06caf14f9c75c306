/// The topics of one station, as `docs/mqtt.md` lists them.
public struct TopicTree: Sendable, Equatable {
  /// One sentence: what is wrong with a root topic or a line's name, and what is allowed.
  public struct Mistake: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// What a line publishes under its name.
  public enum Leaf: String, Sendable, CaseIterable {
    case status, verdict, result, alert, heatmap, stats
  }

  /// Longest root and longest line name, in bytes. MQTT allows 65,535 for a whole topic, some brokers far less.
  public static let longestRoot = 128
  public static let longestLine = 64

  /// For example `assayd/press-hall-3`.
  public let root: String

  /// - Throws: `Mistake` unless the root is 1 to 128 bytes of levels separated by single slashes, without
  ///   wildcards and control characters, and does not start with `$`, which belongs to the broker.
  public init(root: String) throws(Mistake) {
    let levels = root.split(separator: "/", omittingEmptySubsequences: false)
    guard !root.isEmpty, root.utf8.count <= Self.longestRoot, root.first != "$",
      levels.allSatisfy({ !$0.isEmpty && Self.isPlain($0) })
    else {
      throw Mistake(
        description:
          "The root topic \"\(root)\" does not work: it must be 1 to \(Self.longestRoot) bytes, without "
          + "+, # and control characters, without a slash at either end or two in a row, and not start with $."
      )
    }
    self.root = root
  }

  /// The root for a computer of this name: `assayd/<hostname>`.
  public init(hostName: String) {
    let usable = hostName.unicodeScalars.filter { !"/+#".unicodeScalars.contains($0) && $0.value > 32 }
    let name = String(String.UnicodeScalarView(usable.prefix(32)))
    root = "assayd/\(name.isEmpty ? "localhost" : name)"
  }

  /// The root for this computer.
  public static var standard: TopicTree { TopicTree(hostName: Network.hostName) }

  /// - Throws: `Mistake` unless the name of a line can be one level of a topic.
  public static func check(line: String) throws(Mistake) {
    guard !line.isEmpty, line.utf8.count <= longestLine, isPlain(line), !line.contains("/") else {
      throw Mistake(
        description: "The line name \"\(line)\" does not work: it must be 1 to \(longestLine) bytes, without "
          + "/, +, # and control characters.")
    }
  }

  public var availability: String { "\(root)/availability" }
  public var birth: String { "\(root)/birth" }
  /// Of the whole station; `topic(.status, of:)` is a line's.
  public var status: String { "\(root)/status" }

  public func topic(_ leaf: Leaf, of line: String) -> String { "\(root)/\(line)/\(leaf.rawValue)" }

  public func command(_ verb: String, for line: String) -> String { "\(root)/\(line)/cmd/\(verb)" }

  /// One leaf of all lines, for those who listen.
  public func filter(_ leaf: Leaf) -> String { "\(root)/+/\(leaf.rawValue)" }

  /// Where the answers to a tool's commands go: below the root, so that the station's rights at the broker suffice.
  public func answers(to clientID: String) -> String { "\(root)/answers/\(clientID)" }

  /// What the station subscribes to: every verb of every line.
  public var commandFilter: String { "\(root)/+/cmd/+" }

  /// The line and the verb in a topic that a command came in on; nil where it is none.
  public func command(in topic: String) -> (line: String, verb: String)? {
    guard topic.hasPrefix("\(root)/") else { return nil }
    let levels = topic.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false)
    guard levels.count == 3, levels[1] == "cmd", !levels[0].isEmpty, !levels[2].isEmpty else { return nil }
    return (String(levels[0]), String(levels[2]))
  }

  /// Whether this station itself speaks on the topic. An answer must never go there: whoever may send commands
  /// could otherwise make the station publish a false verdict.
  func isOwn(_ topic: String) -> Bool {
    topic == availability || topic == birth || topic == status
      || topic.hasPrefix("\(root)/")
        && topic.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false).dropFirst()
          .first.map { $0 == "cmd" || Leaf(rawValue: String($0)) != nil } ?? false
  }

  /// Whether a publication may go to the topic at all.
  static func canPublish(to topic: String) -> Bool {
    !topic.isEmpty && topic.utf8.count <= 65535 && isPlain(topic)
  }

  private static func isPlain(_ text: some StringProtocol) -> Bool {
    text.unicodeScalars.allSatisfy { $0 != "+" && $0 != "#" && $0.properties.generalCategory != .control }
  }
}
