import Foundation

/// Asks a station's console on this machine, by HTTP/1.1 over a plain socket: one question, one answer.
///
/// Unsafe: the C structures of socket addresses.
enum ConsoleRequest {
  /// Seconds for the answer to come.
  private static let patience = 5
  private static let longestAnswer = 16 << 20

  /// The body that the console answers with.
  ///
  /// - Throws: `Failure` where nobody answers, or not with 200.
  static func get(_ path: String, address: String, port: Int) throws -> [UInt8] {
    let answer = try exchange(
      "GET \(path) HTTP/1.1\r\nHost: \(address.contains(":") ? "[\(address)]" : address):\(port)\r\n"
        + "Connection: close\r\n\r\n", address, port)
    guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
      throw Failure.unavailable("What answers at \(address) port \(port) does not speak HTTP.")
    }
    let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self)
    let words = head.prefix { !$0.isNewline }.split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1] == "200" else {
      throw Failure.unavailable(
        "The console at \(address) port \(port) answers \(Terminal.harmless(words.dropFirst().joined(separator: " ")))."
      )
    }
    return Array(answer[end.upperBound...])
  }

  private static func exchange(_ question: String, _ address: String, _ port: Int) throws -> [UInt8] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICHOST
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address, String(port), &hints, &list) == 0, let found = list else {
      throw Failure(description: "\(address) is not an address.", status: EX_USAGE)
    }
    defer { freeaddrinfo(list) }
    let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
    guard descriptor >= 0 else { throw silence(address, port) }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: patience, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    guard connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
      throw silence(address, port)
    }
    let bytes = Array(question.utf8)
    guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw silence(address, port)
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while answer.count < longestAnswer {
      let length = recv(descriptor, &buffer, buffer.count, 0)
      if length == 0 { break }
      guard length > 0 else { throw silence(address, port) }
      answer += buffer[..<length]
    }
    return answer
  }

  private static func silence(_ address: String, _ port: Int) -> Failure {
    .unavailable(
      "No console answers at \(address) port \(port): \(String(cString: strerror(errno))). Is assayd running?"
    )
  }
}
