import Foundation
import Imaging
import TestSupport
import Testing

@testable import Inspection

/// The limits on real parts: what is spoilt is found, and nothing else is, bad parts included.
@Suite(.enabled(if: Repository.inspectionImages != nil, "The inspection images are not there."))
struct UndecidablePicturesTests {
  private static let side = 336

  private static func files(_ folder: String) throws -> [URL] {
    let root = try #require(Repository.inspectionImages).appending(path: folder)
    return try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)
      .sorted { $0.path < $1.path }
  }

  private static func input(_ file: URL) throws -> Picture {
    try Picture(contentsOf: file).resized(width: side, height: side, filter: .bicubic)
  }

  private static let dataSets = ["aws-cookies", "mpdd-metal_plate", "mvtec-bottle"]

  private static func good(_ dataSet: String) throws -> [URL] {
    try files("\(dataSet)/train/good") + files("\(dataSet)/test/good")
  }

  /// Of all pictures that are not references, good and defective, none is undecidable, whichever good ones the references
  /// are.
  @Test(arguments: dataSets)
  func untouchedPicturesAreJudged(dataSet: String) throws {
    let good = try Self.good(dataSet).map { PictureStatistics(try Self.input($0)) }
    let defective = try Self.files("\(dataSet)/test").filter { $0.lastPathComponent != "good" }
      .flatMap { try Self.files("\(dataSet)/test/\($0.lastPathComponent)") }
      .map { PictureStatistics(try Self.input($0)) }
    var generator = SeededGenerator(seed: 1)
    var judged = 0
    for count in [1, 2, 4, 8] {
      for _ in 0..<3 {
        let drawn = good.shuffled(using: &generator)
        let statistics = try #require(ReferenceStatistics(Array(drawn.prefix(count))))
        let reasons = (drawn.dropFirst(count) + defective).compactMap { statistics.obstacle(in: $0)?.reason }
        #expect(reasons.isEmpty, "\(count) references")
        judged += drawn.count - count + defective.count
      }
    }
    #expect(judged > 900)
  }

  @Test(arguments: dataSets)
  func spoiltPicturesAreFound(dataSet: String) throws {
    let references = try Self.files("\(dataSet)/train/good").prefix(4).map(Self.input)
    let statistics = try #require(ReferenceStatistics(references))
    #expect((statistics.alignment != nil) == (dataSet == "mvtec-bottle"), "whether parts are fixed")
    for file in try Self.files("\(dataSet)/test/good").prefix(5) {
      let picture = try Self.input(file)
      func reason(_ picture: Picture) -> UndecidableReason? { statistics.obstacle(in: picture)?.reason }
      #expect(reason(picture.lit(0.2)) == .dark)
      #expect(reason(picture.lit(0.5)) == nil)
      #expect(reason(picture.lit(3)) == .overExposed)
      let small = picture.resized(width: Self.side / 3, height: Self.side / 3, filter: .bicubic)
      #expect(reason(small.resized(width: Self.side, height: Self.side, filter: .bicubic)) == .blurred)
      if statistics.alignment != nil {
        #expect(reason(picture.displaced(by: Self.side / 8)) == .shifted)
        #expect(reason(picture.displaced(by: Self.side / 50)) == nil)
      }
    }
  }
}

extension Picture {
  fileprivate func lit(_ factor: Double) -> Picture {
    Picture(width: width, height: height, pixels: pixels.map { UInt8(min(255, Double($0) * factor)) })
  }

  /// To the right; what goes out there comes in at the left.
  fileprivate func displaced(by columns: Int) -> Picture {
    var result: [UInt8] = []
    for y in 0..<height {
      let row = pixels[(y * width * 3)..<((y + 1) * width * 3)]
      result += row.suffix(columns * 3) + row.dropLast(columns * 3)
    }
    return Picture(width: width, height: height, pixels: result)
  }
}
