import Foundation
import Messaging
import Station
import Synchronization

/// Has a running station enrol the next pictures of a line as references, and shows how far it is.
///
/// - Parameters:
///   - count: pictures to take.
///   - json: print the station's answer as JSON.
/// - Throws: `Failure` where broker or station do not answer, or the station refuses or cannot do it.
func enrolOnLine(line: String, count: Int, broker: BrokerOptions, json: Bool) async throws {
  do {
    try TopicTree.check(line: line)
  } catch {
    throw Failure(description: error.description, status: EX_USAGE)
  }
  let (observer, topics) = try await broker.observe(asks: true) { [$0.availability] }
  let presence = Presence(observer)
  guard let word = await presence.firstWord() else {
    throw Failure.unavailable(
      "No station has ever announced itself at this broker on \(topics.availability).")
  }
  guard word == Availability.online else {
    throw Failure.unavailable("The station at \(topics.root) is \(Terminal.harmless(word)).")
  }
  var progress = Progress()
  var stage: EnrolProgressMessage.Stage?
  let command = EnrolCommandPayload(count: count)
  var answer: AnswerMessage?
  do {
    let answers = observer.request(
      Array(try JSONEncoder().encode(command)), on: topics.command("enrol", for: line), silence: patience)
    for try await message in answers {
      if let step = try? EnrolProgressMessage(payload: message.payload) {
        if step.stage != stage {
          // A stage's speed says nothing about the next one's.
          stage = step.stage
          progress = Progress()
        }
        progress.show("\(line): \(step.stage.rawValue)", done: step.done, of: step.of)
      } else {
        answer = try AnswerMessage(payload: message.payload)
        break
      }
    }
  } catch let fault as RequestFault {
    progress.finish()
    throw Failure.unavailable(fault.description)
  } catch is DecodingError {
    progress.finish()
    throw Failure.unavailable("The station's answer is not understood; is it of another version?")
  }
  progress.finish()
  await observer.stop()
  guard let answer else { throw Failure.unavailable("The station went away before it answered.") }
  if json { print(String(decoding: try answer.encoded(), as: UTF8.self)) }
  let sentence = answer.reason ?? answer.outcome.rawValue
  switch answer.outcome {
  case .done: if !json { print(Terminal.harmless(sentence)) }
  case .refused: throw Failure.input(Terminal.harmless(sentence))
  case .failed: throw Failure(description: Terminal.harmless(sentence), status: EX_SOFTWARE)
  }
}

/// The station gives a line ten minutes to deliver the pictures, and says nothing while none comes.
private let patience = Duration.seconds(660)

private struct EnrolCommandPayload: Encodable {
  var count: Int
  var reason = "assayctl enrol"
  var progress = true
}

/// Whether the station is there. When it goes, the observer stops, which ends every request.
private final class Presence: Sendable {
  private let word = Mutex<String?>(nil)

  init(_ observer: MQTTObserver) {
    Task { [self] in
      for await message in observer.messages {
        let word = String(decoding: message.payload, as: UTF8.self)
        self.word.withLock { $0 = word }
        if word != Availability.online { await observer.stop() }
      }
    }
  }

  /// The retained word comes at once where there is one.
  func firstWord() async -> String? {
    for _ in 0..<200 {
      if let word = word.withLock({ $0 }) { return word }
      try? await Task.sleep(for: .milliseconds(10))
    }
    return nil
  }
}
