import Capture
import Foundation
import Inspection
import Messaging

/// What a result says about the part: the fields of the message that come from judging.
struct Statement {
  var verdict: ReportedVerdict
  var score: Double?
  var threshold: Double?
  var reason: String?
  var regions: [ResultMessage.Region] = []
  var mask: ResultMessage.Mask?
  var degradations: [String] = []

  /// What the inspector said.
  init(_ judgement: Judgement) {
    verdict = ReportedVerdict(judgement.verdict)
    score = judgement.score.map(Double.init)
    threshold = Double(judgement.threshold)
    regions = judgement.regions.map { region in
      let box = region.boundingBox
      return ResultMessage.Region(
        defect: region.defect.map { .init(name: $0.name, score: $0.probability) }, areaPx: region.area,
        areaMm2: region.areaSquareMillimetres,
        bbox: (box.x, box.y, box.width, box.height), centroid: (region.centroid.x, region.centroid.y),
        polygon: region.polygon.map { ($0.x, $0.y) }, peak: Double(region.peak))
    }
    if judgement.regionCount > judgement.regions.count { degradations.append("regions_truncated") }
    mask = judgement.mask.map {
      let map = judgement.toSensor
      return ResultMessage.Mask(
        height: $0.height, width: $0.width, counts: $0.counts,
        toSensor: [[map.scaleX, 0, map.offsetX], [0, map.scaleY, map.offsetY]])
    }
    switch judgement.verdict {
    case .ok, .error:
      break
    case .ng:
      let score = judgement.score.map { String(format: "%.4f", $0) } ?? "?"
      let count = judgement.regionCount
      reason =
        "The score \(score) is above the threshold \(String(format: "%.4f", judgement.threshold)); "
        + "\(count) region\(count == 1 ? "" : "s")."
    case .undecidable:
      reason = judgement.undecidableExplanation
    }
  }

  /// What kept the frame from being judged.
  init(_ rejection: Rejection) {
    verdict = rejection.verdict
    reason = rejection.explanation
  }
}

extension ReportedVerdict {
  init(_ verdict: Verdict) {
    switch verdict {
    case .ok: self = .ok
    case .ng: self = .ng
    case .undecidable: self = .undecidable
    case .error: self = .error
    }
  }
}

extension ResultMessage.ClockQuality {
  init(_ quality: ClockQuality) {
    switch quality {
    case .startOfExposure: self = .startOfExposure
    case .endOfFrame: self = .endOfFrame
    case .arrival: self = .arrival
    case .schedule: self = .schedule
    }
  }
}

extension FrameFault {
  /// For the middle of a sentence.
  var sentence: String {
    switch self {
    case .driverError: "the driver marked it as torn"
    case .empty: "it holds no bytes"
    case .short: "it is shorter than its format needs"
    case .notAPicture: "it does not begin like a picture"
    case .unreadable: "its file cannot be read"
    }
  }
}

extension LineConfiguration {
  /// Whether its frames come from a folder rather than a camera.
  var isSimulated: Bool {
    if case .replay = source { true } else { false }
  }
}

extension Duration {
  var milliseconds: Double { self / .milliseconds(1) }
}
