/// A place in the image tower where tokens are read.
///
/// With h the residual stream, h_0 being what goes into the first block, block l of the tower computes
///
///     (Q, K, V) = qkv(norm1(h_(l-1)))
///     u_l = h_(l-1) + out(softmax(Q Kᵀ / √d) V)        `.attention`
///     h_l = u_l + mlp(norm2(u_l))                      `.block`
///     z_l = z_(l-1) + out(softmax(V Vᵀ / √d) V)        `.values`, z_0 = h_0
///
/// The last line is the local path of PromptAD ("VV-CLIP", section 3.1; after CLIP Surgery): patches look at patches that
/// resemble them, so that a token stays with its patch. It has neither an MLP nor a LayerNorm of its own, takes the
/// values of the main path, runs through all blocks, and the class token takes part in it.
public struct TokenTap: Sendable, Hashable {
  public enum Place: String, Sendable, Codable, CaseIterable {
    /// The residual stream after the whole block.
    case block
    /// The residual stream after the block's attention and before its MLP.
    case attention
    /// The local path, whose attention compares values with values.
    case values
  }

  /// The block that is read, counted from 1; at most the tower's depth.
  public var block: Int
  public var place: Place
  /// Whether the tower's final LayerNorm, affine part included, is applied to what is read.
  public var normalised: Bool
  /// Whether the projection to the joint embedding with text follows, as for CLIP's image feature. Only for models
  /// that have one.
  public var projected: Bool
  /// Whether the class token is all that is wanted; the tap's `PatchTokens.features` then have no rows. At the deepest
  /// block that is read, most of the block need not be computed for it.
  public var classTokenOnly: Bool

  public init(
    block: Int, place: Place = .block, normalised: Bool = true, projected: Bool = false,
    classTokenOnly: Bool = false
  ) {
    self.block = block
    self.place = place
    self.normalised = normalised
    self.projected = projected
    self.classTokenOnly = classTokenOnly
  }
}

/// Only what differs from a plain tap is written, so that files from before there were other taps keep their bytes and
/// stay readable.
extension TokenTap: Codable {
  private enum CodingKeys: String, CodingKey {
    case block
    case place
    case normalised
    case projected
    case classTokenOnly = "class_token_only"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      block: try values.decode(Int.self, forKey: .block),
      place: try values.decodeIfPresent(Place.self, forKey: .place) ?? .block,
      normalised: try values.decode(Bool.self, forKey: .normalised),
      projected: try values.decodeIfPresent(Bool.self, forKey: .projected) ?? false,
      classTokenOnly: try values.decodeIfPresent(Bool.self, forKey: .classTokenOnly) ?? false)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(block, forKey: .block)
    if place != .block { try values.encode(place, forKey: .place) }
    try values.encode(normalised, forKey: .normalised)
    if projected { try values.encode(projected, forKey: .projected) }
    if classTokenOnly { try values.encode(classTokenOnly, forKey: .classTokenOnly) }
  }
}

extension ImageTowerConfiguration {
  /// Channels of the tokens at a tap.
  public func width(at tap: TokenTap) -> Int { tap.projected ? embeddingWidth ?? width : width }

  /// What is wrong with a tap in this tower, or nil.
  public func fault(of tap: TokenTap) -> EncoderError? {
    if !(1...depth).contains(tap.block) { return .tap(block: tap.block, depth: depth) }
    if tap.projected, embeddingWidth == nil { return .noProjection }
    return nil
  }
}

/// Taps in the words of error messages: `8 normalised`, `4 attention`, `12 values normalised projected`.
extension TokenTap: CustomStringConvertible {
  public var description: String {
    [
      "\(block)", place == .block ? nil : place.rawValue, normalised ? "normalised" : nil,
      projected ? "projected" : nil, classTokenOnly ? "class" : nil,
    ].compactMap { $0 }.joined(separator: " ")
  }
}
