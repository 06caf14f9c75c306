public import Imaging

/// The limits a recipe judges with, chosen from pictures of good parts alone for a false-alarm rate.
///
/// How they follow from the pictures is in `docs/scoring.md`; `explanation` says it for this one.
public struct Calibration: Sendable, Codable, Equatable {
  /// Where the scores of good parts come from.
  public enum Evidence: String, Sendable, Codable, CaseIterable {
    /// Pictures of good parts that are not in the bank.
    case heldOutPictures = "held_out_pictures"
    /// Each reference against the bank of all others.
    case leaveOneOut = "leave_one_out"
    /// The only reference in eight orientations, each against the seven others: a stand-in for another part.
    case heldOutViews = "held_out_views"
    /// None: the limit was written down.
    case written
  }

  /// What was read off one picture of a good part.
  public struct Reading: Sendable, Codable, Equatable {
    public var name: String
    /// The score of the picture.
    public var score: Float
    /// The highest value of its score map.
    public var peak: Float

    public init(name: String, score: Float, peak: Float) {
      self.name = name
      self.score = score
      self.peak = peak
    }
  }

  /// One limit and what stands behind it.
  public struct Limit: Sendable, Codable, Equatable {
    public enum Basis: String, Sendable, Codable {
      /// The value at the rank that conformal prediction names: the rate holds whatever the distribution.
      case conformal
      /// There are too few values for that rank: a prediction limit that assumes a distribution.
      case extrapolated
      /// There are no values: it is what somebody wrote.
      case written
    }

    public var value: Float
    public var basis: Basis
    /// The rank of the limit among the ascending values, counted from 1; absent where it is extrapolated.
    public var rank: Int?
    /// The rate at which good parts exceed the limit at most, whatever their distribution; absent where nothing can
    /// be promised.
    public var promisedRate: Double?

    private enum CodingKeys: String, CodingKey {
      case value
      case basis
      case rank
      case promisedRate = "promised_rate"
    }
  }

  /// The scale of heat maps, the same for every picture of the recipe.
  public struct HeatMapScale: Sendable, Codable, Equatable {
    /// Scores up to here leave the picture as it is: the typical highest score of a good part.
    public var low: Float
    /// From here on the brightest colour; the pixel threshold lies a third of the way from `low` to here.
    public var high: Float
  }

  /// `MemoryBank.hash` of the bank it belongs to.
  public let bankHash: String
  public let evidence: Evidence
  /// Of good parts, the fraction that may be called NG: what was asked for.
  public let falseAlarmRate: Double
  /// Whether the bank was reduced: leave-one-out then promises only approximately.
  public let bankIsReduced: Bool
  /// One for each picture of a good part.
  public let readings: [Reading]
  /// For the score of the picture: above it, the verdict is NG.
  public let imageLimit: Limit
  /// For the values of the score map: above it, a pixel belongs to a region.
  public let pixelLimit: Limit
  public let heatMap: HeatMapScale

  /// False-alarm rates that may be asked for.
  public static let rates = 0.0001...0.5

  private enum CodingKeys: String, CodingKey {
    case bankHash = "bank_hash"
    case evidence
    case falseAlarmRate = "false_alarm_rate"
    case bankIsReduced = "bank_is_reduced"
    case readings
    case imageLimit = "image_limit"
    case pixelLimit = "pixel_limit"
    case heatMap = "heat_map"
  }

  /// Chooses the limits from readings.
  ///
  /// - Throws: `InspectionError.calibration` for a rate out of range, no reading, or values that are not positive
  ///   finite numbers.
  public init(
    readings: [Reading], evidence: Evidence, falseAlarmRate: Double, bankHash: String, bankIsReduced: Bool
  ) throws(InspectionError) {
    guard Self.rates.contains(falseAlarmRate) else {
      throw .calibration(
        "A false-alarm rate of \(falseAlarmRate) is not allowed: choose \(Self.rates.lowerBound) to "
          + "\(Self.rates.upperBound).")
    }
    guard !readings.isEmpty else {
      throw .calibration("There is no picture of a good part to calibrate on.")
    }
    for reading in readings {
      guard reading.score.isFinite, reading.peak.isFinite, reading.score >= 0, reading.peak >= 0 else {
        throw .calibration("The score of \(reading.name) is not a number to calibrate on: \(reading.score).")
      }
    }
    self.readings = readings
    self.evidence = evidence
    self.falseAlarmRate = falseAlarmRate
    self.bankHash = bankHash
    self.bankIsReduced = bankIsReduced
    imageLimit = Limit(above: readings.map(\.score), rate: falseAlarmRate, evidence: evidence)
    let peaks = readings.map(\.peak).sorted()
    let pixelLimit = Limit(above: peaks, rate: falseAlarmRate, evidence: evidence)
    let low = peaks[(peaks.count - 1) / 2]
    // Where all good parts peak alike, the threshold is not above the typical peak: keep the scale a scale.
    let high = max(low + 3 * (pixelLimit.value - low), low * 1.25, low + 0.001)
    self.pixelLimit = pixelLimit
    heatMap = HeatMapScale(low: low, high: high)
  }

  /// A limit that stands for itself, for a recipe without references; the same for pictures and pixels.
  init(written limit: Float) {
    readings = []
    evidence = .written
    falseAlarmRate = Self.rates.upperBound
    bankHash = ""
    bankIsReduced = false
    imageLimit = Limit(value: limit, basis: .written, rank: nil, promisedRate: nil)
    pixelLimit = imageLimit
    heatMap = HeatMapScale(low: limit, high: max(3 * limit, limit + 0.001))
  }

  /// Refuses a bank other than the one that was calibrated.
  public func check(bank: MemoryBank) throws(InspectionError) {
    guard bank.hash == bankHash else {
      throw .calibrationMismatch(calibrationBank: bankHash, bank: bank.hash)
    }
  }

  /// The picture with the score map laid over it, on this recipe's scale.
  ///
  /// - Parameter judgement: of the part of the picture that is given.
  public func overlay(_ judgement: Judgement, on picture: Picture, opacity: Float = 0.6) -> Picture {
    guard let map = judgement.map else { return picture }
    return HeatMap.overlay(picture: picture, map: map, low: heatMap.low, high: heatMap.high, opacity: opacity)
  }
}
