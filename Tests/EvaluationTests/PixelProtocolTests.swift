import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Evaluation

@Suite struct PixelProtocolTests {
  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func mapsAndMasksAreThoseOfScipyAndPillow() throws {
    struct Case: Encodable {
      var rows: Int
      var scores: [Float]
      var width: Int
      var height: Int
    }
    struct Answer: Decodable {
      var map: Double
      var mask: Int
      var defective: Int
    }
    var generator = SeededGenerator(seed: 3)
    let (width, height) = (310, 247)
    let patches = Matrix(
      rows: 15, columns: 17, values: (0..<255).map { _ in Float.random(in: 0...1, using: &generator) })
    // A disc, a thin line and lone pixels: what resizing treats differently.
    var picture = Picture(
      width: width, height: height, pixels: [UInt8](repeating: 0, count: width * height * 3))
    for y in 0..<height {
      for x in 0..<width {
        let isDisc = (x - 200) * (x - 200) + (y - 90) * (y - 90) < 1600
        let isLine = y == 180 || x == 33
        let isLone = Int.random(in: 0..<200, using: &generator) == 0
        // Masks of VisA count small numbers: every value above 0 is a defect.
        if isDisc || isLine || isLone { for c in 0..<3 { picture.pixels[(y * width + x) * 3 + c] = 3 } }
      }
    }
    let folder = try TemporaryFolder()
    try Data(try picture.pngData()).write(to: folder.file("mask.png"))
    try JSONEncoder().encode(Case(rows: 15, scores: patches.values, width: width, height: height))
      .write(to: folder.file("case.json"))
    let mask = try Mask(contentsOf: folder.file("mask.png"))
    for rules in PixelProtocol.allCases {
      let map = rules.map(patchScores: patches, width: width, height: height)
      let bits = rules.mask(mask, width: width, height: height)
      #expect(map.rows == bits.height && map.columns == bits.width)
      try map.values.withUnsafeBytes { Data($0) }.write(to: folder.file("\(rules.rawValue).map"))
      try Data(bits.bits.map { $0 ? 1 : 0 }).write(to: folder.file("\(rules.rawValue).mask"))
    }
    let answers = try JSONDecoder().decode(
      [String: Answer].self, from: try Oracle.run("pixel_protocols", [folder.url.path]))
    #expect(answers.keys.sorted() == PixelProtocol.allCases.map(\.rawValue).sorted())
    for (name, answer) in answers {
      #expect(answer.map < 2e-6, "\(name)")
      #expect(answer.mask == 0, "\(name)")
      #expect(answer.defective > 100, "\(name)")
    }
    #expect(answers["bayes-pfl"]?.defective != answers["promptad"]?.defective)
  }
}
