import Compute
import Crypto
public import Foundation
import Imaging
import Transformer

extension RecipeVersion {
  /// Writes a new version, numbered after the newest one of the recipe.
  ///
  /// - Parameters:
  ///   - recipe: the recipe's folder; it is made where it does not exist.
  ///   - references: those the bank was built from, in the same order.
  ///   - prompts: what the words come to, and how; the calibration is one with them.
  /// - Throws: `InspectionError`.
  public static func create(
    in recipe: URL, bank: MemoryBank, references: [Reference], calibration: Calibration?,
    prompts: (guidance: TextGuidance, recipe: PromptRecipe)? = nil
  ) throws -> RecipeVersion {
    guard references.count == bank.referenceCount else {
      throw InspectionError.options(
        "The bank was built from \(bank.referenceCount) references, not from these \(references.count).")
    }
    try calibration?.check(bank: bank)
    while true {
      let number = (latest(in: recipe).flatMap { Self.number(of: $0.lastPathComponent) } ?? 0) + 1
      let folder = recipe.appending(path: name(of: number))
      do {
        var written: Manifest?
        try FolderTransaction.write(folder) {
          written = try write(into: $0, number: number, bank, references, calibration, prompts)
        }
        guard let manifest = written else { continue }
        return RecipeVersion(
          folder: folder, manifest: manifest, bank: bank, calibration: calibration,
          guidance: prompts?.guidance)
      } catch InspectionError.exists {
        // Somebody else took the number in the meantime; the next one is free.
        continue
      }
    }
  }

  private static func write(
    into folder: URL, number: Int, _ bank: MemoryBank, _ references: [Reference], _ calibration: Calibration?,
    _ prompts: (guidance: TextGuidance, recipe: PromptRecipe)?
  ) throws -> Manifest {
    try bank.write(to: folder.appending(path: File.bank))
    let json = JSONEncoder()
    json.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]

    try FileManager.default.createDirectory(
      at: folder.appending(path: File.references), withIntermediateDirectories: false)
    var entries: [Manifest.ReferenceEntry] = []
    for (index, reference) in references.enumerated() {
      let digits = String(index)
      let file = "\(File.references)/\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits).png"
      let png = Data(try reference.picture.pngData())
      try png.write(to: folder.appending(path: file))
      entries.append(.init(name: reference.name, file: file, sha256: SHA256.hash(data: png).hexadecimal))
    }
    var calibrationHash: String?
    if let calibration {
      let data = try json.encode(calibration)
      try data.write(to: folder.appending(path: File.calibration))
      calibrationHash = SHA256.hash(data: data).hexadecimal
    }
    var promptsEntry: Manifest.PromptsEntry?
    if let (guidance, recipe) = prompts {
      let file = folder.appending(path: File.prompts)
      try guidance.prototypes.write(to: file)
      promptsEntry = Manifest.PromptsEntry(
        sha256: SHA256.hash(data: try Data(contentsOf: file)).hexadecimal, origin: guidance.origin,
        fusion: guidance.fusion, recipe: recipe)
    }
    let manifest = Manifest(
      schema: Manifest.currentSchema, version: number, created: Date.now.ISO8601Format(),
      bankHash: bank.hash, modelHash: bank.modelHash, options: bank.options, gridRows: bank.gridRows,
      gridColumns: bank.gridColumns, vectors: bank.vectors.rows, width: bank.vectors.columns,
      coreset: bank.coreset, references: entries,
      pictures: ReferenceStatistics(
        references.map {
          $0.picture.resized(
            width: bank.options.inputWidth, height: bank.options.inputHeight, filter: .bicubic)
        }), calibrationSHA256: calibrationHash, prompts: promptsEntry)
    try json.encode(manifest).write(to: folder.appending(path: File.manifest))
    return manifest
  }
}
