/// Why prompts could not be learned.
public enum PromptLearningError: Error, Equatable, CustomStringConvertible {
  case option(String)
  /// A prompt that does not fit the text tower's context.
  case promptTooLong(text: String, tokens: Int, limit: Int)
  /// Reference features that do not fit the model.
  case references(String)

  public var description: String {
    switch self {
    case .option(let sentence), .references(let sentence): sentence
    case .promptTooLong(let text, let tokens, let limit):
      "The prompt \"\(text)\" takes \(tokens) tokens with what is learned before it, and the model reads at most \(limit): "
        + "use fewer words."
    }
  }
}
