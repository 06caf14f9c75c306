/// How the prompt-guided score (PAD) and the vision-guided one (VAD) of the same place become one.
///
/// Both orders are the same; the values differ by a factor of 2.
public enum ScoreFusion: String, Sendable, Codable, CaseIterable {
  /// 2 / (1 / PAD + 1 / VAD).
  case harmonicMean = "harmonic_mean"
  /// 1 / (1 / PAD + 1 / VAD): PromptAD's released code.
  case released

  /// - Parameters: both 0 or more; where one is 0, so is the result.
  public func fused(prompt: Float, visual: Float) -> Float {
    guard prompt > 0, visual > 0 else { return 0 }
    let half = 1 / (1 / prompt + 1 / visual)
    return self == .harmonicMean ? 2 * half : half
  }
}
