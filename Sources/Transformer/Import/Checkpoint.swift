import Foundation

/// A float checkpoint whose naming scheme is known, and what its shapes tell.
struct Checkpoint {
  let file: SafeTensorsFile
  let layout: CheckpointLayout
  /// Stands before every name of the layout in this file.
  let prefix: String
  let width: Int
  let patchSize: Int
  let depth: Int
  let mlpWidth: Int
  /// Rows of the position embedding: the class token and the patches.
  let storedTokens: Int
  let embeddingWidth: Int?

  init(contentsOf url: URL) throws(ModelFileError) {
    let file = try SafeTensorsFile(contentsOf: url)
    let candidates = CheckpointLayout.allCases.flatMap { layout in layout.prefixes.map { (layout, $0) } }
    guard let (layout, prefix) = candidates.first(where: { file.tensor(named: $1 + $0.names.patch) != nil })
    else {
      let known = CheckpointLayout.allCases.map { "\($0.names.patch) (\($0.rawValue))" }.joined(
        separator: ", ")
      throw ModelFileError(
        .unsupported, url, "The checkpoint has none of the patch embeddings the importer knows: \(known).")
    }
    let reader = TensorReader(file: file, layout: layout, prefix: prefix)
    let names = layout.names
    try reader.refuseVariants()
    depth = try reader.depth(names.blocks)
    let patch = try reader.shape(names.patch, "[width, 3, patch, patch]") {
      $0.count == 4 && $0[1] == 3 && $0[2] == $0[3]
    }
    width = patch[0]
    patchSize = patch[2]
    let ones = [Int](repeating: 1, count: names.leadingOnes)
    storedTokens =
      try reader.shape(names.position, ones.isEmpty ? "[tokens, width]" : "[1, tokens, width]") {
        $0.count == ones.count + 2 && $0.starts(with: ones)
      }[ones.count]
    mlpWidth = try reader.shape("\(names.blocks)0.\(names.mlpIn).weight", "[mlp, width]") { $0.count == 2 }[0]
    if let projection = names.projection {
      let expected = names.projectionIsTransposed ? "[width, embedding]" : "[embedding, width]"
      let shape = try reader.shape(projection, expected) { $0.count == 2 }
      embeddingWidth = names.projectionIsTransposed ? shape[1] : shape[0]
    } else {
      embeddingWidth = nil
    }
    self.file = file
    self.layout = layout
    self.prefix = prefix
  }

  var reader: TensorReader { TensorReader(file: file, layout: layout, prefix: prefix) }

  /// Whether the file holds the sizes that only OpenAI's archives hold.
  var isFromOpenAI: Bool {
    layout == .openCLIP
      && CheckpointLayout.openAIMarkers.allSatisfy { file.tensor(named: prefix + $0) != nil }
  }

  /// How many tensors of which other parts the file has beside those that are read.
  ///
  /// - Parameter used: names in the file.
  /// - Throws: for a tensor that is no known part: a network that has it computes something else.
  func leftOut(_ used: Set<String>) throws(ModelFileError) -> [CheckpointLayout.LeftOutPart: Int] {
    var counts: [CheckpointLayout.LeftOutPart: Int] = [:]
    for tensor in file.tensors where !used.contains(tensor.name) {
      let part: CheckpointLayout.LeftOutPart?
      if tensor.name.hasPrefix(prefix) {
        part = layout.leftOutPart(String(tensor.name.dropFirst(prefix.count)))
      } else {
        // A prefix says that the tower is one module of several, such as a classifier on top of it.
        part = .otherNetwork
      }
      guard let part else {
        throw ModelFileError(
          .unsupported, file.url,
          "Tensor \(tensor.name.quoted) is no part of an image tower of \(depth) blocks in the layout \(layout.rawValue): the "
            + "checkpoint is of another architecture.")
      }
      counts[part, default: 0] += 1
    }
    return counts
  }
}
