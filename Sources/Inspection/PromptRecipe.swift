import Foundation

/// The operator's words for a product, and how its prompts were made of them: enough to make them again.
public struct PromptRecipe: Sendable, Codable, Equatable {
  /// What the part is called in prompts.
  public var product: String
  /// What good parts are like; `{}` stands for the product. Empty for the usual phrases.
  public var normal: [String]
  /// What can be wrong with it, likewise.
  public var defects: [String]
  /// The options of the learning, its seed among them, as JSON; nil where nothing was learned.
  public var learning: String?

  public init(product: String, normal: [String] = [], defects: [String] = []) {
    self.product = product
    self.normal = normal
    self.defects = defects
  }

  /// With the options that prompts were learned with.
  public init(product: String, normal: [String], defects: [String], learning: some Encodable) throws {
    self.init(product: product, normal: normal, defects: defects)
    let json = JSONEncoder()
    json.outputFormatting = [.sortedKeys]
    self.learning = String(decoding: try json.encode(learning), as: UTF8.self)
  }

  /// Whether the words are the same, however the prompts were made.
  public func says(theSameAs other: PromptRecipe) -> Bool {
    product == other.product && normal == other.normal && defects == other.defects
  }
}
