public import Imaging

/// A binary mask in COCO's compressed run-length encoding, as pycocotools reads and writes it.
///
/// Runs go down the columns, first column first, and alternate between 0 and 1; the first run is of zeros and
/// may be empty. `counts` is the text form: each run (from the fourth on, its difference to the run two before)
/// in groups of five bits, lowest first, the sixth bit saying that another group follows, plus 48.
public struct RunLengthMask: Sendable, Equatable, Codable {
  public let width: Int
  public let height: Int
  public let counts: String

  /// COCO's JSON form: `{"size": [height, width], "counts": "..."}`.
  private enum CodingKeys: String, CodingKey {
    case size
    case counts
  }

  public init(_ mask: Mask) {
    width = mask.width
    height = mask.height
    // Most parts are good, and going down the columns of a mask that is stored by rows takes long.
    guard mask.bits.contains(true) else {
      counts = Self.text(of: [width * height])
      return
    }
    var runs: [Int] = []
    var current = false
    var length = 0
    for x in 0..<mask.width {
      for y in 0..<mask.height {
        let bit = mask.bits[y * mask.width + x]
        if bit != current {
          runs.append(length)
          length = 0
          current = bit
        }
        length += 1
      }
    }
    runs.append(length)
    counts = Self.text(of: runs)
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let size = try values.decode([Int].self, forKey: .size)
    guard size.count == 2, size.allSatisfy({ (1...65_535).contains($0) }) else {
      throw DecodingError.dataCorruptedError(
        forKey: .size, in: values, debugDescription: "The size of a mask is [height, width], each 1 to 65535."
      )
    }
    height = size[0]
    width = size[1]
    counts = try values.decode(String.self, forKey: .counts)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode([height, width], forKey: .size)
    try values.encode(counts, forKey: .counts)
  }

  /// The mask, or nil where `counts` is not the text of exactly `width * height` pixels.
  public func decoded() -> Mask? {
    guard let runs = Self.runs(of: counts) else { return nil }
    var bits = [Bool](repeating: false, count: width * height)
    var position = 0
    for (index, run) in runs.enumerated() {
      guard run >= 0, run <= bits.count - position else { return nil }
      if index % 2 == 1 {
        for pixel in position..<position + run {
          bits[(pixel % height) * width + pixel / height] = true
        }
      }
      position += run
    }
    guard position == bits.count else { return nil }
    return Mask(width: width, height: height, bits: bits)
  }

  private static func text(of runs: [Int]) -> String {
    var text: [UInt8] = []
    for (index, run) in runs.enumerated() {
      var value = index > 2 ? run - runs[index - 2] : run
      var more = true
      while more {
        var group = value & 0x1f
        value >>= 5
        more = group & 0x10 != 0 ? value != -1 : value != 0
        if more { group |= 0x20 }
        text.append(UInt8(group + 48))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func runs(of text: String) -> [Int]? {
    var runs: [Int] = []
    var value = 0
    var shift = 0
    for byte in text.utf8 {
      guard (48..<48 + 64).contains(byte), shift < 35 else { return nil }
      let group = Int(byte) - 48
      value |= (group & 0x1f) << shift
      shift += 5
      if group & 0x20 == 0 {
        if group & 0x10 != 0 { value |= -1 << shift }
        runs.append(runs.count > 2 ? value + runs[runs.count - 2] : value)
        value = 0
        shift = 0
      }
    }
    return shift == 0 ? runs : nil
  }
}
