import Compute
import Foundation
import Imaging
import Inspection
import Transformer

/// A file that is mapped into memory: read as safetensors, as a model, and as a recipe's prompts. A sound model encodes a
/// picture.
enum FuzzedModel {
  private static let folder = FuzzFolder("model")

  static func run(_ bytes: [UInt8]) -> Bool {
    let file = folder.url.appending(path: "model.safetensors")
    do {
      try Data(bytes).write(to: file)
      let tensors = try SafeTensorsFile(contentsOf: file)
      for tensor in tensors.tensors { _ = tensors.tensor(named: tensor.name)?.floats()?.count }
      if let prototypes = try? TextPrototypes(contentsOf: file) { return prototypes.width > 0 }
      let model = try ModelFile(contentsOf: file)
      _ = ModelSummary(model).description
      if model.text != nil {
        try model.checkText()
        _ = try Tokenizer(model: model).encode("a photo of a bottle.")
      }
      let configuration = model.configuration
      let (width, height) = (
        configuration.gridColumns * configuration.patchSize, configuration.gridRows * configuration.patchSize
      )
      guard width * height <= 1 << 16 else { return true }
      let picture = Picture(
        width: width, height: height, pixels: [UInt8](repeating: 100, count: width * height * 3))
      let tap = TokenTap(block: configuration.depth)
      let tokens = try ReferenceImageTower(model: model).encode(picture, taps: [tap])
      return tokens.features[0].rows == configuration.gridRows * configuration.gridColumns
    } catch {
      return "\(error)".isEmpty
    }
  }
}
