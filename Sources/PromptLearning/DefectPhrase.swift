/// A way to be abnormal, in words.
public struct DefectPhrase: Sendable, Codable, Equatable {
  /// What a region is called that looks like it.
  public var name: String
  /// The prompt, in which `{}` stands for the product.
  public var template: String

  public init(name: String, template: String) {
    self.name = name
    self.template = template
  }

  /// A phrase as an operator writes it: with `{}` for the product (`{} without a cap`), or just what the product has
  /// (`scratch`, which stands for `{} with scratch`).
  public init(_ words: String) {
    let words = words.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    if words.contains("{}") {
      let name = words.replacing("{}", with: " ").split(separator: " ").joined(separator: " ")
      self.init(name: name, template: words)
    } else {
      self.init(name: words, template: "{} with \(words)")
    }
  }

  /// The phrase said of a product.
  public func said(of product: String) -> String { template.replacing("{}", with: product) }

  /// What any product can be, as published with PromptAD (released code, `prompt_ensemble`).
  public static let generic: [DefectPhrase] = [
    "damaged {}", "flawed {}", "abnormal {}", "imperfect {}", "blemished {}", "{} with flaw",
    "{} with defect",
    "{} with damage",
  ].map { DefectPhrase($0) }
}
