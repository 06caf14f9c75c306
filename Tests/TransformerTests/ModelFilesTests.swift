import Compute
import Foundation
import TestSupport
import Testing

@testable import Transformer

@Suite struct ModelFilesTests {
  let folder: TemporaryFolder
  let url: URL

  init() throws {
    folder = try TemporaryFolder()
    url = folder.file("model.safetensors")
  }

  /// A tower small enough to write in every test, with no two sizes alike that could be mixed up.
  static let configuration = ImageTowerConfiguration(
    patchSize: 2, width: 32, depth: 2, heads: 4, mlpWidth: 42, activation: .quickGELU, layerNormEpsilon: 1e-5,
    hasPreNorm: true, gridRows: 3, gridColumns: 2, positionInterpolation: .bicubicAntialiased,
    embeddingWidth: 24, mean: [0.5, 0.25, 0.1], standardDeviation: [1, 2, 0.3])

  static let origin = ModelOrigin(
    attribution: "Made by a \"test\" for über", layout: "openclip", sourceFile: "a/b.safetensors",
    sourceHash: "00", sourceTensors: 1, sourceParameters: 2, tool: "test")

  /// Seeded weights; returns them by name.
  @discardableResult
  func write(_ precision: ModelFile.Precision) throws -> [String: [Float]] {
    var generator = SeededGenerator(seed: 7)
    var weights: [String: [Float]] = [:]
    try ModelFile.write(
      to: url, configuration: Self.configuration, precision: precision, origin: Self.origin
    ) { name, shape in
      let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }
      weights[name] = values
      return values
    }
    return weights
  }

  /// Writes the file again, changed.
  func change(
    metadata: (inout [String: String]) -> Void = { _ in }, without removed: String? = nil,
    shape: [String: [Int]] = [:], bytes: (_ name: String, _ bytes: inout [UInt8]) -> Void = { _, _ in },
    adding: (inout SafeTensorsWriter) -> Void = { _ in }
  ) throws {
    let file = try SafeTensorsFile(contentsOf: url)
    var strings = file.metadata
    metadata(&strings)
    var writer = SafeTensorsWriter(metadata: strings)
    for tensor in file.tensors where tensor.name != removed {
      var contents = [UInt8](try #require(file.tensor(named: tensor.name)).bytes)
      bytes(tensor.name, &contents)
      writer.add(tensor.name, type: tensor.type, shape: shape[tensor.name] ?? tensor.shape, bytes: contents)
    }
    adding(&writer)
    try writer.write(to: url)
  }

  func error() -> ModelFileError? {
    #expect(throws: ModelFileError.self) { try ModelFile(contentsOf: url) }
  }

  @Test(arguments: ModelFile.Precision.allCases)
  func roundTrip(precision: ModelFile.Precision) throws {
    let weights = try write(precision)
    let model = try ModelFile(contentsOf: url)
    #expect(model.configuration == Self.configuration)
    #expect(model.precision == precision)
    #expect(model.origin == Self.origin)
    let digest = try Oracle.run(executable: "/usr/bin/sha256sum", [url.path])
    #expect(String(decoding: digest, as: UTF8.self).hasPrefix(model.hash + " "))
    // 8 + 12 a block + norm 2 + projection 1, and four scales a block in int8.
    #expect(weights.count == 4 + 2 + 12 * 2 + 2 + 1)
    for (name, var values) in weights {
      // An int8 file holds the two LayerNorms of a block and the layers behind them rescaled against each other.
      if precision == .int8, let rescaled = Self.rescaled(name, weights) { values = rescaled }
      let isQuantised =
        precision == .int8 && name.contains("blocks") && name.hasSuffix("weight") && !name.contains("norm")
      if isQuantised {
        let matrix = model.matrix(name)
        #expect(model.packed(name).count % 64 == 0)
        #expect(Int(bitPattern: model.packed(name).baseAddress) % 64 == 0)
        for row in 0..<matrix.rows {
          let original = values[row * matrix.columns..<(row + 1) * matrix.columns]
          let half = original.reduce(Float(0)) { max($0, abs($1)) } / 127 / 2
          #expect(zip(original, matrix.row(row)).allSatisfy { abs($0 - $1) <= half * 1.0001 })
        }
      } else {
        #expect([Float](model.float(name)) == values)
      }
    }
    let hash = model.hash
    try write(precision)
    #expect(try ModelFile(contentsOf: url).hash == hash)
  }

  /// What `NormMigration` makes of a tensor; nil for one that it leaves alone.
  private static func rescaled(_ name: String, _ weights: [String: [Float]]) -> [Float]? {
    for (norm, layer) in [("norm1", "attention.qkv.weight"), ("norm2", "mlp.in.weight")] {
      guard let end = [".\(norm).weight", ".\(norm).bias", ".\(layer)"].first(where: name.hasSuffix) else {
        continue
      }
      let block = name.dropLast(end.count)
      guard let gain = weights["\(block).\(norm).weight"], let bias = weights["\(block).\(norm).bias"],
        let matrix = weights["\(block).\(layer)"]
      else { return nil }
      let migration = NormMigration(
        gain: gain, bias: bias,
        weights: Matrix(rows: matrix.count / gain.count, columns: gain.count, values: matrix))
      return end.hasSuffix("bias")
        ? migration.bias : end.contains("norm") ? migration.gain : migration.weights.values
    }
    return nil
  }

  @Test func impossibleModelsAreNotWritten() throws {
    var configuration = Self.configuration
    configuration.heads = 5
    func refusal(_ precision: ModelFile.Precision, _ value: Float = 1) -> String? {
      #expect(throws: ModelFileError.self) {
        try ModelFile.write(to: url, configuration: configuration, precision: precision, origin: Self.origin)
        {
          _, shape in [Float](repeating: value, count: shape.reduce(1, *))
        }
      }?.sentence
    }
    #expect(
      refusal(.float32) == "No model can have this configuration: width 32 does not divide into 5 heads.")
    (configuration.width, configuration.heads) = (40, 4)
    #expect(
      refusal(.int8) == "An int8 model needs a width that is a multiple of 16, not 40: write it as float32.")
    #expect(
      refusal(.float32, .nan)
        == "Tensor image.patch.weight has the value NaN at index 0, but weights must be finite.")
    #expect(!FileManager.default.fileExists(atPath: url.path))
  }

  @Test(
    arguments: [
      (
        "format", nil,
        "This is a safetensors file but not an assayd model: import checkpoints with `assayctl model import`."
      ),
      (
        "format", "assayd.model/2",
        #"The file has the format "assayd.model/2"; this version reads "assayd.model/1"."#
      ),
      ("precision", "int4", #"The metadata's precision is "int4", not "float32" or "int8"."#),
      (
        "precision", "float32",
        #"The metadata's quantisation is "int8-row-absmax127-packed16x4", but a file of precision float32 has ""."#
      ),
      (
        "quantisation", "other",
        #"The metadata's quantisation is "other", but a file of precision int8 has "int8-row-absmax127-packed16x4"."#
      ),
      ("origin", nil, "The metadata has no origin."),
      ("origin", "{}", #"The metadata's origin cannot be read: "attribution" is missing."#),
      ("image_tower", nil, "The metadata has no image_tower."),
      ("image_tower", "{", "The metadata's image_tower cannot be read: it is not valid JSON."),
    ] as [(String, String?, String)])
  func wrongMetadata(key: String, value: String?, sentence: String) throws {
    try write(.int8)
    try change(metadata: { $0[key] = value })
    let error = error()
    #expect(error?.kind == .incompatible)
    #expect(error?.sentence == sentence)
  }

  @Test(arguments: [
    (#""width":32"#, #""width":"32""#, #"cannot be read: "width" has the wrong type"#),
    (#","width":32"#, "", #"cannot be read: "width" is missing"#),
    (#""patch_size":2"#, #""patch_siz":2"#, #"cannot be read: "patch_size" is missing"#),
    (#""quick_gelu""#, #""relu""#, #"cannot be read: "activation" has a value that is not known"#),
    (#""depth":2"#, #""depth":0"#, "is impossible: depth is 0, not 1 to 1024"),
    (#""depth":2"#, #""depth":9000000000"#, "is impossible: depth is 9000000000, not 1 to 1024"),
    (#""width":32"#, #""width":-32"#, "is impossible: width is -32, not 1 to 65536"),
    (#""heads":4"#, #""heads":3"#, "is impossible: width 32 does not divide into 3 heads"),
    ("1e-05", "1e5", "is impossible: layer_norm_epsilon is 100000.0, not between 0 and 1"),
    ("[0.5,0.25,0.1]", "[0.5,0.25]", "is impossible: mean must be three finite numbers"),
    ("[1,2,0.3]", "[1,0,0.3]", "is impossible: standard_deviation must be three positive numbers"),
  ])
  func wrongImageTower(old: String, new: String, sentence: String) throws {
    try write(.float32)
    try change(metadata: {
      #expect($0["image_tower"]?.contains(old) == true)
      $0["image_tower"] = $0["image_tower"]?.replacingOccurrences(of: old, with: new)
    })
    #expect(error()?.sentence == "The metadata's image_tower \(sentence).")
  }

  @Test func wrongTensors() throws {
    try write(.int8)
    try change(without: "image.blocks.1.mlp.in.scale")
    #expect(error()?.sentence == "Tensor image.blocks.1.mlp.in.scale is missing; it should be F32 [42].")

    try write(.int8)
    try change(adding: { $0.add("image.blocks.2.norm1.bias", shape: [1], [Float](arrayLiteral: 0)) })
    #expect(error()?.sentence == #"Tensor "image.blocks.2.norm1.bias" has no place in this model."#)

    try write(.int8)
    try change(shape: ["image.position": [32, 7]])
    #expect(error()?.sentence == "Tensor image.position is F32 [32, 7], but F32 [7, 32] was expected.")

    try write(.float32)
    try change(metadata: {
      $0["precision"] = "int8"
      $0["quantisation"] = "int8-row-absmax127-packed16x4"
    })
    #expect(
      error()?.sentence
        == "Tensor image.blocks.0.attention.qkv.weight is F32 [96, 32], but I8 [6, 8, 16, 4] was expected.")
  }

  @Test(
    arguments: [
      ("image.norm.bias", 31, [0, 0, 0xC0, 0x7F], "has the value NaN at index 31"),
      ("image.class", 0, [0, 0, 0x80, 0x7F], "has the value inf at index 0"),
      ("image.projection", 767, [1, 0, 0x80, 0xFF], "has the value NaN at index 767"),
      (
        "image.blocks.0.mlp.out.scale", 3, [0, 0, 0, 0],
        "has the value 0.0 at index 3, but scales are positive"
      ),
      (
        "image.blocks.0.mlp.out.weight", 5, [0x80], "holds the value -128, but packed weights are -127 to 127"
      ),
    ] as [(String, Int, [UInt8], String)])
  func wrongValues(tensor: String, index: Int, value: [UInt8], sentence: String) throws {
    try write(.int8)
    try change(bytes: { name, bytes in
      if name == tensor {
        bytes.replaceSubrange(index * value.count..<(index + 1) * value.count, with: value)
      }
    })
    let error = error()
    #expect(error?.kind == .invalidValue)
    #expect(error?.sentence == "Tensor \(tensor) \(sentence).")
  }

  /// A file that another tool wrote with an odd header length: sound, but its floats cannot be read in place.
  @Test func misalignedTensors() throws {
    try write(.float32)
    var bytes = try Data(contentsOf: url)
    bytes[0] += 1
    bytes.insert(0x20, at: 8 + Int(bytes[0]) - 1 + Int(bytes[1]) << 8)
    try bytes.write(to: url)
    #expect(try SafeTensorsFile(contentsOf: url).tensor(named: "image.class")?.floats()?.count == 32)
    #expect(error()?.sentence.hasSuffix(", not at a multiple of 4.") == true)
  }

  @Test func summary() throws {
    try write(.int8)
    let model = try ModelFile(contentsOf: url)
    let summary = ModelSummary(model)
    #expect(summary.tensors.count == 33 + 8)
    #expect(
      summary.parameters == 32 * 12 + 32 + 32 + 7 * 32 + 6 * 32 + 24 * 32 + 2
        * (96 * 33 + 32 * 33 + 42 * 33 + 32 * 43 + 128) - 64)
    #expect(try JSONDecoder().decode(ModelSummary.self, from: JSONEncoder().encode(summary)) == summary)
    let text = summary.description
    for part in [model.hash, "int8", "quick_gelu", "2 x 3 = 4 x 6 pixels", Self.origin.attribution] {
      #expect(text.contains(part))
    }
  }

  @Test func documentNamesEveryFieldAndTensor() throws {
    let document = try String(
      contentsOf: Repository.root.appending(path: "docs/model-format.md"), encoding: .utf8)
    try ModelFile.write(
      to: url, configuration: Self.configuration,
      text: (ModelFilesTextTests.text, ModelFilesTextTests.merges), precision: .int8, origin: Self.origin
    ) { _, shape in [Float](repeating: 1, count: shape.reduce(1, *)) }
    let file = try SafeTensorsFile(contentsOf: url)
    var names = [String](file.metadata.keys)
    for key in ["image_tower", "text_tower", "origin"] {
      let json = try #require(file.metadata[key])
      let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
      names += try #require(object).keys
    }
    #expect(names.count == 7 + 14 + 8 + 7)
    for name in names { #expect(document.contains("`\(name)`"), "\(name)") }
    for tensor in file.tensors where !tensor.name.hasSuffix(".bias") && !tensor.name.hasSuffix(".scale") {
      let name = tensor.name.replacing(/blocks\.\d/, with: "blocks.b")
      // The text tower's blocks are those of the image tower.
      #expect(
        document.contains("`\(name)`") || document.contains("`image\(name.dropFirst("text".count))`"),
        "\(tensor.name)")
    }
  }

  @Test(.enabled(if: Repository.defaultModel("float32") != nil, "run Scripts/fetch-default-model"))
  func defaultModel() throws {
    for precision in ModelFile.Precision.allCases {
      let model = try ModelFile(contentsOf: #require(Repository.defaultModel(precision.rawValue)))
      let tower = model.configuration
      #expect(model.origin.sourceTensors == 222)
      #expect(model.origin.sourceParameters == 22_056_192)
      // Twice 12 LayerScale vectors of 384 are folded away.
      #expect(ModelSummary(model).parameters == 22_056_192 - 24 * 384)
      #expect((tower.patchSize, tower.width, tower.depth, tower.heads) == (14, 384, 12, 6))
      #expect((tower.gridRows, tower.gridColumns, tower.mlpWidth) == (37, 37, 1536))
      #expect(tower.activation == .gelu && !tower.hasPreNorm && tower.embeddingWidth == nil)
    }
  }
}
