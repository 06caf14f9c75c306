import Transformer

// As recipes spell it; a key that is left out has its default.
extension ScoringOptions: Codable {
  private enum CodingKeys: String, CodingKey {
    case inputWidth = "input_width"
    case inputHeight = "input_height"
    case taps
    case views
    case imageScore = "image_score"
    case smoothing
  }

  public init(from decoder: any Decoder) throws {
    self.init()
    let values = try decoder.container(keyedBy: CodingKeys.self)
    inputWidth = try values.decodeIfPresent(Int.self, forKey: .inputWidth) ?? inputWidth
    inputHeight = try values.decodeIfPresent(Int.self, forKey: .inputHeight) ?? inputHeight
    taps = try values.decodeIfPresent([TokenTap].self, forKey: .taps) ?? taps
    views = try values.decodeIfPresent(ReferenceViews.self, forKey: .views) ?? views
    imageScore = try values.decodeIfPresent(ImageScoreRule.self, forKey: .imageScore) ?? imageScore
    smoothing = try values.decodeIfPresent(Double.self, forKey: .smoothing) ?? smoothing
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(inputWidth, forKey: .inputWidth)
    try values.encode(inputHeight, forKey: .inputHeight)
    try values.encode(taps, forKey: .taps)
    try values.encode(views, forKey: .views)
    try values.encode(imageScore, forKey: .imageScore)
    try values.encode(smoothing, forKey: .smoothing)
  }
}

/// `maximum`, or a number: the fraction of patches whose mean counts.
extension ImageScoreRule: Codable {
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let fraction = try? value.decode(Double.self) {
      self = .topFraction(fraction)
    } else if try value.decode(String.self) == "maximum" {
      self = .maximum
    } else {
      throw DecodingError.dataCorruptedError(
        in: value, debugDescription: "The image score is `maximum` or a fraction such as 0.01.")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .topFraction(let fraction): try value.encode(fraction)
    case .maximum: try value.encode("maximum")
    }
  }
}
