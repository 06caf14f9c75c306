/// A naming scheme of checkpoints.
enum CheckpointLayout: String, CaseIterable {
  /// `Dinov2Model` of the transformers library.
  case dinov2 = "huggingface_dinov2"
  /// OpenAI's releases, OpenCLIP and TinyCLIP.
  case openCLIP = "openclip"
  /// `CLIPModel` of the transformers library.
  case huggingFaceCLIP = "huggingface_clip"

  /// Where a scheme keeps the parts of an image tower.
  struct ImageNames {
    /// Weight [width, 3, patch, patch]; no checkpoint of another layout has a tensor of this name.
    let patch: String
    let patchBias: String?
    let classToken: String
    let position: String
    /// Dimensions of size 1 before the class token's and the position embedding's own.
    let leadingOnes: Int
    let preNorm: String?
    let norm: String
    let projection: String?
    /// What a block's number follows.
    let blocks: String
  }

  /// Where a scheme keeps the parts of a text tower.
  struct TextNames {
    let embedding: String
    let position: String
    let norm: String
    let projection: String
    /// What a block's number follows.
    let blocks: String
  }

  /// Where a scheme keeps the parts of a block, of either tower: behind its number and a dot.
  struct BlockNames {
    let norm1: String
    let norm2: String
    /// Names of query, key and value, or the one that holds all three, each for weight and bias.
    let qkv: (weights: [String], biases: [String])
    let attentionOut: String
    let mlpIn: String
    let mlpOut: String
    /// LayerScale of the attention's and the MLP's branch.
    let layerScales: (attention: String, mlp: String)?
  }

  /// What stands before the names of each part of a network.
  struct Prefixes {
    let image: String
    let text: String
    let scale: String

    init(image: String, text: String, scale: String) {
      self.image = image
      self.text = text
      self.scale = scale
    }

    /// The same before all.
    init(_ prefix: String) { self.init(image: prefix, text: prefix, scale: prefix) }
  }

  var image: ImageNames {
    switch self {
    case .dinov2:
      ImageNames(
        patch: "embeddings.patch_embeddings.projection.weight",
        patchBias: "embeddings.patch_embeddings.projection.bias", classToken: "embeddings.cls_token",
        position: "embeddings.position_embeddings", leadingOnes: 1, preNorm: nil, norm: "layernorm",
        projection: nil, blocks: "encoder.layer.")
    case .openCLIP:
      ImageNames(
        patch: "visual.conv1.weight", patchBias: nil, classToken: "visual.class_embedding",
        position: "visual.positional_embedding", leadingOnes: 0, preNorm: "visual.ln_pre",
        norm: "visual.ln_post", projection: "visual.proj", blocks: "visual.transformer.resblocks.")
    case .huggingFaceCLIP:
      ImageNames(
        patch: "vision_model.embeddings.patch_embedding.weight", patchBias: nil,
        classToken: "vision_model.embeddings.class_embedding",
        position: "vision_model.embeddings.position_embedding.weight", leadingOnes: 0,
        preNorm: "vision_model.pre_layrnorm",  // so spelt in every release
        norm: "vision_model.post_layernorm", projection: "visual_projection.weight",
        blocks: "vision_model.encoder.layers.")
    }
  }

  /// Nil: the scheme knows no text tower.
  var text: TextNames? {
    switch self {
    case .dinov2: nil
    case .openCLIP:
      TextNames(
        embedding: "token_embedding.weight", position: "positional_embedding", norm: "ln_final",
        projection: "text_projection", blocks: "transformer.resblocks.")
    case .huggingFaceCLIP:
      TextNames(
        embedding: "text_model.embeddings.token_embedding.weight",
        position: "text_model.embeddings.position_embedding.weight", norm: "text_model.final_layer_norm",
        projection: "text_projection.weight", blocks: "text_model.encoder.layers.")
    }
  }

  var block: BlockNames {
    switch self {
    case .dinov2:
      let attention = ["query", "key", "value"].map { "attention.attention.\($0)" }
      return BlockNames(
        norm1: "norm1", norm2: "norm2",
        qkv: (attention.map { "\($0).weight" }, attention.map { "\($0).bias" }),
        attentionOut: "attention.output.dense", mlpIn: "mlp.fc1", mlpOut: "mlp.fc2",
        layerScales: ("layer_scale1.lambda1", "layer_scale2.lambda1"))
    case .openCLIP:
      return BlockNames(
        norm1: "ln_1", norm2: "ln_2", qkv: (["attn.in_proj_weight"], ["attn.in_proj_bias"]),
        attentionOut: "attn.out_proj", mlpIn: "mlp.c_fc", mlpOut: "mlp.c_proj", layerScales: nil)
    case .huggingFaceCLIP:
      let attention = ["q_proj", "k_proj", "v_proj"].map { "self_attn.\($0)" }
      return BlockNames(
        norm1: "layer_norm1", norm2: "layer_norm2",
        qkv: (attention.map { "\($0).weight" }, attention.map { "\($0).bias" }),
        attentionOut: "self_attn.out_proj", mlpIn: "mlp.fc1", mlpOut: "mlp.fc2", layerScales: nil)
    }
  }

  /// Whether projections are stored [width, embedding] rather than as a linear layer's [embedding, width].
  var projectionsAreTransposed: Bool { self == .openCLIP }

  /// The factor of similarities, as a natural logarithm.
  static let scale = "logit_scale"

  /// What releases put before the names.
  var prefixes: [Prefixes] {
    switch self {
    case .dinov2: ["", "dinov2.", "backbone."].map { Prefixes($0) }
    case .openCLIP:
      ["", "module."].flatMap { [Prefixes($0), Prefixes(image: $0, text: "\($0)text.", scale: $0)] }
        + [
          // TinyCLIP, as trained with one process or several, and as pruned
          Prefixes(image: "_image_encoder.", text: "_text_encoder.", scale: "_logit_scale."),
          Prefixes(
            image: "_image_encoder.module.", text: "_text_encoder.module.", scale: "_logit_scale.module."),
          Prefixes(
            image: "image_encoder_without_ddp.", text: "text_encoder_without_ddp.", scale: "_logit_scale."),
        ]
    case .huggingFaceCLIP: [Prefixes("")]
    }
  }

  /// Sizes that OpenAI's archives carry as tensors, and nobody else's.
  static let openAIMarkers: Set = ["input_resolution", "context_length", "vocab_size"]

  /// Why a tensor that no part of the towers reads may stand in the file, or nil if it is foreign.
  ///
  /// The name is without the checkpoint's prefix.
  func leftOutPart(_ name: String) -> LeftOutPart? {
    func isOne(of names: Set<String>, startsWith stems: [String]) -> Bool {
      names.contains(name) || stems.contains(where: name.hasPrefix)
    }
    switch self {
    case .dinov2:
      return name == "embeddings.mask_token" ? .trainingOnly : nil
    case .openCLIP:
      if Self.openAIMarkers.contains(name) || name == "attn_mask" || name.hasSuffix(".attn_mask") {
        return .trainingOnly
      }
      let text: Set = ["positional_embedding", "text_projection", "logit_scale", "logit_bias"]
      return isOne(of: text, startsWith: ["token_embedding.", "transformer.", "ln_final.", "text."])
        ? .textTower : nil
    case .huggingFaceCLIP:
      if ["vision_model", "text_model"].contains(where: { name == "\($0).embeddings.position_ids" }) {
        return .trainingOnly
      }
      return isOne(of: ["text_projection.weight", "logit_scale"], startsWith: ["text_model."])
        ? .textTower : nil
    }
  }

  /// A part of a checkpoint that the model file does not take over.
  enum LeftOutPart: String {
    case textTower = "of the text tower"
    case trainingOnly = "without a use in the towers"
    case otherNetwork = "of other parts of the network"
  }
}
