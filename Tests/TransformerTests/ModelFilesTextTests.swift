import Compute
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// Text towers in model files: what is written, and what is said of files without, or with damaged ones.
@Suite struct ModelFilesTextTests {
  let folder: TemporaryFolder
  let url: URL

  init() throws {
    folder = try TemporaryFolder()
    url = folder.file("model.safetensors")
  }

  static let text = TextTowerConfiguration(
    width: 12, depth: 2, heads: 3, mlpWidth: 20, contextLength: 7, vocabularySize: 517,
    activation: .quickGELU,
    layerNormEpsilon: 1e-5)
  static let merges = ["i n", "t h", "th e</w>"]

  @discardableResult
  private func write(
    _ precision: ModelFile.Precision = .int8, seed: UInt64 = 7, text: TextTowerConfiguration = text,
    image: ImageTowerConfiguration = ModelFilesTests.configuration, merges: [String] = merges
  ) throws -> [String: [Float]] {
    var generator = SeededGenerator(seed: seed)
    var weights: [String: [Float]] = [:]
    try ModelFile.write(
      to: url, configuration: image, text: (text, merges), precision: precision,
      origin: ModelFilesTests.origin
    ) { name, shape in
      let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }
      weights[name] = values
      return values
    }
    return weights
  }

  struct Contents {
    var type: TensorType
    var shape: [Int]
    var bytes: [UInt8]
  }

  /// Writes the file again with other tensors; the hash of the text tower is made to fit where `rehashed`.
  private func change(
    rehashed: Bool = true, _ tensors: (inout [String: Contents]) -> Void = { _ in },
    metadata: (inout [String: String]) -> Void = { _ in }
  ) throws {
    let file = try SafeTensorsFile(contentsOf: url)
    var contents: [String: Contents] = [:]
    for tensor in file.tensors {
      let bytes = [UInt8](try #require(file.tensor(named: tensor.name)).bytes)
      contents[tensor.name] = Contents(type: tensor.type, shape: tensor.shape, bytes: bytes)
    }
    tensors(&contents)
    var writer = SafeTensorsWriter(metadata: file.metadata)
    for (name, tensor) in contents {
      writer.add(name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
    }
    if rehashed { writer.metadata["text_hash"] = writer.sha256(ofNamesStartingWith: "text.") }
    metadata(&writer.metadata)
    try writer.write(to: url)
  }

  private func refusal(_ body: () throws -> Void) -> String? {
    #expect(throws: ModelFileError.self) { try body() }?.sentence
  }

  @Test(arguments: ModelFile.Precision.allCases)
  func `a text tower comes back as it was, in float32`(_ precision: ModelFile.Precision) throws {
    let weights = try write(precision)
    let model = try ModelFile(contentsOf: url)
    #expect(model.text == Self.text)
    try model.checkText()
    let text = weights.filter { $0.key.hasPrefix("text.") || $0.key == "logit_scale" }
    #expect(text.count == 2 + 12 * 2 + 2 + 1 + 1)
    for (name, values) in text { #expect([Float](model.float(name)) == values, "\(name)") }
    #expect(model.matrix("text.projection").rows == 24 && model.matrix("text.projection").columns == 12)
    #expect(model.float("logit_scale").count == 1)
    #expect(try Tokenizer(model: model).encode("the in") == [514, 72, 333])

    let summary = ModelSummary(model)
    #expect(summary.textTower == Self.text)
    #expect(summary.description.contains("2 blocks, width 12, 3 heads, MLP 20, float32"))
    #expect(summary.description.contains("texts of up to 7 tokens of 517"))
  }

  /// The hash that recipes are bound to covers the text tower by its own hash.
  @Test func hash() throws {
    try write()
    let model = try ModelFile(contentsOf: url)
    let file = try SafeTensorsFile(contentsOf: url)
    let bytes = [UInt8](try Data(contentsOf: url))
    func digest(_ bytes: [UInt8]) throws -> String {
      try Data(bytes).write(to: folder.file("bytes"))
      let printed = try Oracle.run(executable: "/usr/bin/sha256sum", [folder.file("bytes").path])
      return String(decoding: printed.prefix(64), as: UTF8.self)
    }
    let inOrder = file.tensors.sorted { $0.offset < $1.offset }
    let header = bytes[..<(try #require(inOrder.first).offset)]
    let kept = inOrder.filter { !$0.name.hasPrefix("text.") }.flatMap { bytes[$0.range] }
    #expect(model.hash == (try digest(header + kept)))
    let text = file.tensors.filter { $0.name.hasPrefix("text.") }.flatMap { bytes[$0.range] }
    #expect(file.metadata["text_hash"] == (try digest(text)))

    // The same weights give the same file; another weight of either tower gives another hash.
    try write()
    #expect(try Data(contentsOf: url) == Data(bytes))
    try change { $0["text.position"]?.bytes[0] ^= 1 }
    #expect(try ModelFile(contentsOf: url).hash != model.hash)
  }

  @Test func `text weights that are not those of the hash are not used`() throws {
    try write()
    let hash = try ModelFile(contentsOf: url).hash
    try change(rehashed: false) { $0["text.position"]?.bytes[0] ^= 1 }
    let model = try ModelFile(contentsOf: url)
    #expect(model.hash == hash)
    for use in [{ try model.checkText() }, { _ = try Tokenizer(model: model) }] {
      #expect(refusal(use)?.hasSuffix("it is damaged; import the checkpoint again.") == true)
    }
  }

  @Test func `a model without a text tower says so`() throws {
    try ModelFile.write(
      to: url, configuration: ModelFilesTests.configuration, precision: .float32,
      origin: ModelFilesTests.origin
    ) { _, shape in [Float](repeating: 1, count: shape.reduce(1, *)) }
    let model = try ModelFile(contentsOf: url)
    #expect(model.text == nil)
    #expect(ModelSummary(model).description.contains("text tower   none"))
    #expect(
      refusal { _ = try Tokenizer(model: model) }
        == "The model has no text tower: import a CLIP checkpoint with its text tower.")
  }

  @Test func `missing and misshapen tensors`() throws {
    for (name, sentence) in [
      ("text.blocks.1.mlp.in.bias", "it should be F32 [20]."), ("logit_scale", "it should be F32 [1]."),
      ("text.merges", "it should be U8 with the vocabulary's merges as lines of UTF-8."),
    ] {
      try write()
      try change { $0[name] = nil }
      #expect(refusal { _ = try ModelFile(contentsOf: url) } == "Tensor \(name) is missing; \(sentence)")
    }
    for (name, shape, sentence) in [
      ("text.position", [12, 7], "F32 [12, 7], but F32 [7, 12] was expected."),
      ("text.projection", [12, 24], "F32 [12, 24], but F32 [24, 12] was expected."),
      ("text.merges", [4, 4], "U8 [4, 4], but U8 of one dimension was expected."),
    ] {
      try write()
      try change { tensors in
        tensors[name]?.shape = shape
        if name == "text.merges" { tensors[name]?.bytes = [UInt8](repeating: 97, count: 16) }
      }
      #expect(refusal { _ = try ModelFile(contentsOf: url) } == "Tensor \(name) is \(sentence)")
    }
    try write()
    try change { $0["text.blocks.2.norm1.bias"] = Contents(type: .float32, shape: [1], bytes: [0, 0, 0, 0]) }
    #expect(
      refusal { _ = try ModelFile(contentsOf: url) }
        == "Tensor \"text.blocks.2.norm1.bias\" has no place in this model.")
    try write()
    try change { $0["text.norm.weight"]?.bytes.replaceSubrange(4..<8, with: [0, 0, 0xC0, 0x7F]) }
    let model = try ModelFile(contentsOf: url)
    #expect(refusal { try model.checkText() } == "Tensor text.norm.weight has the value NaN at index 1.")
  }

  @Test(arguments: [
    (Array("i n\nt h".utf8), "has 2 lines, but the vocabulary has 3 merges."),
    ([], "has 0 lines, but the vocabulary has 3 merges."),
    (Array("i n\nt h\nth \u{FF}e".utf8.map { $0 == 0xC3 ? 0xFF : $0 }), "is not valid UTF-8."),
    (
      Array("i n\nt h\nthe".utf8),
      "holds no vocabulary: Merge 3, \"the\", is not two known symbols with a space between them."
    ),
    (
      Array("i n\nt h\nti n".utf8),
      "holds no vocabulary: Merge 3, \"ti n\", is not two known symbols with a space between them."
    ),
    (
      Array("i n\nt h\nt h".utf8),
      "holds no vocabulary: Merge 3, \"t h\", makes a symbol that is there already."
    ),
  ])
  func `damaged merges`(_ bytes: [UInt8], _ sentence: String) throws {
    try write()
    try change { $0["text.merges"] = Contents(type: .uint8, shape: [bytes.count], bytes: bytes) }
    let model = try ModelFile(contentsOf: url)
    #expect(refusal { _ = try Tokenizer(model: model) } == "Tensor text.merges \(sentence)")
  }

  @Test(arguments: [
    (#""width":12"#, #""width":13"#, "is impossible: width 13 does not divide into 3 heads."),
    (#""depth":2"#, #""depth":0"#, "is impossible: depth is 0, not 1 to 1024."),
    (
      #""vocabulary_size":517"#, #""vocabulary_size":513"#,
      "is impossible: vocabulary_size is 513, not 514 to 16777216."
    ),
    (#""context_length":7"#, #""context":7"#, #"cannot be read: "context_length" is missing."#),
    (#""quick_gelu""#, #""relu""#, #"cannot be read: "activation" has a value that is not known."#),
  ])
  func `wrong metadata`(_ old: String, _ new: String, _ sentence: String) throws {
    try write()
    try change(metadata: { $0["text_tower"] = $0["text_tower"]?.replacingOccurrences(of: old, with: new) })
    #expect(refusal { _ = try ModelFile(contentsOf: url) } == "The metadata's text_tower \(sentence)")
  }

  @Test func `halves of the metadata`() throws {
    try write()
    try change(metadata: { $0["text_hash"] = nil })
    #expect(refusal { _ = try ModelFile(contentsOf: url) } == "The metadata has no text_hash.")
    try write()
    try change(metadata: { $0["text_tower"] = nil })
    #expect(
      refusal { _ = try ModelFile(contentsOf: url) } == "Tensor \"logit_scale\" has no place in this model.")
    try write()
    try change(metadata: {
      $0["image_tower"] = $0["image_tower"]?.replacingOccurrences(of: #""embedding_width":24,"#, with: "")
    })
    #expect(
      refusal { _ = try ModelFile(contentsOf: url) }
        == "The metadata has a text_tower, but its image_tower has no embedding_width.")
  }

  @Test func `impossible towers are not written`() throws {
    var text = Self.text
    text.heads = 5
    #expect(
      refusal { try write(text: text) }
        == "No model can have this text tower: width 12 does not divide into 5 heads.")
    #expect(refusal { try write(merges: ["i n"]) } == "A vocabulary of 517 has 3 merges, not 1.")
    #expect(
      refusal { try write(merges: ["i n", "t h", "x"]) }
        == "The merges are no vocabulary: Merge 3, \"x\", is not two known symbols with a space between them."
    )
    var image = ModelFilesTests.configuration
    image.embeddingWidth = nil
    #expect(
      refusal { try write(image: image) }
        == "A model with a text tower needs an image tower with a projection.")
    #expect(!FileManager.default.fileExists(atPath: url.path))
  }
}
