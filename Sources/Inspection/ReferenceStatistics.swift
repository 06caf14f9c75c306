public import Foundation
import Imaging

/// How a recipe's references look as pictures, whatever they show, and so how a picture must look to be judged at all.
///
/// A lamp that fails, a lens out of focus or a camera that was knocked makes every part look defective. The references
/// know how light, sharpness and position vary where nothing is wrong; what lies far outside is said to be undecidable.
/// The limits are wide, for a defect is no reason: `docs/scoring.md` has what was measured on good and bad parts, and how
/// much spoiling they find.
public struct ReferenceStatistics: Sendable, Codable, Equatable {
  /// Where the references agree about the position of the part.
  public struct Alignment: Sendable, Codable, Equatable {
    /// Means of luminance over a square grid, row by row, averaged over the references.
    public var thumbnail: Data
    /// The least correlation of a reference with the mean of the others.
    public var correlation: Float
    /// The largest displacement of one, in cells.
    public var displacement: Int
  }

  /// Means of the luminance's quantiles.
  public var quantiles: [Float]
  /// Brightness relative to those means: the darkest and the brightest reference.
  public var darkest: Float
  public var brightest: Float
  /// The largest fraction of white pixels.
  public var clipped: Float
  /// Of the least sharp reference.
  public var sharpness: Float
  /// nil where there are fewer than three references, or parts lie as they like.
  public var alignment: Alignment?

  private static let fewestForAlignment = 3
  private static let leastAgreement: Float = 0.9
  /// Cells by which fixed parts may differ among the references.
  private static let largestAgreement = 2

  /// - Returns: nil without references.
  init?(_ references: [Picture]) { self.init(references.map(PictureStatistics.init)) }

  /// - Parameter each: of one reference.
  init?(_ each: [PictureStatistics]) {
    guard !each.isEmpty else { return nil }
    let means = PictureStatistics.levels.indices.map { level in
      each.map { $0.quantiles[level] }.reduce(0, +) / Float(each.count)
    }
    let gains = each.map { Self.gain($0.quantiles, over: means) }
    quantiles = means
    darkest = gains.min() ?? 1
    brightest = gains.max() ?? 1
    clipped = each.map(\.clipped).max() ?? 0
    sharpness = each.map(\.sharpness).min() ?? 0
    alignment = Self.alignment(each.map(\.thumbnail))
  }

  /// Brightness relative to the references, by least squares over the quantiles.
  private static func gain(_ quantiles: [Float], over means: [Float]) -> Float {
    let products = zip(quantiles, means).map { $0 * $1 }.reduce(0, +)
    let squares = means.map { $0 * $0 }.reduce(0, +)
    return squares > 0 ? products / squares : 1
  }

  private static func alignment(_ thumbnails: [[UInt8]]) -> Alignment? {
    guard thumbnails.count >= fewestForAlignment else { return nil }
    let cells = thumbnails[0].indices
    let sums = cells.map { cell in thumbnails.reduce(0) { $0 + Int($1[cell]) } }
    var correlation: Float = 1
    var displacement = 0
    for thumbnail in thumbnails {
      let others = cells.map { UInt8((sums[$0] - Int(thumbnail[$0])) / (thumbnails.count - 1)) }
      let found = Displacement.of(thumbnail, from: others, side: PictureStatistics.side)
      guard found.correlation >= leastAgreement, found.distance <= largestAgreement else { return nil }
      correlation = min(correlation, found.correlation)
      displacement = max(displacement, found.distance)
    }
    return Alignment(
      thumbnail: Data(sums.map { UInt8($0 / thumbnails.count) }), correlation: correlation,
      displacement: displacement)
  }

  // MARK: judging a picture

  /// Brightness below this fraction of the darkest reference is dark.
  static let dark: Float = 0.3
  /// Brightness above this multiple of the brightest reference is over-exposed, and so are so many more white pixels.
  static let bright: Float = 2
  static let clippedMore: Float = 0.1
  /// Less than this fraction of the least sharp reference's sharpness is blurred.
  static let blurred: Float = 0.2
  /// Displaced by so many cells of 48 more than any reference is shifted.
  static let shiftedMore = 3

  /// Why a picture cannot be judged, in a word and in a sentence; nil where it can.
  ///
  /// - Parameters:
  ///   - picture: at the size the references had.
  ///   - checks: what is looked for.
  func obstacle(in picture: Picture, checks: Set<UndecidableReason> = UndecidableReason.byReferences)
    -> (reason: UndecidableReason, explanation: String)?
  {
    checks.isEmpty ? nil : obstacle(in: PictureStatistics(picture), checks: checks)
  }

  func obstacle(in found: PictureStatistics, checks: Set<UndecidableReason> = UndecidableReason.byReferences)
    -> (reason: UndecidableReason, explanation: String)?
  {
    let gain = Self.gain(found.quantiles, over: quantiles)
    func percent(_ fraction: Float) -> String { "\(Int((fraction * 100).rounded())) %" }
    if checks.contains(.dark), gain < Self.dark * darkest {
      return (.dark, "The picture has \(percent(gain)) of the references' brightness: it is too dark.")
    }
    if checks.contains(.overExposed),
      gain > Self.bright * brightest || found.clipped > clipped + Self.clippedMore
    {
      return (
        .overExposed,
        "The picture has \(percent(gain)) of the references' brightness, and \(percent(found.clipped)) of it is "
          + "white: it is over-exposed."
      )
    }
    if checks.contains(.blurred), found.sharpness < Self.blurred * sharpness {
      return (
        .blurred,
        "The picture has \(percent(found.sharpness / max(sharpness, .leastNormalMagnitude))) of the sharpness of "
          + "the least sharp reference: it is blurred."
      )
    }
    if checks.contains(.shifted), let alignment, let (x, y) = shift(of: found.thumbnail, alignment) {
      let side = Float(PictureStatistics.side)
      return (
        .shifted,
        "The part lies \(percent(Float(x) / side)) to the right and \(percent(Float(y) / side)) below where "
          + "the references have it: it is shifted."
      )
    }
    return nil
  }

  private func shift(of thumbnail: [UInt8], _ alignment: Alignment) -> (x: Int, y: Int)? {
    let mean = [UInt8](alignment.thumbnail)
    guard mean.count == thumbnail.count else { return nil }
    let here = Displacement.correlation(thumbnail, mean, side: PictureStatistics.side, x: 0, y: 0)
    // Where the picture fits as it is, nobody need look for a better place.
    guard here < alignment.correlation - 0.05 else { return nil }
    let found = Displacement.of(thumbnail, from: mean, side: PictureStatistics.side)
    guard found.correlation >= Self.leastAgreement - 0.1, found.correlation >= here + 0.1,
      found.distance >= alignment.displacement + Self.shiftedMore
    else { return nil }
    return (found.x, found.y)
  }
}

/// Where one small picture lies in another, found by trying every displacement.
struct Displacement {
  /// To the right and downwards, in cells.
  var x: Int
  var y: Int
  /// Normalised cross-correlation of what both show, -1...1.
  var correlation: Float

  var distance: Int { max(abs(x), abs(y)) }

  /// A quarter of the picture in every direction. Of places that fit alike, the nearest.
  static func of(_ picture: [UInt8], from reference: [UInt8], side: Int) -> Displacement {
    let reach = side / 4
    var best = Displacement(x: 0, y: 0, correlation: correlation(picture, reference, side: side, x: 0, y: 0))
    for y in -reach...reach {
      for x in -reach...reach {
        let found = Displacement(
          x: x, y: y, correlation: correlation(picture, reference, side: side, x: x, y: y))
        let isNearer = found.distance < best.distance
        if found.correlation > best.correlation + (isNearer ? -0.001 : 0.001) { best = found }
      }
    }
    return best
  }

  /// Of the part both show when the picture's content lies `x` to the right and `y` below that of the reference.
  static func correlation(_ picture: [UInt8], _ reference: [UInt8], side: Int, x: Int, y: Int) -> Float {
    var (sumA, sumB, squaresA, squaresB, products) = (0, 0, 0, 0, 0)
    let rows = max(0, y)..<min(side, side + y)
    let columns = max(0, x)..<min(side, side + x)
    picture.withUnsafeBufferPointer { picture in
      reference.withUnsafeBufferPointer { reference in
        for row in rows {
          for column in columns {
            let a = Int(picture[row * side + column])
            let b = Int(reference[(row - y) * side + column - x])
            sumA += a
            sumB += b
            squaresA += a * a
            squaresB += b * b
            products += a * b
          }
        }
      }
    }
    let count = Double(rows.count * columns.count)
    let covariance = Double(products) - Double(sumA) * Double(sumB) / count
    let varianceA = Double(squaresA) - Double(sumA) * Double(sumA) / count
    let varianceB = Double(squaresB) - Double(sumB) * Double(sumB) / count
    guard varianceA > 0, varianceB > 0 else { return 0 }
    return Float(covariance / (varianceA * varianceB).squareRoot())
  }
}
