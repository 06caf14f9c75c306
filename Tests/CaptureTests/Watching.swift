import Capture
import Foundation
import Testing

/// Runs what blocks on a thread of its own: on Swift's pool it would take a place from the tasks that are to end it, and
/// on a small machine the last one.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}

/// A camera on a scripted machine, in the hands of a test.
struct Watching {
  let video: ScriptedVideo
  let camera: V4L2Camera

  init(_ video: ScriptedVideo, _ options: CameraOptions = CameraOptions(device: "/dev/video0")) throws {
    self.video = video
    camera = try V4L2Camera(name: "line", options: options, system: video) { 1 }
  }

  /// Everything the source reports until the script's clock reaches `milliseconds`, where it is stopped.
  func outcomes(until milliseconds: Int64) -> [FrameOutcome] {
    video.at(milliseconds) { [camera] _ in camera.stop() }
    var outcomes: [FrameOutcome] = []
    while true {
      let outcome = camera.next()
      if case .end = outcome { return outcomes }
      outcomes.append(outcome)
    }
  }

  /// The books balance and nothing a kernel would punish happened; after the end, nothing is left open.
  func expectOrder(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(video.violations == [], sourceLocation: sourceLocation)
    #expect(video.isClean, "something was left open or mapped", sourceLocation: sourceLocation)
    let counters = camera.counters
    #expect(
      counters.captured == counters.delivered + counters.superseded + counters.rejectedTotal,
      sourceLocation: sourceLocation)
  }
}

extension [FrameOutcome] {
  var frames: [Frame] {
    compactMap { if case .frame(let frame) = $0 { frame } else { nil } }
  }

  var statuses: [SourceStatus] {
    compactMap { if case .status(let status) = $0 { status } else { nil } }
  }

  var rejections: [FrameFault] {
    compactMap { if case .rejected(let fault, _) = $0 { fault } else { nil } }
  }

  /// Outcomes in short: `running`, `no_device: unplugged`, `#3` for frame 3, `!3 short` for a rejected one.
  var story: [String] {
    map { outcome in
      switch outcome {
      case .frame(let frame): "#\(frame.sequence)"
      case .rejected(let fault, let sequence): "!\(sequence) \(fault.rawValue)"
      case .status(let status): status.state.rawValue + (status.fault.map { ": \($0.rawValue)" } ?? "")
      case .end: "end"
      }
    }
  }
}
