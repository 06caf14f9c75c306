import Compute
import Foundation
import Imaging
import Inspection
import Transformer

/// Times the whole way of a frame: compressed picture, pixels, tokens, distances, map, regions, verdict.
///
/// Pictures of a folder are taken in the order of their names: the first ones are enrolled as references, the others
/// judged, again and again until there are frames enough.
struct EndToEndBench {
  /// Milliseconds of the stages of one frame.
  struct Frame {
    var decode: Double
    var durations: StageDurations

    var total: Double { decode + durations.total.milliseconds }
  }

  struct Report: Encodable {
    /// Medians, a stage by itself; `total` is the median of the frames' sums.
    struct Stages: Encodable {
      let decodeMs: Double
      let resizeMs: Double
      let encodeMs: Double
      let searchMs: Double
      let postMs: Double
      let totalMs: Double
    }

    let frames: Int
    let references: Int
    let bankVectors: Int
    let picture: String
    let median: Stages
    let p99Ms: Double
    /// Decoding, resizing, map and regions, of the whole.
    let imagingShare: Double
    /// The search, of the encoder's time.
    let searchToEncoder: Double
  }

  let engine: InspectionEngine
  let pictures: [URL]
  let references: Int
  let options: ScoringOptions

  init(engine: InspectionEngine, folder: String, references: Int, options: ScoringOptions) throws {
    pictures = try PictureFolder(folder).files
    guard pictures.count > references else {
      throw Failure.input(
        "\(folder) holds \(pictures.count) pictures: it takes \(references) as references and at least one to judge."
      )
    }
    self.engine = engine
    self.references = references
    self.options = options
  }

  func run(frames: Int) throws -> Report {
    let enrolled = try pictures.prefix(references).map {
      Reference(name: $0.lastPathComponent, picture: try Picture(contentsOf: $0))
    }
    let progress = Progress()
    defer { progress.finish() }
    let bank = try MemoryBank.build(references: enrolled, encoder: engine.encoder, options: options) {
      if case .encoding(let done, let total) = $0 { progress.show("enrolling", done: done, of: total) }
    }
    let calibration = try Calibration.onReferences(
      enrolled, bank: bank, encoder: engine.encoder, search: engine.search, falseAlarmRate: 0.05)
    let inspector = try Inspector(
      encoder: engine.encoder, bank: bank, calibration: calibration, search: engine.search)
    let files = try pictures.dropFirst(references).prefix(32).map { try RawImage(contentsOf: $0) }

    var measured: [Frame] = []
    var size = ""
    for index in 0..<frames + 2 {
      let start = ContinuousClock.now
      let picture = try files[index % files.count].decoded().picture
      let decoded = ContinuousClock.now
      let judgement = try inspector.judge(picture)
      progress.show("judging", done: index, of: frames + 2)
      size = "\(picture.width) x \(picture.height)"
      if index >= 2 {
        measured.append(Frame(decode: (decoded - start).milliseconds, durations: judgement.durations))
      }
    }
    return report(measured, bankVectors: bank.vectors.rows, picture: size)
  }

  private func report(_ frames: [Frame], bankVectors: Int, picture: String) -> Report {
    func median(_ value: (Frame) -> Double) -> Double { frames.map(value).sorted()[frames.count / 2] }
    let stages = Report.Stages(
      decodeMs: median(\.decode), resizeMs: median { $0.durations.resize.milliseconds },
      encodeMs: median { $0.durations.encode.milliseconds },
      searchMs: median { $0.durations.search.milliseconds },
      postMs: median { $0.durations.post.milliseconds }, totalMs: median(\.total))
    return Report(
      frames: frames.count, references: references, bankVectors: bankVectors, picture: picture,
      median: stages,
      p99Ms: frames.map(\.total).sorted()[min(frames.count - 1, frames.count * 99 / 100)],
      imagingShare: (stages.decodeMs + stages.resizeMs + stages.postMs) / stages.totalMs,
      searchToEncoder: stages.searchMs / stages.encodeMs)
  }
}

extension EndToEndBench.Report {
  var text: String {
    func row(_ name: String, _ milliseconds: Double) -> String {
      name.padding(toLength: 20, withPad: " ", startingAt: 0)
        + String(format: "%8.2f ms  %5.1f %%", milliseconds, milliseconds / median.totalMs * 100)
    }
    return [
      "Whole frames of \(picture), \(references) references, \(bankVectors) vectors in the bank:",
      row("decode", median.decodeMs), row("resize", median.resizeMs), row("encode", median.encodeMs),
      row("search", median.searchMs), row("map and regions", median.postMs),
      row("whole frame", median.totalMs) + String(format: "  p99 %.1f ms", p99Ms),
      String(
        format:
          "Decoding, resizing, map and regions take %.0f %%; the search takes %.0f %% of the encoder's time.",
        imagingShare * 100, searchToEncoder * 100),
    ].joined(separator: "\n")
  }
}
