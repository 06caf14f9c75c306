import Imaging
import TestSupport
import Testing

@Suite("Damaged files never crash, never hang, and never pass for whole ones")
struct DamageTests {
  private static let samples: [(String, PixelFormat, [UInt8])] = {
    let picture = Picture.scene(width: 24, height: 17)
    return [
      ("JPEG", .jpeg, (try? picture.jpegData(quality: 75)) ?? []),
      ("JPEG with restart markers", .mjpeg, SampleJPEGs.withRestartMarkers),
      ("progressive JPEG", .jpeg, SampleJPEGs.progressive),
      ("PNG", .png, (try? picture.pngData()) ?? []),
    ]
  }()

  @Test("Cut anywhere, a file is truncated", arguments: 0..<samples.count)
  func everyCut(sample: Int) throws {
    let (name, format, whole) = Self.samples[sample]
    #expect(whole.count > 300)
    _ = try RawImage(format: format, bytes: whole).decoded()
    for length in 0..<whole.count {
      let error = #expect(throws: ImageError.self, "\(name) of \(length) bytes") {
        try RawImage(format: format, bytes: Array(whole.prefix(length))).decoded()
      }
      #expect(error?.reason == "truncated", "\(name) of \(length) bytes: \(error?.description ?? "")")
    }
  }

  @Test("Flipped bits give a picture of some size or an error with a name", arguments: 0..<samples.count)
  func flippedBits(sample: Int) {
    let (name, format, whole) = Self.samples[sample]
    var generator = SeededGenerator(seed: UInt64(sample))
    var failures = 0
    for _ in 0..<1500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      do {
        let picture = try RawImage(format: format, bytes: bytes).decoded().picture
        #expect(picture.pixels.count == picture.width * picture.height * 3)
      } catch {
        failures += 1
        #expect(!error.reason.isEmpty && error.description.hasSuffix("."))
      }
    }
    // Most of a file is checked by a sum or a code table, so most flips must be noticed.
    #expect(failures > 300, "\(name)")
  }

  @Test("Random bytes after a sound beginning", arguments: [PixelFormat.jpeg, .png])
  func noise(format: PixelFormat) {
    let whole = Self.samples.first { $0.1 == format }?.2 ?? []
    var generator = SeededGenerator(seed: 77)
    for _ in 0..<300 {
      let kept = Int.random(in: 0..<whole.count, using: &generator)
      let bytes = whole.prefix(kept) + (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // A picture or an error: both are fine, the point is to come back.
      _ = try? RawImage(format: format, bytes: Array(bytes)).decoded()
    }
  }

  @Test("Many threads at once get the same pictures")
  func concurrency() async throws {
    let picture = Picture.scene(width: 64, height: 48)
    let jpeg = try picture.jpegData(quality: 90)
    let cut = Array(jpeg.dropLast(50))
    let expected = try RawImage(format: .mjpeg, bytes: jpeg).decoded().picture
      .resized(width: 28, height: 28, filter: .bicubic)
    let results = await withTaskGroup(of: Bool.self) { group in
      for task in 0..<64 {
        group.addTask {
          if task % 3 == 0 { return (try? RawImage(format: .mjpeg, bytes: cut).decoded()) == nil }
          let decoded = try? RawImage(format: .mjpeg, bytes: jpeg).decoded().picture
          return decoded?.resized(width: 28, height: 28, filter: .bicubic) == expected
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results.count == 64 && results.allSatisfy { $0 })
  }
}
