import Compute
public import Foundation
import Transformer

extension TextPrototypes {
  private static let format = "assayd.text-prototypes/1"

  /// Writes everything as one safetensors file, whole or not at all; the same prototypes give the same bytes.
  ///
  /// Tensors `image`, `pixel` [2, channels], `defects` [names, channels], `scale` and `logit_scale` [1], all F32; the names
  /// are a JSON array under `defects` in the metadata.
  public func write(to file: URL) throws {
    let names = try JSONEncoder().encode(defects)
    var writer = SafeTensorsWriter(metadata: [
      "format": Self.format, "defects": String(decoding: names, as: UTF8.self),
    ])
    writer.add("image", shape: [2, width], image.values)
    writer.add("pixel", shape: [2, width], pixel.values)
    if !defects.isEmpty { writer.add("defects", shape: [defects.count, width], defectFeatures.values) }
    writer.add("scale", shape: [1], [scale])
    writer.add("logit_scale", shape: [1], [logitScale])
    try writer.write(to: file)
  }

  /// Reads what `write(to:)` wrote.
  ///
  /// - Throws: `InspectionError.damaged` where the file is anything else.
  public init(contentsOf file: URL) throws(InspectionError) {
    func damaged(_ reason: String) -> InspectionError { .damaged(file: file.path, reason: reason) }
    let tensors: SafeTensorsFile
    do {
      tensors = try SafeTensorsFile(contentsOf: file)
    } catch {
      throw damaged(error.sentence)
    }
    guard tensors.metadata["format"] == Self.format, let text = tensors.metadata["defects"],
      let names = try? JSONDecoder().decode([String].self, from: Data(text.utf8))
    else { throw damaged("it does not hold text prototypes of the format \(Self.format)") }
    func values(_ name: String, _ shape: [Int]) throws(InspectionError) -> [Float] {
      guard let tensor = tensors.tensor(named: name), tensor.description.shape == shape,
        tensor.description.type == .float32, let values = tensor.floats(), values.allSatisfy(\.isFinite)
      else { throw damaged("its tensor \(name) is not \(shape) finite floats") }
      return values
    }
    guard let width = tensors.tensor(named: "image")?.description.shape.last, width > 0 else {
      throw damaged("it has no tensor image")
    }
    let features = names.isEmpty ? [] : try values("defects", [names.count, width])
    self.init(
      image: Matrix(rows: 2, columns: width, values: try values("image", [2, width])),
      pixel: Matrix(rows: 2, columns: width, values: try values("pixel", [2, width])), defects: names,
      defectFeatures: Matrix(rows: names.count, columns: width, values: features),
      scale: try values("scale", [1])[0], logitScale: try values("logit_scale", [1])[0])
  }
}
