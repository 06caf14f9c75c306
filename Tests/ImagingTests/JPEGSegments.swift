/// A JPEG cut into what stands before the picture's data and that data, so that tests can damage it in a named way.
struct JPEGSegments {
  /// Marker and content after the length, up to and including the start of scan (0xDA).
  var segments: [(marker: UInt8, content: [UInt8])] = []
  /// All that follows the first start of scan, the end marker included.
  var data: [UInt8] = []

  /// - Parameter jpeg: whole and sound.
  init(_ jpeg: [UInt8]) {
    var at = 2
    while at + 4 <= jpeg.count {
      let marker = jpeg[at + 1]
      let length = Int(jpeg[at + 2]) << 8 | Int(jpeg[at + 3])
      segments.append((marker, Array(jpeg[at + 4..<at + 2 + length])))
      at += 2 + length
      if marker == 0xDA { break }
    }
    data = Array(jpeg[at...])
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = [0xFF, 0xD8]
    for (marker, content) in segments {
      let length = content.count + 2
      bytes += [0xFF, marker, UInt8(length >> 8), UInt8(length & 255)] + content
    }
    return bytes + data
  }

  func without(marker: UInt8) -> JPEGSegments {
    var copy = self
    copy.segments.removeAll { $0.marker == marker }
    return copy
  }

  /// Where the restart markers are in `data`.
  var restartMarkers: [Int] {
    data.indices.dropLast().filter { data[$0] == 0xFF && (0xD0...0xD7).contains(data[$0 + 1]) }
  }
}
