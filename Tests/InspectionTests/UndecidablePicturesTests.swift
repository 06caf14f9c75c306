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

  private static func statistics(_ dataSet: String, references: Int = 4) throws -> ReferenceStatistics {
    let references = try files("\(dataSet)/train/good").prefix(references).map(input)
    return try #require(ReferenceStatistics(references))
  }

  /// Of all pictures that are not references, good and defective, none is undecidable.
  @Test(arguments: ["aws-cookies", "mpdd-metal_plate", "mvtec-bottle"])
  func untouchedPicturesAreJudged(dataSet: String) throws {
    let statistics = try Self.statistics(dataSet)
    var counts = (pictures: 0, refused: 0)
    let kinds = try Self.files("\(dataSet)/test")
    let untouched =
      try Self.files("\(dataSet)/train/good").dropFirst(4)
      + kinds.flatMap { try Self.files("\(dataSet)/test/\($0.lastPathComponent)") }
    for file in untouched {
      counts.pictures += 1
      if let (reason, _) = statistics.obstacle(in: try Self.input(file)) {
        counts.refused += 1
        Issue.record("\(file.lastPathComponent) is said to be \(reason.rawValue).")
      }
    }
    #expect(counts.pictures > 50 && counts.refused == 0)
  }

  @Test(arguments: ["aws-cookies", "mpdd-metal_plate", "mvtec-bottle"])
  func spoiltPicturesAreFound(dataSet: String) throws {
    let statistics = try Self.statistics(dataSet)
    #expect((statistics.alignment != nil) == (dataSet == "mvtec-bottle"), "whether parts are fixed")
    for file in try Self.files("\(dataSet)/test/good").prefix(5) {
      let picture = try Self.input(file)
      func reason(_ picture: Picture) -> UndecidableReason? { statistics.obstacle(in: picture)?.reason }
      #expect(reason(picture.lit(0.45)) == .dark)
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
