import Crypto
import Foundation
import Imaging
import TestSupport
import Testing

@Suite("Linear interpolation is OpenCV's, bit for bit")
struct LinearInterpolationTests {
  @Test("Hundreds of random shapes", .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func randomShapes() throws {
    var batch = try BatchReader(oracle: "imaging_linear", ["300", "7"])
    var count = 0
    while !batch.isAtEnd {
      let size = try batch.numbers()
      let before = Picture(width: size[0], height: size[1], pixels: try batch.blob())
      let after = Picture(width: size[2], height: size[3], pixels: try batch.blob())
      let isEqual = before.linearlyInterpolated(width: size[2], height: size[3]) == after
      #expect(isEqual, "\(size)")
      count += 1
    }
    #expect(count == 300)
  }

  @Test(
    "PromptAD's inputs", .enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"),
    arguments: ["support", "query"])
  func promptADInputs(set: String) throws {
    let fixture = try PromptADFixture()
    let hashes = try #require(fixture.facts.images.sha256RgbAfterOpencv1024X1024[set])
    for (index, expected) in try fixture.inputs(set).enumerated() {
      let original = try fixture.original(set, index)
      let large = original.linearlyInterpolated(width: 1024, height: 1024)
      let hash = SHA256.hash(data: large.pixels).map { String(format: "%02x", $0) }.joined()
      #expect(hash == hashes[index], "\(set) \(index)")
      let input = original.resized(width: expected.width, height: expected.height, by: .promptADRelease)
      #expect(input == expected, "\(set) \(index)")
    }
  }
}
