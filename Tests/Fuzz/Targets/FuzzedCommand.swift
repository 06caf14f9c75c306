import Foundation
import Messaging
import Station

/// A publication of a stranger: as a command that the station carries out, and as a message that the tools show.
enum FuzzedCommand {
  static func run(_ bytes: [UInt8]) -> Bool {
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
    let topic = String(decoding: bytes[..<end], as: UTF8.self)
    let payload = Array(bytes[end...].dropFirst())
    guard let topics = try? TopicTree(root: "fuzz") else { return false }
    if let (_, verb) = topics.command(in: topic) { return isUnderstood(verb, payload) }
    let json = JSONDecoder()
    func read<Text: Message>(_: Text.Type) -> Bool {
      guard let message = try? json.decode(Text.self, from: Data(payload)) else { return false }
      return (try? message.encoded()) != nil
    }
    switch topic.split(separator: "/").last {
    case "result": return read(ResultMessage.self)
    case "verdict": return read(VerdictMessage.self)
    case "alert": return read(AlertMessage.self)
    case "stats": return read(StatsMessage.self)
    case "status": return read(StationStatusMessage.self) || read(StatusMessage.self)
    case "birth": return read(BirthMessage.self)
    case "answers": return read(AnswerMessage.self)
    default: return false
    }
  }

  private static func isUnderstood(_ verb: String, _ payload: [UInt8]) -> Bool {
    do {
      if verb == "enrol" {
        _ = try EnrolRequest(payload: payload)
        return true
      }
      let fields = try CommandFields(
        payload, names: ["recipe", "by", "alert_id", "note", "part_id", "timeout_ms"], form: "{}")
      for name in ["recipe", "by", "alert_id", "note", "part_id"] where fields.has(name) {
        _ = ULID(try fields.text(name, "what", length: 1...400))
      }
      _ = try fields.integer("timeout_ms", 10...60_000, default: 100)
      return true
    } catch {
      return error.description.isEmpty
    }
  }
}
