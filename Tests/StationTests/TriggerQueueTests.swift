import Capture
import Foundation
import Imaging
import Messaging
import Synchronization
import Testing

@testable import Station

/// A trigger gets the first frame that began after it, and is answered once.
@Suite struct TriggerQueueTests {
  private final class Answers: Sendable {
    let said = Mutex<[String]>([])
    func add(_ name: String) -> @Sendable (TriggerQueue.Outcome) -> Void {
      { outcome in
        let words =
          switch outcome {
          case .judged(_, let verdict): "\(name) \(verdict.rawValue)"
          case .missed(let reason): "\(name): \(reason)"
          }
        self.said.withLock { $0.append(words) }
      }
    }
    var all: [String] { said.withLock { $0 } }
  }

  private func frame(_ nanoseconds: Int64) -> Frame {
    let instant = MonotonicInstant(nanoseconds: nanoseconds)
    return Frame(
      image: Parts.raw(seed: 1), source: "test", sequence: 0, exposure: instant,
      exposureUTC: UTCInstant(nanoseconds: 0), clockQuality: .startOfExposure, arrival: instant)
  }

  @Test func eachGetsAFrameOfItsOwnThatBeganAfterIt() throws {
    let (queue, answers) = (TriggerQueue(), Answers())
    _ = queue.add(partID: "a", at: MonotonicInstant(nanoseconds: 100), answer: answers.add("a"))
    _ = queue.add(partID: nil, at: MonotonicInstant(nanoseconds: 110), answer: answers.add("b"))
    #expect(queue.claim(frame(99)) == nil)
    #expect(queue.claim(frame(100))?.partID == "a")
    #expect(queue.claim(frame(109)) == nil)
    let second = try #require(queue.claim(frame(200)))
    #expect(second.partID == nil)
    #expect(queue.claim(frame(300)) == nil && answers.all.isEmpty)
  }

  @Test func whatNoFrameAnswersIsGivenUp() throws {
    let (queue, answers) = (TriggerQueue(), Answers())
    let first = try #require(queue.add(partID: "a", at: .now, answer: answers.add("a")))
    _ = queue.add(partID: "b", at: .now, answer: answers.add("b"))
    queue.expire(first, reason: "none came.")
    queue.expire(first, reason: "none came.")
    #expect(answers.all == ["a: none came."])
    #expect(queue.claim(frame(.max))?.partID == "b")
    for _ in 0..<TriggerQueue.limit {
      #expect(queue.add(partID: nil, at: .now, answer: answers.add("c")) != nil)
    }
    #expect(queue.add(partID: nil, at: .now, answer: answers.add("d")) == nil)
    queue.close()
    #expect(answers.all.count == 1 + TriggerQueue.limit && answers.all.last == "c: the line stops.")
    #expect(queue.add(partID: nil, at: .now, answer: answers.add("e")) == nil)
  }

  /// The judging is busy with one frame while others come: those asked for are judged all the same, and nothing else
  /// is on a line that judges only those.
  @Test(arguments: [false, true]) func askedForFramesAreJudgedInAnyCase(onlyTriggered: Bool) async throws {
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 100)), .pause(.milliseconds(2))], repeats: true)],
      encoder: PatchEncoder(delay: .milliseconds(10)), extra: onlyTriggered ? "frames: triggered" : "")
    let answers = Answers()
    try await bench.run {
      try await StationBench.wait(for: "frames") { try bench.counts(of: "line").captured > 20 }
      let line = try #require(bench.station.roster.line("line"))
      for part in 1...5 {
        #expect(line.triggers.add(partID: "part \(part)", at: .now, answer: answers.add("\(part)")) != nil)
      }
      try await StationBench.wait(for: "answers") { answers.all.count == 5 }
    }
    #expect(answers.all == (1...5).map { "\($0) ok" })
    let results = try bench.results(of: "line")
    let named = results.filter { $0.partID != nil }
    #expect(named.map(\.partID) == (1...5).map { "part \($0)" })
    #expect(named.allSatisfy { $0.partIDSource == "trigger" })
    #expect(Set(named.map { $0.quality?.frameSequence }).count == 5)
    let counts = try bench.counts(of: "line")
    #expect(counts.inFlight == 0)
    if onlyTriggered {
      #expect(results.count == 5 && counts.judged == 5 && counts.replaced == 0)
      #expect(counts.rejected["untriggered"] == counts.captured - 5 - counts.rejected["stopped", default: 0])
    } else {
      #expect(results.count > 5 && counts.replaced > 0)
    }
  }

  @Test func aFrozenCameraIsSaidToBeSo() async throws {
    let same = ScriptedSource.Step.frame(Parts.raw(seed: 100))
    let script =
      Array(repeating: [same, .handled], count: 5).flatMap { $0 } + [.frame(Parts.raw(seed: 101)), .handled]
    let bench = try StationBench(["line": ScriptedSource(script)], extra: "frozen_after: 3")
    try await bench.run {
      try await StationBench.wait(for: "six frames") {
        try bench.counts(of: "line").captured == 6 && bench.counts(of: "line").inFlight == 0
      }
    }
    #expect(try bench.counts(of: "line").rejected == ["frozen": 3])
    let results = try bench.results(of: "line")
    #expect(results.map(\.verdict) == [.ok, .ok, .undecidable, .undecidable, .undecidable, .ok])
    #expect(
      results[2].reason == "The camera has delivered this very picture 3 times in a row: it is frozen.")
  }

  @Test func anUndecidablePictureIsRejectedByItsReason() async throws {
    let good = Parts.picture(seed: 100)
    let dark = RawImage(format: .rgb24, width: 56, height: 56, bytes: good.pixels.map { $0 / 8 })
    let bench = try StationBench(["line": ScriptedSource([.frame(dark), .handled])])
    try await bench.run {
      try await StationBench.wait(for: "the frame") { try bench.counts(of: "line").rejectedTotal == 1 }
    }
    #expect(try bench.counts(of: "line").rejected == ["dark": 1])
    let result = try #require(try bench.results(of: "line").first)
    #expect(result.verdict == .undecidable && result.reason?.hasSuffix("it is too dark.") == true)
  }
}
