import Foundation
import TestSupport
import Testing

@testable import Transformer

/// `Scripts/fetch-model` with a checkpoint that is here already, from open_clip's registry to a model file. It installs Python
/// packages from PyPI the first time.
@Suite(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
struct FetchModelTests {
  let folder: TemporaryFolder
  var checkpoint: URL { folder.file("random.safetensors") }
  var model: URL { folder.file("model.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  @Test func `a local checkpoint becomes a model of the registry's sizes`() throws {
    try Self.write(to: checkpoint, textBlocks: 10)
    let said = try fetch()
    #expect(said.contains("The model is there: \(model.path)"))
    let file = try ModelFile(contentsOf: model)
    #expect(file.configuration.width == 384 && file.configuration.activation == .gelu)
    #expect(file.text?.width == 256 && file.text?.depth == 10)
    #expect(try Tokenizer(model: file).encode("bottle").count == 1)
  }

  @Test func `a checkpoint of other sizes leaves nothing`() throws {
    try Self.write(to: checkpoint, textBlocks: 9)
    let failure = #expect(throws: Oracle.Failure.self) { try fetch() }
    #expect(failure?.description.contains("The checkpoint is no ViT-S-32-alt: width, blocks,") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["random.safetensors"])
  }

  private func fetch() throws -> String {
    let tool = Bundle.main.bundleURL.appending(path: "assayctl").path
    let script = Repository.root.appending(path: "Scripts/fetch-model").path
    let said = try Oracle.run(
      executable: "/usr/bin/env",
      [
        "ASSAYCTL=\(tool)", "/usr/bin/python3", script, "openclip", "ViT-S-32-alt", checkpoint.path,
        "--activation", "gelu", "--precision", "float32", "--output", model.path,
      ])
    return String(decoding: said, as: UTF8.self)
  }

  /// The smallest model of open_clip's registry. Its weights are zeros, a hole in the file that takes no space.
  private static func write(to file: URL, textBlocks: Int) throws {
    var shapes: [String: [Int]] = [
      "visual.class_embedding": [384], "visual.positional_embedding": [50, 384],
      "visual.conv1.weight": [384, 3, 32, 32], "visual.proj": [384, 256],
      "token_embedding.weight": [49408, 256], "positional_embedding": [77, 256],
      "text_projection": [256, 256], "logit_scale": [],
    ]
    func add(_ name: String, _ shape: [Int]) {
      shapes["\(name).weight"] = shape
      shapes["\(name).bias"] = [shape[0]]
    }
    func addBlocks(_ tower: String, _ count: Int, _ width: Int) {
      for block in 0..<count {
        let stem = "\(tower)transformer.resblocks.\(block)"
        for norm in ["ln_1", "ln_2"] { add("\(stem).\(norm)", [width]) }
        shapes["\(stem).attn.in_proj_weight"] = [3 * width, width]
        shapes["\(stem).attn.in_proj_bias"] = [3 * width]
        add("\(stem).attn.out_proj", [width, width])
        add("\(stem).mlp.c_fc", [4 * width, width])
        add("\(stem).mlp.c_proj", [width, 4 * width])
      }
    }
    for norm in ["visual.ln_pre", "visual.ln_post"] { add(norm, [384]) }
    add("ln_final", [256])
    addBlocks("visual.", 12, 384)
    addBlocks("", textBlocks, 256)

    var header: [String: [String: Any]] = [:]
    var end = 0
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      let size = shape.reduce(4, *)
      header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [end, end + size]]
      end += size
    }
    var json = try JSONSerialization.data(withJSONObject: header)
    json.append(Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
    let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
    try (length + json).write(to: file)
    let handle = try FileHandle(forWritingTo: file)
    try handle.truncate(atOffset: UInt64(8 + json.count + end))
    try handle.close()
  }
}
