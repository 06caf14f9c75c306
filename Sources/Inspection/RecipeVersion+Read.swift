import Crypto
public import Foundation
import Imaging
import Transformer

extension RecipeVersion {
  /// Reads a version and checks every hash in it but those of the references.
  public init(contentsOf folder: URL) throws(InspectionError) {
    let manifestFile = folder.appending(path: File.manifest)
    let manifest = try Self.decode(Manifest.self, from: try Self.read(manifestFile), manifestFile)
    guard manifest.schema == Manifest.currentSchema else {
      throw .damaged(
        file: manifestFile.path,
        reason: "its schema is \(manifest.schema), and this version reads \(Manifest.currentSchema)")
    }
    let bank = try MemoryBank(contentsOf: folder.appending(path: File.bank), describedBy: manifest)
    var calibration: Calibration?
    if let expected = manifest.calibrationSHA256 {
      let file = folder.appending(path: File.calibration)
      let data = try Self.read(file)
      guard SHA256.hash(data: data).hexadecimal == expected else {
        throw .damaged(file: file.path, reason: "its hash is not the one the manifest names")
      }
      calibration = try Self.decode(Calibration.self, from: data, file)
      try calibration?.check(bank: bank)
    }
    self.init(
      folder: folder, manifest: manifest, bank: bank, calibration: calibration,
      guidance: try Self.guidance(in: folder, manifest.prompts))
  }

  private static func guidance(
    in folder: URL, _ entry: Manifest.PromptsEntry?
  ) throws(InspectionError) -> TextGuidance? {
    guard let entry else { return nil }
    let file = folder.appending(path: File.prompts)
    guard SHA256.hash(data: try read(file)).hexadecimal == entry.sha256 else {
      throw .damaged(file: file.path, reason: "its hash is not the one the manifest names")
    }
    return TextGuidance(
      prototypes: try TextPrototypes(contentsOf: file), origin: entry.origin, fusion: entry.fusion)
  }

  /// The references as they were enrolled.
  public func references() throws(InspectionError) -> [Reference] {
    var references: [Reference] = []
    for entry in manifest.references {
      let file = folder.appending(path: entry.file)
      guard SHA256.hash(data: try Self.read(file)).hexadecimal == entry.sha256 else {
        throw .damaged(file: file.path, reason: "its hash is not the one the manifest names")
      }
      do {
        references.append(Reference(name: entry.name, picture: try Picture(contentsOf: file)))
      } catch {
        throw .damaged(file: file.path, reason: "\(error)")
      }
    }
    return references
  }

  private static func read(_ file: URL) throws(InspectionError) -> Data {
    do {
      return try Data(contentsOf: file)
    } catch {
      throw .system(action: "read", path: file.path, reason: systemReason(error))
    }
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type, from data: Data, _ file: URL
  ) throws(InspectionError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .damaged(file: file.path, reason: "it is not the JSON expected there")
    }
  }
}
