import Compute
import Foundation
import Inspection
import TestSupport
import Testing

@Suite struct TextPrototypesTests {
  private static let prototypes = TextPrototypes(
    image: Matrix(rows: 2, columns: 3, values: [1, 0, 0, 0, 1, 0]),
    pixel: Matrix(rows: 2, columns: 3, values: [0, 0, 1, 0, 1, 0]), defects: ["scratch", "missing \"cap\""],
    defectFeatures: Matrix(rows: 2, columns: 3, values: [0.6, 0.8, 0, 0, 0, 1]), scale: 2, logitScale: 1)

  @Test func `PAD is the sigmoid of the scaled difference of cosines`() {
    let features = Matrix(rows: 2, columns: 3, values: [1, 0, 0, 0.6, 0.8, 0])
    let wanted = [1 / (1 + exp(2.0)), 1 / (1 + exp(-0.4))]
    for (found, wanted) in zip(Self.prototypes.imageScores(of: features), wanted) {
      #expect(abs(Double(found) - wanted) < 1e-7)
    }
    #expect(abs(Double(Self.prototypes.patchScores(of: features)[1]) - 1 / (1 + exp(-1.6))) < 1e-7)
  }

  /// (weights of three patches, name, cosines with both defects)
  @Test(arguments: [
    ([Float(1), 0, 0], "scratch", (0.6, 0.0)),
    ([0, 1, 1], "missing \"cap\"", (0.8 / 2.0.squareRoot(), 1 / 2.0.squareRoot())),
    ([0, 0.5, 0], "scratch", (0.8, 0.0)),
  ])
  func `a region is named after what its patches look like`(
    _ weights: [Float], _ name: String, _ cosines: (Double, Double)
  ) throws {
    let features = Matrix(rows: 3, columns: 3, values: [1, 0, 0, 0, 1, 0, 0, 0, 1])
    let found = try #require(Self.prototypes.likeliestDefect(of: features, weights: weights))
    #expect(found.name == name)
    let (likely, other) = (max(cosines.0, cosines.1), min(cosines.0, cosines.1))
    #expect(abs(found.probability - 1 / (1 + exp(exp(1) * (other - likely)))) < 1e-6)
  }

  @Test func `a region without patches, and a recipe without words, have no name`() {
    let features = Matrix(rows: 1, columns: 3, values: [1, 0, 0])
    #expect(Self.prototypes.likeliestDefect(of: features, weights: [0]) == nil)
    var wordless = Self.prototypes
    wordless.defects = []
    wordless.defectFeatures = Matrix(rows: 0, columns: 3)
    #expect(wordless.likeliestDefect(of: features, weights: [1]) == nil)
  }

  @Test func `a file holds everything, and the same prototypes give the same bytes`() throws {
    let folder = try TemporaryFolder()
    try Self.prototypes.write(to: folder.file("a"))
    try Self.prototypes.write(to: folder.file("b"))
    #expect(try TextPrototypes(contentsOf: folder.file("a")) == Self.prototypes)
    #expect(try Data(contentsOf: folder.file("a")) == Data(contentsOf: folder.file("b")))
    var wordless = Self.prototypes
    wordless.defects = []
    wordless.defectFeatures = Matrix(rows: 0, columns: 3)
    try wordless.write(to: folder.file("c"))
    #expect(try TextPrototypes(contentsOf: folder.file("c")) == wordless)
  }

  @Test func `what is no such file is refused with its name`() throws {
    let folder = try TemporaryFolder()
    try Self.prototypes.write(to: folder.file("whole"))
    let bytes = try Data(contentsOf: folder.file("whole"))
    var infinite = Self.prototypes
    infinite.scale = .infinity
    try infinite.write(to: folder.file("infinite"))
    try bytes.prefix(bytes.count - 4).write(to: folder.file("cut"))
    try Data("{}".utf8).write(to: folder.file("text"))
    for name in ["infinite", "cut", "text", "missing"] {
      #expect { try TextPrototypes(contentsOf: folder.file(name)) } throws: { "\($0)".contains(name) }
    }
  }
}
