import Capture
import Inspection
import Logging
import Messaging
import Transformer

/// Makes the lines of a station, at its start and at each reload.
struct LineFactory: Sendable {
  let roster: Roster
  let session: MQTTSession
  let evidence: EvidenceStore
  let engine: InspectionEngine
  let priority: ForegroundPriority
  let bootID: String
  let logger: Logger
  let makeSource: @Sendable (LineConfiguration) throws(CaptureError) -> any FrameSource
  private let identifiers = ULIDGenerator()

  init(
    roster: Roster, session: MQTTSession, evidence: EvidenceStore, engine: InspectionEngine,
    priority: ForegroundPriority, bootID: String, logger: Logger,
    makeSource: @escaping @Sendable (LineConfiguration) throws(CaptureError) -> any FrameSource
  ) {
    self.roster = roster
    self.session = session
    self.evidence = evidence
    self.engine = engine
    self.priority = priority
    self.bootID = bootID
    self.logger = logger
    self.makeSource = makeSource
  }

  /// A line that is not started.
  func line(_ setup: Line.Setup) -> Line {
    let name = setup.configuration.name
    let record = roster.record(name) {
      LineReporter(
        line: name, bootID: bootID, modelHash: engine.encoder.modelHash, session: session,
        evidence: evidence, identifiers: identifiers, logger: logger)
    }
    return Line(
      setup.configuration, recipe: setup.recipe, record: record, priority: priority, logger: logger,
      makeSource: sourceMaker(setup.configuration))
  }

  func sourceMaker(_ line: LineConfiguration) -> Line.SourceMaker {
    { [makeSource] () throws(CaptureError) in try makeSource(line) }
  }
}
