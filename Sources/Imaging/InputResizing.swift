/// How a picture is brought to the encoder's input size. No way keeps the aspect ratio.
public enum InputResizing: String, Sendable, Codable, CaseIterable {
  /// Pillow's bicubic, which averages when it scales down.
  case bicubic
  /// What the released PromptAD does: OpenCV's bilinear to 1024 x 1024, then Pillow's bicubic.
  case promptADRelease = "promptad_release"
}

extension Picture {
  /// The picture at another size.
  ///
  /// - Precondition: both sides are at least 1.
  public func resized(width: Int, height: Int, by method: InputResizing) -> Picture {
    switch method {
    case .bicubic: resized(width: width, height: height, filter: .bicubic)
    case .promptADRelease:
      linearlyInterpolated(width: 1024, height: 1024).resized(width: width, height: height, filter: .bicubic)
    }
  }

  /// The picture scaled between the two nearest pixels of each axis, the same bits as OpenCV's `resize` with
  /// INTER_LINEAR gives.
  ///
  /// It does not average when it scales down: pixels between the chosen ones are left out, and fine structure turns into
  /// patterns that are not there. Only for what was made with it; otherwise use `resized(width:height:filter:)`.
  ///
  /// - Precondition: both sides are at least 1.
  public func linearlyInterpolated(width newWidth: Int, height newHeight: Int) -> Picture {
    precondition(
      newWidth >= 1 && newHeight >= 1, "A picture of \(newWidth) x \(newHeight) pixels has no content.")
    if newWidth == width, newHeight == height { return self }
    let columns = (0..<newWidth).map { LinearTap(at: $0, from: width, to: newWidth, clampsWeight: true) }
    let rows = (0..<newHeight).map { LinearTap(at: $0, from: height, to: newHeight, clampsWeight: false) }
    var result: [UInt8] = []
    result.reserveCapacity(newWidth * newHeight * 3)
    // The two rows between which the output row lies, already at the new width; output rows come in order, so each is
    // computed once.
    var upper: (row: Int, sums: [Int32]) = (-1, [])
    var lower = upper
    for tap in rows {
      if tap.first != upper.row {
        upper = tap.first == lower.row ? lower : (tap.first, interpolated(row: tap.first, columns))
      }
      if tap.second != lower.row {
        lower = tap.second == upper.row ? upper : (tap.second, interpolated(row: tap.second, columns))
      }
      for index in 0..<newWidth * 3 {
        // OpenCV drops four bits of each sum so that its vector units can multiply halves of words.
        let above = ((upper.sums[index] >> 4) * tap.firstWeight) >> 16
        let below = ((lower.sums[index] >> 4) * tap.secondWeight) >> 16
        result.append(UInt8(truncatingIfNeeded: (above + below + 2) >> 2))
      }
    }
    return Picture(width: newWidth, height: newHeight, pixels: result)
  }

  /// One row at another width, times 2048.
  private func interpolated(row: Int, _ columns: [LinearTap]) -> [Int32] {
    var sums: [Int32] = []
    sums.reserveCapacity(columns.count * 3)
    for tap in columns {
      let first = (row * width + tap.first) * 3
      let second = (row * width + tap.second) * 3
      for channel in 0..<3 {
        sums.append(
          Int32(pixels[first + channel]) * tap.firstWeight + Int32(pixels[second + channel])
            * tap.secondWeight)
      }
    }
    return sums
  }
}

/// What an output position of one axis takes from two neighbouring input positions, in OpenCV's fixed point of 11 bits.
private struct LinearTap {
  let first: Int
  let second: Int
  let firstWeight: Int32
  let secondWeight: Int32

  /// - Parameter clampsWeight: whether positions beyond the border pixels' centres weigh one pixel fully. OpenCV does so
  ///   along rows; down columns it weighs the border pixel twice, which rounds otherwise.
  init(at position: Int, from size: Int, to newSize: Int, clampsWeight: Bool) {
    let scale = 1 / (Double(newSize) / Double(size))
    let centre = Float((Double(position) + 0.5) * scale - 0.5)
    var base = Int(centre.rounded(.down))
    var fraction = centre - Float(base)
    if clampsWeight, base < 0 || base >= size - 1 {
      base = min(max(base, 0), size - 1)
      fraction = 0
    }
    first = min(max(base, 0), size - 1)
    second = min(max(base + 1, 0), size - 1)
    firstWeight = Int32(((1 - fraction) * 2048).rounded(.toNearestOrEven))
    secondWeight = Int32((fraction * 2048).rounded(.toNearestOrEven))
  }
}
