import Capture
import Imaging
import Inspection
import Messaging

/// What came of a frame.
struct Finding {
  enum Outcome {
    case judged(Judgement)
    case rejected(Rejection)
  }

  var outcome: Outcome
  /// The decoded picture, where it was judged.
  var picture: Picture?
  /// Harmless words of the decoder.
  var warnings: [String] = []
  var decodeMilliseconds: Double?

  init(_ outcome: Outcome) { self.outcome = outcome }
}

/// Why a frame was not judged.
struct Rejection {
  /// The counter's name.
  var reason: String
  /// `undecidable` where it is the picture, `error` where it is the station.
  var verdict: ReportedVerdict
  var explanation: String

  init(_ reason: String, _ verdict: ReportedVerdict, _ explanation: String) {
    self.reason = reason
    self.verdict = verdict
    self.explanation = explanation
  }

  /// The counter of frames that were on their way when the line stopped.
  static let stopped = "stopped"
  /// The counter of frames that no trigger asked for, on a line that judges only those.
  static let untriggered = "untriggered"

  /// What is wrong with a camera's frame before anybody looks at its picture; nil where nothing is.
  init?(_ frame: Frame, repetitions: Int, _ line: LineConfiguration) {
    guard !line.isSimulated else { return nil }
    if line.isFrozen(repetitions) {
      self.init(
        "frozen", .undecidable,
        "The camera has delivered this very picture \(repetitions) times in a row: it is frozen.")
    } else if frame.arrival.seconds(since: frame.exposure) > Self.stalest {
      let age = Int(frame.arrival.seconds(since: frame.exposure))
      self.init(
        "stale", .undecidable, "The camera delivered this picture \(age) seconds after it was taken.")
    } else {
      return nil
    }
  }

  /// What keeps a picture from being judged; nil where it was.
  init?(_ judgement: Judgement) {
    guard judgement.verdict == .undecidable else { return nil }
    self.init(
      judgement.undecidableReason?.rawValue ?? "undecidable", .undecidable,
      judgement.undecidableExplanation ?? "The picture cannot be judged.")
  }

  /// Seconds from exposure to the frame in hand. A driver holds a few buffers; a picture that lay there for longer
  /// shows another part than the one before the camera.
  private static let stalest = 5.0
}
