import Foundation
import TestSupport
import Testing

@testable import Transformer

@Suite struct CLIPReleaseTests {
  /// A row of open_clip's registry.
  struct Row: Decodable {
    let activation: ImageTowerConfiguration.Activation
    let mean: [Float]
    let deviation: [Float]
    let hash: String?
    let sizes: CLIPRelease.Sizes
  }

  @Test(.enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"))
  func `facts are those of open_clip's registry`() throws {
    let models = ["ViT-B-32", "ViT-B-16", "ViT-B-16-plus-240", "ViT-L-14", "ViT-L-14-336"]
    let rows = try JSONDecoder().decode(
      [String: Row].self, from: try Oracle.run("open_clip_registry", models, python: Oracle.openCLIPPython))
    var compared = 0
    for release in CLIPRelease.all where !release.name.hasPrefix("TinyCLIP") {
      let row = try #require(rows[release.name], "\(release.name)")
      #expect(release.activation == row.activation, "\(release.name)")
      #expect(release.mean ?? [0.48145466, 0.4578275, 0.40821073] == row.mean, "\(release.name)")
      #expect(
        release.standardDeviation ?? [0.26862954, 0.26130258, 0.27577711] == row.deviation, "\(release.name)")
      #expect(release.sizes == row.sizes, "\(release.name)")
      #expect(release.hash == row.hash, "\(release.name)")
      compared += 1
    }
    #expect(compared == 29)
  }

  @Test func names() {
    #expect(CLIPRelease(named: "ViT-B-16-plus-240/laion400m_e32")?.activation == .gelu)
    #expect(CLIPRelease(named: "ViT-B-32-quickgelu/laion400m_e32")?.name == "ViT-B-32/laion400m_e32")
    #expect(CLIPRelease(named: "ViT-B-16-quickgelu/laion400m_e32") == nil)
    #expect(CLIPRelease(named: "ViT-B-16/unknown") == nil)
    #expect(Set(CLIPRelease.all.map(\.name)).count == CLIPRelease.all.count)
  }

  // MARK: Imports

  let folder: TemporaryFolder
  let source: URL
  let output: URL

  init() throws {
    folder = try TemporaryFolder()
    source = folder.file("checkpoint.safetensors")
    output = folder.file("model.safetensors")
  }

  /// An image tower of TinyCLIP's smallest shape, with zeros for weights.
  private func write(metadata: [String: String] = [:], change: (inout [String: [Int]]) -> Void = { _ in })
    throws
  {
    var shapes: [String: [Int]] = [
      "visual.class_embedding": [256], "visual.positional_embedding": [197, 256],
      "visual.conv1.weight": [256, 3, 16, 16], "visual.proj": [256, 512],
    ]
    func add(_ name: String, _ shape: [Int]) {
      shapes["visual.\(name).weight"] = shape
      shapes["visual.\(name).bias"] = [shape[0]]
    }
    for norm in ["ln_pre", "ln_post"] { add(norm, [256]) }
    for block in 0..<10 {
      let stem = "transformer.resblocks.\(block)"
      for norm in ["ln_1", "ln_2"] { add("\(stem).\(norm)", [256]) }
      shapes["visual.\(stem).attn.in_proj_weight"] = [768, 256]
      shapes["visual.\(stem).attn.in_proj_bias"] = [768]
      add("\(stem).attn.out_proj", [256, 256])
      add("\(stem).mlp.c_fc", [1024, 256])
      add("\(stem).mlp.c_proj", [256, 1024])
    }
    change(&shapes)
    var writer = SafeTensorsWriter(metadata: metadata)
    for (name, shape) in shapes {
      let bytes = [UInt8](repeating: 0, count: shape.reduce(4, *))
      writer.add(name, type: .float32, shape: shape, bytes: bytes)
    }
    try writer.write(to: source)
  }

  private func `import`(
    _ release: String, activation: ImageTowerConfiguration.Activation? = nil
  ) throws -> ModelImporter.Summary {
    let known = try #require(CLIPRelease(named: release))
    let options = ModelImporter.Options(
      precision: .float32, attribution: "zeros", release: known, activation: activation)
    return try ModelImporter.importCheckpoint(source, to: output, options: options)
  }

  private func refusal(
    _ release: String, activation: ImageTowerConfiguration.Activation? = nil
  ) -> String? {
    let error = #expect(throws: ModelFileError.self) { try `import`(release, activation: activation) }
    #expect(!FileManager.default.fileExists(atPath: output.path))
    return error?.sentence
  }

  @Test func `a release tells the activation, and that its file is unverified`() throws {
    try write()
    let digest = try Oracle.run(executable: "/usr/bin/sha256sum", [source.path])
    let hash = String(decoding: digest.prefix(64), as: UTF8.self)
    let name = "TinyCLIP-ViT-8M-16-Text-3M/YFCC15M"
    let summary = try `import`(name)
    #expect(summary.model.imageTower.activation == .gelu)
    #expect(
      summary.notes == [
        "That the checkpoint is \(name) was not verified: its SHA-256, \(hash), is none of those known here.",
        "The activation is gelu, as \(name) was trained with.",
      ])
  }

  @Test func `a wrong release is refused`() throws {
    try write()
    #expect(
      refusal("ViT-B-16-plus-240/laion400m_e32")
        == "The checkpoint is not ViT-B-16-plus-240/laion400m_e32: it has patches of 16, a grid of 14, width 256, 10 blocks and a "
        + "text tower of width 640 and 12 blocks, not 16, 15, 896, 12, 640 and 12.")
    #expect(
      refusal("TinyCLIP-ViT-8M-16-Text-3M/YFCC15M", activation: .quickGELU)
        == "The activation of TinyCLIP-ViT-8M-16-Text-3M/YFCC15M is gelu: give no other.")
    // A registry that names the file of another release: the hash of the file it was converted from says so.
    try write(metadata: ["source": "x.pt sha256:8fb26589" + String(repeating: "0", count: 56)])
    #expect(
      refusal("TinyCLIP-ViT-8M-16-Text-3M/YFCC15M")
        == "The checkpoint is ViT-B-16-plus-240/laion400m_e31, not TinyCLIP-ViT-8M-16-Text-3M/YFCC15M: its SHA-256 says so."
    )
  }

  @Test(arguments: [
    ("mlp.c_fc", [900, 256], "256 channels of attention and an MLP of 900"),
    ("attn.in_proj", [576, 256], "192 channels of attention and an MLP of 1024"),
  ])
  func `blocks pruned to sizes of their own are refused`(_ layer: String, _ shape: [Int], _ sizes: String)
    throws
  {
    let name = "visual.transformer.resblocks.4.\(layer)\(layer.hasPrefix("attn") ? "_" : ".")weight"
    try write { $0[name] = shape }
    #expect(
      refusal("TinyCLIP-ViT-8M-16-Text-3M/YFCC15M")
        == "Block 4 of \"visual.transformer.resblocks.\" has \(sizes), not 256 and 1024: blocks pruned to sizes of their own, "
        + "as in TinyCLIP's \"auto\" models, are not in the model format; take a model whose blocks are all alike."
    )
  }
}
