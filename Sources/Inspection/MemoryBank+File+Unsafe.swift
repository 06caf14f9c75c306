import Compute
import Foundation
import Transformer

extension MemoryBank {
  /// Writes vectors and origins as one safetensors file.
  func write(to file: URL) throws(ModelFileError) {
    var writer = SafeTensorsWriter(metadata: [
      "format": "assayd.memory-bank/1", "hash": hash, "model": modelHash,
    ])
    writer.add("vectors", shape: [vectors.rows, vectors.columns], vectors.values)
    writer.add(
      "origins", type: .int32, shape: [origins.count], bytes: origins.withUnsafeBytes { [UInt8]($0) })
    try writer.write(to: file)
  }

  /// Reads a bank that a manifest describes.
  ///
  /// The hash covers every number and every option that gives it meaning, so any change of the file, or of what
  /// the manifest says about it, shows.
  init(contentsOf file: URL, describedBy manifest: RecipeVersion.Manifest) throws(InspectionError) {
    func damaged(_ reason: String) -> InspectionError { .damaged(file: file.path, reason: reason) }
    let tensors: SafeTensorsFile
    do {
      tensors = try SafeTensorsFile(contentsOf: file)
    } catch {
      throw damaged(error.sentence)
    }
    guard let vectors = tensors.tensor(named: "vectors"), let origins = tensors.tensor(named: "origins"),
      vectors.description.shape == [manifest.vectors, manifest.width], manifest.vectors > 0,
      origins.description.shape == [manifest.vectors], origins.description.type == .int32,
      vectors.description.type == .float32, let values = vectors.floats()
    else {
      throw damaged("it does not hold the \(manifest.vectors) x \(manifest.width) vectors of its manifest")
    }
    self.init(
      modelHash: manifest.modelHash, options: manifest.options, gridRows: manifest.gridRows,
      gridColumns: manifest.gridColumns, referenceCount: manifest.references.count,
      vectors: Matrix(rows: manifest.vectors, columns: manifest.width, values: values),
      origins: (0..<manifest.vectors).map {
        Int32(littleEndian: origins.bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self))
      },
      coreset: manifest.coreset)
    guard hash == manifest.bankHash else {
      throw damaged("its contents do not have the hash that its manifest names")
    }
  }
}
