import ArgumentParser
import Evaluation
import Foundation
import Messaging

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Shows results as they arrive from the broker, and what they come to.",
    discussion: """
      One line a result: time of exposure, line, verdict, score and threshold, milliseconds from exposure to arrival, \
      part, what the data set says of it, regions. Ctrl-C ends it in good order.

      The summary counts verdicts by what is known of the parts. Its image AUROC is in percent; over several lines it \
      ranks scores as fractions of their thresholds. Frames per second (fps) are results from the first arrival to the \
      last. Latencies (p50, p99) are from exposure at the station to arrival here, so both must share one clock. Results \
      that had to wait for the broker count for neither. Frames are the station's own count since its start, by its last \
      status.
      """)

  @OptionGroup var broker: BrokerOptions

  @Option(help: "End after so many results.")
  var count: Int?

  @Flag(help: "End when the station, once it was there, stops or breaks off.")
  var untilStopped = false

  @Flag(help: "At the end, print what the results come to.")
  var summary = false

  @Option(
    help: ArgumentHelp(
      "At the end, write a picture with the clearest hits and misses (PNG or JPEG); lines send heat maps where "
        + "their configuration says so.", valueName: "file"),
    completion: .file(extensions: ["png", "jpg"]))
  var contactSheet: String?

  @Flag(help: "Print each result as the JSON it came as; with --summary only the summary, as JSON.")
  var json = false

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is \(count); it must be at least 1.") }
  }

  func run() async throws {
    try await reportingFailures {
      let (observer, topics) = try await broker.observe { topics in
        [topics.availability, topics.filter(.status), topics.filter(.result)]
          + (contactSheet == nil ? [] : [topics.filter(.heatmap)])
      }
      let interruption = Interruption { Task { await observer.stop() } }
      defer { interruption.cancel() }
      var watch = Watch(
        topics: topics, style: json ? (summary ? .silent : .json) : .text,
        keepsResults: summary || contactSheet != nil, collectsPictures: contactSheet != nil)
      for await message in observer.messages {
        // Nobody reads any more: no reason to go on, none to complain.
        guard (try? watch.take(message)) != nil else { break }
        if let count, watch.results >= count { break }
        if untilStopped, watch.hasStopped { break }
      }
      let lost = observer.status.arrivalsDropped
      await observer.stop()
      if lost > 0 {
        FileHandle.standardError.write(
          Data("assayctl: \(lost) messages came faster than they could be shown and are missing.\n".utf8))
      }
      try finish(watch)
    }
  }

  private func finish(_ watch: Watch) throws {
    if let contactSheet {
      try watch.sheet.sheet(title: "\(watch.topics.root): the clearest hits and misses")
        .write(to: URL(fileURLWithPath: contactSheet))
    }
    guard summary else { return }
    let report = watch.summary.report(frames: watch.frames)
    if json { return try printJSON(report) }
    print(report.text)
    if let contactSheet { print("Contact sheet: \(contactSheet)") }
  }
}
