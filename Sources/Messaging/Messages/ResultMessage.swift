/// `<root>/<line>/result`: one judged part in full. QoS 1, through the outbox, at least once.
public struct ResultMessage: Message {
  public var schema = "assayd.result/1"
  /// The same in every copy of the message: it makes duplicates harmless. ResultId of OPC 40001-101.
  public var resultID: ULID
  public var bootID: String
  /// From 1, without gaps, per line and boot.
  public var seq: UInt64
  public var line: String
  @Nullable public var partID: String?
  /// Where `partID` came from, for example `trigger`, `code` or `file`.
  @Nullable public var partIDSource: String?
  @Nullable public var recipe: RecipeReference?
  @Nullable public var modelHash: String?
  /// When the light fell on the sensor, not when somebody got round to it.
  public var exposureUTC: UTCTimestamp
  public var clockQuality: ClockQuality
  public var times: Times
  public var verdict: ReportedVerdict
  /// See `ReportedVerdict.opcEvaluation`.
  public private(set) var opcEvaluation: Int
  @Nullable public var score: Double?
  @Nullable public var threshold: Double?
  /// One sentence for a person where the verdict is not `ok`.
  @Nullable public var reason: String?
  public var regions: [Region]
  @Nullable public var mask: Mask?
  @Nullable public var quality: FrameQuality?
  /// What the station left out to keep up, for example `no_mask`; empty: nothing.
  public var degradations: [String]
  @Nullable public var evidenceURI: String?
  /// True where the message comes later than live.
  public var replayed: Bool
  /// True where the frame comes from a replay or a simulated line. IsSimulated of OPC 40001-101.
  public var isSimulated: Bool
  /// What a labelled data set says of the part: `good` or the kind of defect.
  @Nullable public var expected: String?

  public init(
    resultID: ULID, bootID: String, seq: UInt64, line: String, partID: String?, partIDSource: String?,
    recipe: RecipeReference?, modelHash: String?, exposureUTC: UTCTimestamp, clockQuality: ClockQuality,
    times: Times, verdict: ReportedVerdict, score: Double?, threshold: Double?, reason: String?,
    regions: [Region], mask: Mask?, quality: FrameQuality?, degradations: [String], evidenceURI: String?,
    isSimulated: Bool, expected: String?
  ) {
    self.resultID = resultID
    self.bootID = bootID
    self.seq = seq
    self.line = line
    self.partID = partID
    self.partIDSource = partIDSource
    self.recipe = recipe
    self.modelHash = modelHash
    self.exposureUTC = exposureUTC
    self.clockQuality = clockQuality
    self.times = times
    self.verdict = verdict
    opcEvaluation = verdict.opcEvaluation
    self.score = score
    self.threshold = threshold
    self.reason = reason
    self.regions = regions
    self.mask = mask
    self.quality = quality
    self.degradations = degradations
    self.evidenceURI = evidenceURI
    replayed = false
    self.isSimulated = isSimulated
    self.expected = expected
  }

  enum CodingKeys: String, CodingKey {
    case schema, seq, line, recipe, times, verdict, score, threshold, reason, regions, mask, quality
    case degradations, replayed, expected
    case resultID = "result_id"
    case bootID = "boot_id"
    case partID = "part_id"
    case partIDSource = "part_id_source"
    case modelHash = "model_hash"
    case exposureUTC = "exposure_utc"
    case clockQuality = "clock_quality"
    case opcEvaluation = "opc_evaluation"
    case evidenceURI = "evidence_uri"
    case isSimulated = "is_simulated"
  }
}

extension ResultMessage {
  /// Where the exposure time comes from, best first; the words are those of the frame sources.
  public enum ClockQuality: String, Codable, Sendable, CaseIterable {
    /// The driver's clock when the exposure started.
    case startOfExposure = "start_of_exposure"
    /// The driver's clock when the last pixel had arrived.
    case endOfFrame = "end_of_frame"
    /// When the station took the frame from the driver.
    case arrival
    /// A replayed picture's place in the schedule.
    case schedule
  }

  /// Milliseconds spent on the way of the frame.
  public struct Times: Codable, Sendable, Equatable {
    /// From exposure to the frame in the station's hands.
    @Nullable public var acquireMs: Double?
    /// Waiting for a free computing thread.
    @Nullable public var waitMs: Double?
    /// Decoding, resizing and the vision transformer.
    @Nullable public var inferMs: Double?
    /// Scoring, regions, mask.
    @Nullable public var postMs: Double?
    /// From exposure to this message.
    @Nullable public var totalMs: Double?
    /// Whether `totalMs` kept the line's deadline; null where it has none.
    @Nullable public var deadlineMet: Bool?

    public init(
      acquireMs: Double?, waitMs: Double?, inferMs: Double?, postMs: Double?, totalMs: Double?,
      deadlineMet: Bool?
    ) {
      self.acquireMs = acquireMs
      self.waitMs = waitMs
      self.inferMs = inferMs
      self.postMs = postMs
      self.totalMs = totalMs
      self.deadlineMet = deadlineMet
    }

    enum CodingKeys: String, CodingKey {
      case acquireMs = "acquire_ms"
      case waitMs = "wait_ms"
      case inferMs = "infer_ms"
      case postMs = "post_ms"
      case totalMs = "total_ms"
      case deadlineMet = "deadline_met"
    }
  }

  /// One connected defect area, in sensor pixels. The origin is the top left corner of the top left pixel.
  public struct Region: Codable, Sendable, Equatable {
    public static let longestPolygon = 64

    @Nullable public var defect: Defect?
    public var areaPx: Double
    /// Null unless the line's scale is calibrated.
    @Nullable public var areaMm2: Double?
    /// `[x, y, width, height]`, as in COCO.
    public var bbox: [Double]
    /// `[x, y]`.
    public var centroid: [Double]
    /// Corners `[x, y]` of the outline, at most 64.
    public private(set) var polygon: [[Double]]
    /// Highest score in the area.
    @Nullable public var peak: Double?

    /// - Parameter polygon: of more than 64 corners, 64 evenly spaced ones are kept.
    public init(
      defect: Defect?, areaPx: Double, areaMm2: Double?, bbox: (x: Double, y: Double, w: Double, h: Double),
      centroid: (x: Double, y: Double), polygon: [(x: Double, y: Double)], peak: Double?
    ) {
      self.defect = defect
      self.areaPx = areaPx
      self.areaMm2 = areaMm2
      self.bbox = [bbox.x, bbox.y, bbox.w, bbox.h]
      self.centroid = [centroid.x, centroid.y]
      let kept = min(polygon.count, Self.longestPolygon)
      self.polygon = (0..<kept).map { index in
        let corner = polygon[index * polygon.count / kept]
        return [corner.x, corner.y]
      }
      self.peak = peak
    }

    enum CodingKeys: String, CodingKey {
      case defect, bbox, centroid, polygon, peak
      case areaPx = "area_px"
      case areaMm2 = "area_mm2"
    }
  }

  /// What a region looks like, in the recipe's words.
  public struct Defect: Codable, Sendable, Equatable {
    public var name: String
    @Nullable public var score: Double?

    public init(name: String, score: Double?) {
      self.name = name
      self.score = score
    }
  }

  /// The defective area as a mask on a coarse grid.
  public struct Mask: Codable, Sendable, Equatable {
    /// `[height, width]` of the grid, as in COCO.
    public var size: [Int]
    /// COCO's compressed run lengths; pycocotools decodes `{size, counts}` as it is.
    public var counts: String
    /// `[[a, b, c], [d, e, f]]`: grid (column, row) to sensor pixel, x = a·column + b·row + c, y = d·column + e·row + f.
    public var toSensor: [[Double]]

    public init(height: Int, width: Int, counts: String, toSensor: [[Double]]) {
      size = [height, width]
      self.counts = counts
      self.toSensor = toSensor
    }

    enum CodingKeys: String, CodingKey {
      case size, counts
      case toSensor = "to_sensor"
    }
  }

  /// What the frame itself tells about its worth.
  public struct FrameQuality: Codable, Sendable, Equatable {
    /// The driver's number of the frame.
    @Nullable public var frameSequence: UInt64?
    /// Frames that the driver lost just before this one.
    @Nullable public var framesLost: UInt64?
    /// Harmless words of the decoder; empty: none.
    public var warnings: [String]

    public init(frameSequence: UInt64?, framesLost: UInt64?, warnings: [String]) {
      self.frameSequence = frameSequence
      self.framesLost = framesLost
      self.warnings = warnings
    }

    enum CodingKeys: String, CodingKey {
      case warnings
      case frameSequence = "frame_sequence"
      case framesLost = "frames_lost"
    }
  }
}
