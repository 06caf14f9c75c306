import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct ImportTests {
  let folder: TemporaryFolder
  let source: URL
  let output: URL

  init() throws {
    folder = try TemporaryFolder()
    source = folder.file("checkpoint.safetensors")
    output = folder.file("model.safetensors")
  }

  // MARK: Layouts, against a mapping done by numpy

  struct Layout: Sendable, CustomTestStringConvertible {
    let name: String
    let origin: String
    var activation: ImageTowerConfiguration.Activation?
    var becomes: ImageTowerConfiguration.Activation = .gelu
    var notes: [String] = []
    var testDescription: String { name }
  }

  /// Merges for the 517 tokens of the oracle's text towers, and one too many.
  static let merges = ["i n", "t h", "th e</w>", "a n"]

  @Test(
    .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"),
    arguments: [
      Layout(
        name: "dinov2", origin: "huggingface_dinov2",
        notes: ["1 tensor without a use in the towers left out."]),
      Layout(
        name: "dinov2_module", origin: "huggingface_dinov2",
        notes: [
          "1 tensor of other parts of the network left out.",
          "1 tensor without a use in the towers left out.",
        ]),
      Layout(
        name: "backbone", origin: "huggingface_dinov2",
        notes: ["1 tensor without a use in the towers left out."]),
      Layout(name: "openclip", origin: "openclip", activation: .gelu),
      Layout(name: "openclip_module", origin: "openclip", activation: .quickGELU, becomes: .quickGELU),
      Layout(
        name: "openai", origin: "openclip", becomes: .quickGELU,
        notes: [
          "The activation is quick_gelu: the checkpoint carries the marks of OpenAI's releases.",
          "3 tensors without a use in the towers left out.",
        ]),
      Layout(name: "custom_text", origin: "openclip", activation: .gelu),
      Layout(name: "tinyclip", origin: "openclip", activation: .gelu),
      Layout(name: "tinyclip_module", origin: "openclip", activation: .gelu),
      Layout(
        name: "huggingface_clip", origin: "huggingface_clip", activation: .gelu,
        notes: ["2 tensors without a use in the towers left out."]),
    ])
  func layout(_ layout: Layout) throws {
    try Oracle.run("import_checkpoints", [layout.name, folder.url.path])
    let isCLIP = layout.origin != "huggingface_dinov2"
    let summary = try ModelImporter.importCheckpoint(
      source, to: output,
      options: .init(
        precision: .float32, attribution: "made by a test",
        text: isCLIP ? .include(merges: Self.merges) : .undecided,
        activation: layout.activation))
    #expect(summary.notes == layout.notes)

    let model = try ModelFile(contentsOf: output)
    let expected = try SafeTensorsFile(contentsOf: folder.file("expected.safetensors"))
    #expect(summary.model == ModelSummary(model))
    #expect(
      summary.model.tensors.map(\.name).filter { $0 != "text.merges" } == expected.tensors.map(\.name))
    if isCLIP { try model.checkText() }
    for tensor in expected.tensors {
      let values = try #require(expected.tensor(named: tensor.name)?.floats())
      #expect([Float](model.float(tensor.name)) == values, "\(tensor.name)")
    }

    #expect(
      model.configuration
        == ImageTowerConfiguration(
          patchSize: 4, width: 64, depth: 3, heads: 1, mlpWidth: 96, activation: layout.becomes,
          layerNormEpsilon: isCLIP ? 1e-5 : 1e-6, hasPreNorm: isCLIP, gridRows: 3, gridColumns: 3,
          positionInterpolation: isCLIP ? .bicubicAntialiased : .bicubic, embeddingWidth: isCLIP ? 20 : nil,
          mean: isCLIP ? [0.48145466, 0.4578275, 0.40821073] : [0.485, 0.456, 0.406],
          standardDeviation: isCLIP ? [0.26862954, 0.26130258, 0.27577711] : [0.229, 0.224, 0.225]))
    if isCLIP {
      #expect(
        model.text
          == TextTowerConfiguration(
            width: 128, depth: 2, heads: 2, mlpWidth: 72, contextLength: 5, vocabularySize: 517,
            activation: layout.becomes, layerNormEpsilon: 1e-5))
      let tokenizer = try Tokenizer(model: model)
      #expect(tokenizer.tokens("the in", contextLength: 5) == [515, 514, 72, 333, 516])
    }
    #expect(model.origin.layout == layout.origin)
    #expect(model.origin.attribution == "made by a test")
    #expect(model.origin.sourceFile == "checkpoint.safetensors")
    let digest = try Oracle.run(executable: "/usr/bin/sha256sum", [source.path])
    #expect(String(decoding: digest, as: UTF8.self).hasPrefix(model.origin.sourceHash + " "))
    // LayerScale is folded away, queries, keys and values are joined, CLIP's missing patch bias is added.
    let perBlock = ["huggingface_dinov2": 18, "openclip": 12, "huggingface_clip": 16][layout.origin] ?? 0
    let others = isCLIP ? 8 + 2 * perBlock + 6 : 6
    #expect(model.origin.sourceTensors == 3 * perBlock + others)
  }

  // MARK: Options

  /// The tensors of a small OpenCLIP image tower: 16 channels, patches of 2 pixels, 2 blocks, a grid of 2 x 3.
  static let openCLIP: [String: [Int]] = {
    var shapes: [String: [Int]] = [
      "visual.class_embedding": [16], "visual.positional_embedding": [7, 16],
      "visual.conv1.weight": [16, 3, 2, 2],
      "visual.proj": [16, 8],
    ]
    func add(_ name: String, _ shape: [Int]) {
      shapes["visual.\(name).weight"] = shape
      shapes["visual.\(name).bias"] = [shape[0]]
    }
    for norm in ["ln_pre", "ln_post"] { add(norm, [16]) }
    for block in 0..<2 {
      let stem = "transformer.resblocks.\(block)"
      for norm in ["ln_1", "ln_2"] { add("\(stem).\(norm)", [16]) }
      shapes["visual.\(stem).attn.in_proj_weight"] = [48, 16]
      shapes["visual.\(stem).attn.in_proj_bias"] = [48]
      add("\(stem).attn.out_proj", [16, 16])
      add("\(stem).mlp.c_fc", [20, 16])
      add("\(stem).mlp.c_proj", [16, 20])
    }
    return shapes
  }()

  static let options = ModelImporter.Options(
    precision: .float32, attribution: "", activation: .gelu, heads: 2, grid: (rows: 2, columns: 3))

  func writeOpenCLIP(_ change: (inout [String: [Int]]) -> Void = { _ in }, value: [String: Float] = [:])
    throws
  {
    var shapes = Self.openCLIP
    change(&shapes)
    var writer = SafeTensorsWriter()
    for (name, shape) in shapes {
      writer.add(name, shape: shape, [Float](repeating: value[name] ?? 1, count: shape.reduce(1, *)))
    }
    try writer.write(to: source)
  }

  func refusal(_ change: (inout ModelImporter.Options) -> Void = { _ in }, to url: URL? = nil)
    -> ModelFileError?
  {
    var options = Self.options
    change(&options)
    let error = #expect(throws: ModelFileError.self) {
      try ModelImporter.importCheckpoint(source, to: url ?? output, options: options)
    }
    #expect(!FileManager.default.fileExists(atPath: output.path))
    return error
  }

  @Test func optionsOverrideTheFamily() throws {
    try writeOpenCLIP()
    var options = Self.options
    options.precision = .int8
    options.positionInterpolation = .bilinear
    options.mean = [0, 0.5, 1]
    options.standardDeviation = [1, 2, 3]
    options.activation = .quickGELU
    _ = try ModelImporter.importCheckpoint(source, to: output, options: options)
    let model = try ModelFile(contentsOf: output)
    #expect(model.precision == .int8)
    #expect((model.configuration.gridRows, model.configuration.gridColumns) == (2, 3))
    #expect(model.configuration.heads == 2)
    #expect(model.configuration.positionInterpolation == .bilinear)
    #expect(model.configuration.mean == [0, 0.5, 1])
    #expect(model.configuration.standardDeviation == [1, 2, 3])
    #expect(model.configuration.activation == .quickGELU)
  }

  @Test func missingOptions() throws {
    try writeOpenCLIP()
    let activation = refusal { $0.activation = nil }
    #expect(activation?.kind == .option)
    #expect(
      activation?.sentence
        == "The weights do not tell their activation, and the wrong one is a large error: give the release they are of, or "
        + "quick_gelu (OpenAI, LAION-400M ViT-B/32, MetaCLIP, DFN2B) or gelu (other LAION models, TinyCLIP).")
    #expect(
      refusal { $0.heads = nil }?.sentence
        == "The width 16 does not divide into heads of 64 channels: give the number of heads.")
    #expect(
      refusal { $0.heads = 3 }?.sentence
        == "No model can be made of this checkpoint and these options: width 16 does not divide into 3 heads."
    )
    #expect(
      refusal { $0.grid = nil }?.sentence
        == "The checkpoint's 6 patch positions are no square: give the rows and columns of the grid.")
    for grid in [(3, 3), (0, 6), (-2, -3), (4, 1)] {
      #expect(
        refusal { $0.grid = grid }?.sentence
          == "A grid of \(grid.0) rows and \(grid.1) columns does not hold the checkpoint's 6 patch positions."
      )
    }
    #expect(
      refusal { $0.mean = [1, 2] }?.sentence
        == "No model can be made of this checkpoint and these options: mean must be three finite numbers.")
    #expect(
      refusal({ _ in }, to: folder.file("../\(folder.url.lastPathComponent)/checkpoint.safetensors"))?
        .sentence
        == "The model would replace its own checkpoint: choose another output.")
  }

  // MARK: Foreign and damaged checkpoints

  @Test(
    arguments: [
      (
        ["visual.conv1.weight": nil],
        "The checkpoint has none of the patch embeddings the importer knows: "
          + "embeddings.patch_embeddings.projection.weight (huggingface_dinov2), visual.conv1.weight (openclip), "
          + "vision_model.embeddings.patch_embedding.weight (huggingface_clip)."
      ),
      (
        ["visual.conv1.weight": [16, 1, 2, 2]],
        #"Tensor "visual.conv1.weight" has the shape [16, 1, 2, 2], but [width, 3, patch, patch] was expected."#
      ),
      (
        ["visual.conv1.weight": [0, 3, 2, 2]],
        #"Tensor "visual.conv1.weight" has the shape [0, 3, 2, 2], but [width, 3, patch, patch] was expected."#
      ),
      (
        ["visual.positional_embedding": [112]],
        #"Tensor "visual.positional_embedding" has the shape [112], but [tokens, width] was expected."#
      ),
      (
        ["visual.positional_embedding": [7, 15]],
        #"Tensor "visual.positional_embedding" has the shape [7, 15], but [7, 16] was expected."#
      ),
      (
        ["visual.proj": nil],
        #"Tensor "visual.proj" is missing; it should have the shape [width, embedding]."#
      ),
      (
        ["visual.transformer.resblocks.1.mlp.c_proj.weight": nil],
        #"Tensor "visual.transformer.resblocks.1.mlp.c_proj.weight" is missing; it should have the shape [16, 20]."#
      ),
      (
        ["visual.transformer.resblocks.1.mlp.c_proj.weight": [20, 16]],
        #"Tensor "visual.transformer.resblocks.1.mlp.c_proj.weight" has the shape [20, 16], but [16, 20] was expected."#
      ),
      (
        ["visual.transformer.resblocks.1.ls_1.gamma": [16]],
        #"Tensor "visual.transformer.resblocks.1.ls_1.gamma" is no part of an image tower of 2 blocks in the layout openclip: "#
          + "the checkpoint is of another architecture."
      ),
      (
        ["visual.transformer.resblocks.3.ln_1.bias": [16]],
        #"Tensor "visual.transformer.resblocks.2.ln_1.weight" is missing; it should have the shape [16]."#
      ),
      (
        ["visual.transformer.resblocks.70000.ln_1.bias": [16]],
        "No tensor is named visual.transformer.resblocks. and a block's number from 0 to 1023."
      ),
      (
        ["decoder.weight": [1]],
        #"Tensor "decoder.weight" is no part of an image tower of 2 blocks in the layout openclip: "#
          + "the checkpoint is of another architecture."
      ),
    ] as [([String: [Int]?], String)])
  func foreignCheckpoint(changes: [String: [Int]?], sentence: String) throws {
    try writeOpenCLIP { shapes in
      for (name, shape) in changes { shapes[name] = shape }
    }
    #expect(refusal()?.sentence == sentence)
  }

  @Test func valuesThatAreNoWeights() throws {
    let name = "visual.transformer.resblocks.0.ln_1.bias"
    try writeOpenCLIP(value: [name: .infinity])
    #expect(
      refusal()?.sentence == "Tensor \"\(name)\" has the value inf at index 0, but weights must be finite.")

    try writeOpenCLIP { $0[name] = nil }
    let sound = try SafeTensorsFile(contentsOf: source)
    var writer = SafeTensorsWriter()
    for tensor in sound.tensors {
      let bytes = [UInt8](try #require(sound.tensor(named: tensor.name)).bytes)
      writer.add(tensor.name, type: tensor.type, shape: tensor.shape, bytes: bytes)
    }
    writer.add(name, shape: [16], [Int8](repeating: 1, count: 16))
    try writer.write(to: source)
    #expect(refusal()?.sentence == "Tensor \"\(name)\" is I8, but weights are F32, F16, BF16 or F64.")
  }

  @Test(arguments: [
    ("register_tokens", "embeddings.register_tokens", "register tokens"),
    ("swiglu", "encoder.layer.0.mlp.weights_in.weight", "a SwiGLU MLP"),
  ])
  func dinov2Variants(_: String, tensor: String, variant: String) throws {
    var writer = SafeTensorsWriter()
    for name in ["embeddings.patch_embeddings.projection.weight", tensor] {
      writer.add("backbone.\(name)", shape: [1], [Float](arrayLiteral: 1))
    }
    try writer.write(to: source)
    let error = refusal()
    #expect(error?.kind == .unsupported)
    #expect(
      error?.sentence
        == "Tensor \"backbone.\(tensor)\" says that the network has \(variant), which the encoder does not have."
    )
  }

  // MARK: Text towers

  /// A text tower of 64 channels and one block beside the image tower of `openCLIP`, for 517 tokens.
  private func writeBothTowers(_ change: (inout [String: [Int]]) -> Void = { _ in }) throws {
    try writeOpenCLIP { shapes in
      shapes.merge([
        "token_embedding.weight": [517, 64], "positional_embedding": [5, 64], "text_projection": [64, 8],
        "logit_scale": [], "transformer.resblocks.0.attn.in_proj_weight": [192, 64],
        "transformer.resblocks.0.attn.in_proj_bias": [192],
      ]) { $1 }
      func add(_ name: String, _ shape: [Int]) {
        shapes["\(name).weight"] = shape
        shapes["\(name).bias"] = [shape[0]]
      }
      for norm in ["ln_final", "transformer.resblocks.0.ln_1", "transformer.resblocks.0.ln_2"] {
        add(norm, [64])
      }
      add("transformer.resblocks.0.attn.out_proj", [64, 64])
      add("transformer.resblocks.0.mlp.c_fc", [80, 64])
      add("transformer.resblocks.0.mlp.c_proj", [64, 80])
      change(&shapes)
    }
  }

  @Test func textTowerIsTakenOrLeft() throws {
    try writeBothTowers()
    #expect(
      refusal { $0.text = .undecided }?.sentence
        == "The checkpoint has a text tower: give its vocabulary (Scripts/fetch-vocabulary fetches CLIP's), or say that the "
        + "text tower is to be left out.")
    #expect(
      refusal { $0.text = .include(merges: ["i n"]) }?.sentence
        == "The vocabulary has 1 merges, but the text tower's 517 tokens need 3.")
    #expect(
      refusal { $0.text = .include(merges: ["i n", "x", "t h"]) }?.sentence
        == "The merges are no vocabulary: Merge 2, \"x\", is not two known symbols with a space between them."
    )

    var options = Self.options
    let without = try ModelImporter.importCheckpoint(source, to: output, options: options)
    #expect(without.notes == ["18 tensors of the text tower left out."])
    #expect(without.model.textTower == nil)
    options.text = .include(merges: Self.merges)
    options.precision = .int8
    let summary = try ModelImporter.importCheckpoint(source, to: output, options: options)
    #expect(summary.notes.isEmpty)
    #expect(summary.model.textTower?.heads == 1)
    #expect(summary.model.tensors.first { $0.name == "text.blocks.0.mlp.in.weight" }?.type == .float32)

    try FileManager.default.removeItem(at: output)
    try writeOpenCLIP()
    #expect(
      refusal { $0.text = .include(merges: Self.merges) }?.sentence
        == "The checkpoint has no text tower that a vocabulary could belong to.")
  }

  @Test(
    arguments: [
      (
        ["transformer.resblocks.0.mlp.c_fc.bias": nil],
        #"Tensor "transformer.resblocks.0.mlp.c_fc.bias" is missing; it should have the shape [80]."#
      ),
      (
        ["text_projection": [8, 64]],
        #"Tensor "text_projection" has the shape [8, 64], but [64, 8] was expected."#
      ),
      (["logit_scale": nil], #"Tensor "logit_scale" is missing; it should have the shape []."#),
      (
        ["logit_bias": []],
        #"Tensor "logit_bias" is no part of towers of 2 and 1 blocks in the layout openclip: the checkpoint is of "#
          + "another architecture."
      ),
      (
        ["transformer.resblocks.0.ls_1.gamma": [64]],
        #"Tensor "transformer.resblocks.0.ls_1.gamma" is no part of towers of 2 and 1 blocks in the layout openclip: the "#
          + "checkpoint is of another architecture."
      ),
      (
        ["positional_embedding": [5, 60]],
        #"Tensor "positional_embedding" has the shape [5, 60], but [5, 64] was expected."#
      ),
      (
        ["token_embedding.weight": [49, 64]],
        "No model can be made of this checkpoint's text tower: vocabulary_size is 49, not 514 to 16777216."
      ),
      (
        ["token_embedding.weight": [517, 60]],
        "The text tower's width 60 does not divide into heads of 64 channels: give the number of its heads."
      ),
    ] as [([String: [Int]?], String)])
  func foreignTextTower(changes: [String: [Int]?], sentence: String) throws {
    try writeBothTowers { shapes in
      for (name, shape) in changes { shapes[name] = shape }
    }
    #expect(refusal { $0.text = .include(merges: Self.merges) }?.sentence == sentence)
  }
}
