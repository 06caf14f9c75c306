/// A naming scheme of checkpoints.
enum CheckpointLayout: String, CaseIterable {
  /// `Dinov2Model` of the transformers library.
  case dinov2 = "huggingface_dinov2"
  /// OpenAI's releases and OpenCLIP.
  case openCLIP = "openclip"
  /// `CLIPModel` of the transformers library.
  case huggingFaceCLIP = "huggingface_clip"

  /// Where a scheme keeps the parts of an image tower.
  struct Names {
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
    /// Whether the projection is stored [width, embedding] rather than as a linear layer's [embedding, width].
    let projectionIsTransposed: Bool
    /// What a block's number follows. The names below follow the number and a dot.
    let blocks: String
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

  var names: Names {
    switch self {
    case .dinov2:
      let attention = ["query", "key", "value"].map { "attention.attention.\($0)" }
      return Names(
        patch: "embeddings.patch_embeddings.projection.weight",
        patchBias: "embeddings.patch_embeddings.projection.bias", classToken: "embeddings.cls_token",
        position: "embeddings.position_embeddings", leadingOnes: 1, preNorm: nil, norm: "layernorm",
        projection: nil, projectionIsTransposed: false, blocks: "encoder.layer.", norm1: "norm1",
        norm2: "norm2", qkv: (attention.map { "\($0).weight" }, attention.map { "\($0).bias" }),
        attentionOut: "attention.output.dense", mlpIn: "mlp.fc1", mlpOut: "mlp.fc2",
        layerScales: ("layer_scale1.lambda1", "layer_scale2.lambda1"))
    case .openCLIP:
      return Names(
        patch: "visual.conv1.weight", patchBias: nil, classToken: "visual.class_embedding",
        position: "visual.positional_embedding", leadingOnes: 0, preNorm: "visual.ln_pre",
        norm: "visual.ln_post", projection: "visual.proj", projectionIsTransposed: true,
        blocks: "visual.transformer.resblocks.", norm1: "ln_1", norm2: "ln_2",
        qkv: (["attn.in_proj_weight"], ["attn.in_proj_bias"]), attentionOut: "attn.out_proj",
        mlpIn: "mlp.c_fc", mlpOut: "mlp.c_proj", layerScales: nil)
    case .huggingFaceCLIP:
      let attention = ["q_proj", "k_proj", "v_proj"].map { "self_attn.\($0)" }
      return Names(
        patch: "vision_model.embeddings.patch_embedding.weight", patchBias: nil,
        classToken: "vision_model.embeddings.class_embedding",
        position: "vision_model.embeddings.position_embedding.weight", leadingOnes: 0,
        preNorm: "vision_model.pre_layrnorm",  // so spelt in every release
        norm: "vision_model.post_layernorm", projection: "visual_projection.weight",
        projectionIsTransposed: false, blocks: "vision_model.encoder.layers.", norm1: "layer_norm1",
        norm2: "layer_norm2", qkv: (attention.map { "\($0).weight" }, attention.map { "\($0).bias" }),
        attentionOut: "self_attn.out_proj", mlpIn: "mlp.fc1", mlpOut: "mlp.fc2", layerScales: nil)
    }
  }

  /// Prefixes that releases put before every name.
  var prefixes: [String] {
    switch self {
    case .dinov2: ["", "dinov2.", "backbone."]
    case .openCLIP: ["", "module."]
    case .huggingFaceCLIP: [""]
    }
  }

  /// Sizes that OpenAI's archives carry as tensors, and nobody else's.
  static let openAIMarkers: Set = ["input_resolution", "context_length", "vocab_size"]

  /// Why a tensor that no part of the image tower reads may stand in the file, or nil if it is foreign.
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
      if Self.openAIMarkers.contains(name) { return .trainingOnly }
      let text: Set = ["positional_embedding", "text_projection", "logit_scale", "logit_bias"]
      return isOne(of: text, startsWith: ["token_embedding.", "transformer.", "ln_final.", "text."])
        ? .textTower : nil
    case .huggingFaceCLIP:
      if name == "vision_model.embeddings.position_ids" { return .trainingOnly }
      return isOne(of: ["text_projection.weight", "logit_scale"], startsWith: ["text_model."])
        ? .textTower : nil
    }
  }

  /// A part of a checkpoint that the model file does not take over.
  enum LeftOutPart: String {
    case textTower = "of the text tower"
    case trainingOnly = "without a use in the image tower"
    case otherNetwork = "of other parts of the network"
  }
}
