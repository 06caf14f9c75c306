import Compute
import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Resizing is Pillow's, bit for bit")
struct ResizingTests {
  /// One row or column of grey as a picture.
  private func line(_ values: [UInt8], vertical: Bool) -> Picture {
    Picture(
      width: vertical ? 1 : values.count, height: vertical ? values.count : 1,
      pixels: values.flatMap { [$0, $0, $0] })
  }

  @Test(
    "Known lines, along both axes",
    arguments: [
      ([10, 200, 30, 90, 250, 0, 120, 60], [89, 82, 163, 75, 83]),
      ([10, 200, 30, 90, 250, 0, 120, 60], [90, 123, 80]),
      ([0, 255, 0, 255], [0, 87, 251, 128, 4, 168, 255]),
      ([5, 5, 250, 250], [5, 0, 34, 221, 255, 250]),
    ] as [([UInt8], [UInt8])])
  func knownLines(before: [UInt8], after: [UInt8]) {
    #expect(
      line(before, vertical: false).resized(width: after.count, height: 1, filter: .bicubic)
        == line(after, vertical: false))
    #expect(
      line(before, vertical: true).resized(width: 1, height: after.count, filter: .bicubic)
        == line(after, vertical: true))
  }

  @Test("Known coefficients, eight positions to five")
  func knownCoefficients() {
    let coefficients = ResamplingCoefficients(from: 8, to: 5, filter: .bicubic)
    #expect(coefficients.taps == 8)
    #expect(coefficients.starts[0] == 0)
    #expect(coefficients.weights(of: 0) == [2_564_317, 1_799_741, -76390, -93365])
    #expect(coefficients.starts[2] == 1)
    #expect(coefficients.weights(of: 2) == [-143542, 103181, 2_137_513, 2_137_513, 103181, -143542])
  }

  @Test("The same size changes nothing")
  func identity() {
    let picture = Picture.noise(width: 13, height: 8, seed: 4)
    for filter in ResamplingFilter.allCases {
      #expect(picture.resized(width: 13, height: 8, filter: filter) == picture)
    }
  }

  @Test(
    "Threads change nothing",
    arguments: [
      (1, 1, 5, 3), (3, 97, 2, 1), (61, 5, 7, 9), (131, 77, 40, 41), (17, 23, 150, 8), (90, 210, 33, 67),
    ])
  func threads(width: Int, height: Int, newWidth: Int, newHeight: Int) throws {
    let before = Picture.noise(width: width, height: height, seed: 9)
    for filter in ResamplingFilter.allCases {
      let alone = before.resized(width: newWidth, height: newHeight, filter: filter)
      for threads in [2, 3, 8] {
        let isEqual =
          before.resized(
            width: newWidth, height: newHeight, filter: filter, pool: ThreadPool(threads: threads)) == alone
        #expect(isEqual, "\(filter) on \(threads) threads")
      }
    }
  }

  @Test("A thousand random shapes", .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func randomShapes() throws {
    var batch = try BatchReader(oracle: "imaging_resampling", ["1000", "20"])
    var count = 0
    while !batch.isAtEnd {
      let size = try batch.numbers()
      let filter = try #require(ResamplingFilter(rawValue: try batch.text()))
      let before = Picture(width: size[0], height: size[1], pixels: try batch.blob())
      let after = Picture(width: size[2], height: size[3], pixels: try batch.blob())
      for path in KernelPath.available {
        let kernels = try #require(path.kernels)
        let isEqual = before.resized(width: size[2], height: size[3], filter: filter, kernels) == after
        #expect(isEqual, "\(size) \(filter) \(path)")
      }
      count += 1
    }
    #expect(count == 1000)
  }

  private static var sampleFiles: [String] {
    guard let folder = Repository.inspectionImages else { return [] }
    let names = [
      "mvtec-bottle/train/good/000.png", "mpdd-metal_plate/train/good/000.png",
      "aws-cookies/train/good/normal-1.jpg", "aws-cookies/train/good/normal-10.jpg",
    ]
    return names.map { folder.appending(path: $0).path }.filter { FileManager.default.fileExists(atPath: $0) }
  }

  @Test(
    "Real files are read and resized as by Pillow",
    .enabled(if: Oracle.isAvailable && !sampleFiles.isEmpty, "needs the oracles and the inspection images"))
  func realFiles() throws {
    var batch = try BatchReader(oracle: "imaging_files", Self.sampleFiles)
    for file in Self.sampleFiles {
      let size = try batch.numbers()
      let expected = Picture(width: size[0], height: size[1], pixels: try batch.blob())
      let small = Picture(width: 336, height: 336, pixels: try batch.blob())
      let picture = try Picture(contentsOf: URL(fileURLWithPath: file))
      let isEqual = picture == expected
      #expect(isEqual, "\(file)")
      let isResizedEqual = picture.resized(width: 336, height: 336, filter: .bicubic) == small
      #expect(isResizedEqual, "\(file)")
    }
  }
}
