/// Published CLIP weights by the names of open_clip's registry, and what their tensors do not tell.
///
/// The rows are facts of open_clip 3.3 (`open_clip.pretrained`, `model_configs`) and of TinyCLIP's repository.
public struct CLIPRelease: Sendable, Equatable {
  /// Model and tag, such as `ViT-B-16-plus-240/laion400m_e32`.
  public let name: String
  public let activation: ImageTowerConfiguration.Activation
  /// For RGB scaled to 0...1; nil: OpenAI's.
  public let mean: [Float]?
  /// As `mean`.
  public let standardDeviation: [Float]?
  let sizes: Sizes
  /// First digits of the SHA-256 of the published file; nil where they were not published.
  let hash: String?

  struct Sizes: Sendable, Equatable, Decodable {
    let patch: Int
    /// Side of the position grid.
    let grid: Int
    let width: Int
    let depth: Int
    let textWidth: Int
    let textDepth: Int
    let embedding: Int
  }

  /// All that are known, by name.
  public static let all: [CLIPRelease] = {
    let b32 = Sizes(patch: 32, grid: 7, width: 768, depth: 12, textWidth: 512, textDepth: 12, embedding: 512)
    let b16 = Sizes(patch: 16, grid: 14, width: 768, depth: 12, textWidth: 512, textDepth: 12, embedding: 512)
    let plus = Sizes(
      patch: 16, grid: 15, width: 896, depth: 12, textWidth: 640, textDepth: 12, embedding: 640)
    let l14 = Sizes(
      patch: 14, grid: 16, width: 1024, depth: 24, textWidth: 768, textDepth: 12, embedding: 768)
    let l14At336 = Sizes(
      patch: 14, grid: 24, width: 1024, depth: 24, textWidth: 768, textDepth: 12, embedding: 768)
    func release(
      _ name: String, _ sizes: Sizes, _ activation: ImageTowerConfiguration.Activation, hash: String? = nil,
      half: Bool = false
    ) -> CLIPRelease {
      let half: [Float]? = half ? [0.5, 0.5, 0.5] : nil
      return CLIPRelease(
        name: name, activation: activation, mean: half, standardDeviation: half, sizes: sizes, hash: hash)
    }
    func tiny(_ name: String, patch: Int, width: Int, depth: Int, textWidth: Int, textDepth: Int)
      -> CLIPRelease
    {
      release(
        name,
        Sizes(
          patch: patch, grid: 224 / patch, width: width, depth: depth, textWidth: textWidth,
          textDepth: textDepth, embedding: 512), .gelu)
    }
    return
      [
        release("ViT-B-32/openai", b32, .quickGELU, hash: "40d36571"),
        release("ViT-B-32/laion400m_e31", b32, .quickGELU, hash: "d867053b"),
        release("ViT-B-32/laion400m_e32", b32, .quickGELU, hash: "46683a32"),
        release("ViT-B-32/laion2b_e16", b32, .gelu, hash: "af8dbd0c"),
        release("ViT-B-32/laion2b_s34b_b79k", b32, .gelu),
        release("ViT-B-32/datacomp_xl_s13b_b90k", b32, .gelu),
        release("ViT-B-32/metaclip_400m", b32, .quickGELU),
        release("ViT-B-32/metaclip_fullcc", b32, .quickGELU),
        release("ViT-B-16/openai", b16, .quickGELU, hash: "5806e77c"),
        release("ViT-B-16/laion400m_e31", b16, .gelu, hash: "00efa78f"),
        release("ViT-B-16/laion400m_e32", b16, .gelu, hash: "55e67d44"),
        release("ViT-B-16/laion2b_s34b_b88k", b16, .gelu),
        release("ViT-B-16/datacomp_xl_s13b_b90k", b16, .gelu),
        release("ViT-B-16/datacomp_l_s1b_b8k", b16, .gelu),
        release("ViT-B-16/dfn2b", b16, .quickGELU),
        release("ViT-B-16/metaclip_400m", b16, .quickGELU),
        release("ViT-B-16/metaclip_fullcc", b16, .quickGELU),
        release("ViT-B-16-plus-240/laion400m_e31", plus, .gelu, hash: "8fb26589"),
        release("ViT-B-16-plus-240/laion400m_e32", plus, .gelu, hash: "699c4b84"),
        release("ViT-L-14/openai", l14, .quickGELU, hash: "b8cca3fd"),
        release("ViT-L-14/laion400m_e31", l14, .gelu, hash: "69988bb6"),
        release("ViT-L-14/laion400m_e32", l14, .gelu, hash: "3d133497"),
        release("ViT-L-14/laion2b_s32b_b82k", l14, .gelu, half: true),
        release("ViT-L-14/datacomp_xl_s13b_b90k", l14, .gelu),
        release("ViT-L-14/dfn2b", l14, .quickGELU),
        release("ViT-L-14/dfn2b_s39b", l14, .gelu),
        release("ViT-L-14/metaclip_400m", l14, .quickGELU),
        release("ViT-L-14/metaclip_fullcc", l14, .quickGELU),
        release("ViT-L-14-336/openai", l14At336, .quickGELU, hash: "3035c92b"),
        tiny(
          "TinyCLIP-ViT-39M-16-Text-19M/YFCC15M", patch: 16, width: 512, depth: 12, textWidth: 512,
          textDepth: 6),
        tiny(
          "TinyCLIP-ViT-8M-16-Text-3M/YFCC15M", patch: 16, width: 256, depth: 10, textWidth: 256, textDepth: 3
        ),
        tiny(
          "TinyCLIP-ViT-40M-32-Text-19M/LAION400M", patch: 32, width: 512, depth: 12, textWidth: 512,
          textDepth: 6),
        tiny(
          "TinyCLIP-ViT-61M-32-Text-29M/LAION400M", patch: 32, width: 640, depth: 12, textWidth: 512,
          textDepth: 9),
      ]
  }()

  /// The release of that model and tag, or nil where it is not known.
  ///
  /// - Parameter name: model, slash, tag; the model may have open_clip's suffix `-quickgelu`.
  public init?(named name: String) {
    let plain = name.replacing("-quickgelu/", with: "/")
    guard let release = Self.all.first(where: { $0.name == plain }),
      name == plain || release.activation == .quickGELU
    else { return nil }
    self = release
  }

  private init(
    name: String, activation: ImageTowerConfiguration.Activation, mean: [Float]?, standardDeviation: [Float]?,
    sizes: Sizes, hash: String?
  ) {
    self.name = name
    self.activation = activation
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.sizes = sizes
    self.hash = hash
  }

  /// Checks that a checkpoint can be this release; what that proves is returned as a sentence.
  ///
  /// - Throws: where the shapes are of another model, or the file is known to be another release: a registry can name the
  ///   wrong file, and the shapes of e31 and e32 are the same.
  func check(_ checkpoint: Checkpoint) throws(ModelFileError) -> String {
    let url = checkpoint.file.url
    let found = Sizes(
      patch: checkpoint.patchSize, grid: Int(Double(max(checkpoint.storedTokens - 1, 0)).squareRoot()),
      width: checkpoint.width, depth: checkpoint.depth, textWidth: checkpoint.text?.width ?? sizes.textWidth,
      textDepth: checkpoint.text?.depth ?? sizes.textDepth, embedding: checkpoint.embeddingWidth ?? 0)
    guard checkpoint.layout != .dinov2, found == sizes else {
      throw ModelFileError(
        .option, url,
        "The checkpoint is not \(name): it has patches of \(found.patch), a grid of \(found.grid), width \(found.width), "
          + "\(found.depth) blocks and a text tower of width \(found.textWidth) and \(found.textDepth) blocks, not "
          + "\(sizes.patch), \(sizes.grid), \(sizes.width), \(sizes.depth), \(sizes.textWidth) and \(sizes.textDepth)."
      )
    }
    let original = checkpoint.originalHash
    if let other = Self.all.first(where: { $0.hash.map(original.hasPrefix) ?? false }) {
      guard other == self else {
        throw ModelFileError(
          .option, url, "The checkpoint is \(other.name), not \(name): its SHA-256 says so.")
      }
      return "The checkpoint is \(name): its SHA-256 starts with the published \(hash ?? "")."
    }
    return
      "That the checkpoint is \(name) was not verified: its SHA-256, \(original), is none of those known here."
  }
}
