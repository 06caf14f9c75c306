import Foundation
import Imaging
import TestSupport
import Testing

@testable import Inspection

@Suite struct RunLengthMaskTests {
  /// Masks of many shapes and densities, empty and full ones among them.
  private var masks: [Mask] {
    var generator = SeededGenerator(seed: 5)
    var masks = [
      Mask(width: 1, height: 1), Mask(width: 1, height: 1, bits: [true]), Mask(width: 37, height: 21),
      Mask(width: 336, height: 336, bits: [Bool](repeating: true, count: 336 * 336)),
    ]
    for _ in 0..<60 {
      let width = Int.random(in: 1...90, using: &generator)
      let height = Int.random(in: 1...90, using: &generator)
      let change = Double.random(in: 0.001...0.6, using: &generator)
      var bit = Bool.random(using: &generator)
      masks.append(
        Mask(
          width: width, height: height,
          bits: (0..<width * height).map { _ in
            if Double.random(in: 0...1, using: &generator) < change { bit.toggle() }
            return bit
          }))
    }
    return masks
  }

  @Test func masksSurvive() throws {
    for mask in masks {
      let encoded = RunLengthMask(mask)
      #expect(encoded.decoded() == mask)
      #expect(try JSONDecoder().decode(RunLengthMask.self, from: JSONEncoder().encode(encoded)) == encoded)
    }
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)")) func pycocotoolsReadsAndWritesTheSame()
    throws
  {
    struct Case: Codable {
      var rle: RunLengthMask
      var rows: [String]
    }
    let folder = try TemporaryFolder()
    let cases = masks.map { mask in
      Case(
        rle: RunLengthMask(mask),
        rows: (0..<mask.height).map { y in String((0..<mask.width).map { mask[$0, y] ? "1" : "0" }) })
    }
    try JSONEncoder().encode(cases).write(to: folder.file("masks.json"))
    let answer = try Oracle.run("coco_masks", [folder.file("masks.json").path])
    #expect(String(decoding: answer, as: UTF8.self) == "64 masks agree\n")
  }

  @Test(arguments: ["", "0", "6", "7", "]", "oooooooo", "\u{7f}", "02", "61\u{e9}", "0`0"])
  func textThatIsNoMaskIsRefused(counts: String) throws {
    let json = #"{"size": [2, 3], "counts": "\#(counts)"}"#
    let mask = try JSONDecoder().decode(RunLengthMask.self, from: Data(json.utf8))
    #expect((mask.decoded() != nil) == (counts == "6"))
  }

  @Test(arguments: ["[2]", "[0, 3]", "[2, 99999999]", "[-1, 2]"]) func sizesOutOfRangeAreRefused(size: String)
  {
    let json = #"{"size": \#(size), "counts": "6"}"#
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(RunLengthMask.self, from: Data(json.utf8))
    }
  }
}
