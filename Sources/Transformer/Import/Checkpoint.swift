import Foundation

/// A float checkpoint whose naming scheme is known, and what its shapes tell.
struct Checkpoint {
  /// What the shapes tell of a text tower.
  struct TextTower {
    let width: Int
    let depth: Int
    let mlpWidth: Int
    let contextLength: Int
    let vocabularySize: Int
  }

  let file: SafeTensorsFile
  let layout: CheckpointLayout
  /// What stands before the layout's names in this file.
  let prefixes: CheckpointLayout.Prefixes
  let width: Int
  let patchSize: Int
  let depth: Int
  let mlpWidth: Int
  /// Rows of the position embedding: the class token and the patches.
  let storedTokens: Int
  let embeddingWidth: Int?
  /// Nil where the file has none.
  let text: TextTower?

  init(contentsOf url: URL) throws(ModelFileError) {
    let file = try SafeTensorsFile(contentsOf: url)
    let candidates = CheckpointLayout.allCases.flatMap { layout in layout.prefixes.map { (layout, $0) } }
      .filter { file.tensor(named: $1.image + $0.image.patch) != nil }
    func hasText(_ layout: CheckpointLayout, _ prefixes: CheckpointLayout.Prefixes) -> Bool {
      layout.text.map { file.tensor(named: prefixes.text + $0.embedding) != nil } ?? false
    }
    guard let (layout, prefixes) = candidates.first(where: hasText) ?? candidates.first else {
      let known = CheckpointLayout.allCases.map { "\($0.image.patch) (\($0.rawValue))" }.joined(
        separator: ", ")
      throw ModelFileError(
        .unsupported, url, "The checkpoint has none of the patch embeddings the importer knows: \(known).")
    }
    let reader = TensorReader(file: file)
    let names = layout.image
    let prefix = prefixes.image
    try reader.refuseVariants(prefix)
    depth = try reader.depth(prefix + names.blocks)
    let patch = try reader.shape(prefix + names.patch, "[width, 3, patch, patch]") {
      $0.count == 4 && $0[1] == 3 && $0[2] == $0[3]
    }
    width = patch[0]
    patchSize = patch[2]
    let ones = [Int](repeating: 1, count: names.leadingOnes)
    storedTokens =
      try reader.shape(prefix + names.position, ones.isEmpty ? "[tokens, width]" : "[1, tokens, width]") {
        $0.count == ones.count + 2 && $0.starts(with: ones)
      }[ones.count]
    mlpWidth = try reader.mlpWidth(layout, blocks: prefix + names.blocks, depth: depth, width: width)
    if let projection = names.projection {
      let isTransposed = layout.projectionsAreTransposed
      let expected = isTransposed ? "[width, embedding]" : "[embedding, width]"
      let shape = try reader.shape(prefix + projection, expected) { $0.count == 2 }
      embeddingWidth = isTransposed ? shape[1] : shape[0]
    } else {
      embeddingWidth = nil
    }
    if let names = layout.text, hasText(layout, prefixes) {
      let prefix = prefixes.text
      let embedding = try reader.shape(prefix + names.embedding, "[vocabulary, width]") { $0.count == 2 }
      let depth = try reader.depth(prefix + names.blocks)
      text = TextTower(
        width: embedding[1], depth: depth,
        mlpWidth: try reader.mlpWidth(
          layout, blocks: prefix + names.blocks, depth: depth, width: embedding[1]),
        contextLength: try reader.shape(prefix + names.position, "[context, width]") { $0.count == 2 }[0],
        vocabularySize: embedding[0])
    } else {
      text = nil
    }
    self.file = file
    self.layout = layout
    self.prefixes = prefixes
  }

  var reader: TensorReader { TensorReader(file: file) }

  /// Whether the file holds the sizes that only OpenAI's archives hold.
  var isFromOpenAI: Bool {
    layout == .openCLIP
      && CheckpointLayout.openAIMarkers.allSatisfy { file.tensor(named: prefixes.image + $0) != nil }
  }

  /// SHA-256 of the file that the checkpoint was converted from, or of the checkpoint itself.
  ///
  /// `Scripts/convert-checkpoint` leaves the former in the metadata.
  var originalHash: String {
    if let source = file.metadata["source"], let match = source.firstMatch(of: /sha256:([0-9a-f]{64})$/) {
      return String(match.output.1)
    }
    return file.mapping.sha256()
  }

  /// How many tensors of which other parts the file has beside those that are read.
  ///
  /// - Parameters:
  ///   - used: names in the file.
  ///   - takesText: whether the text tower is read, so that nothing of it may be left.
  /// - Throws: for a tensor that is no known part: a network that has it computes something else.
  func leftOut(
    _ used: Set<String>, takesText: Bool
  ) throws(ModelFileError) -> [CheckpointLayout.LeftOutPart: Int] {
    var counts: [CheckpointLayout.LeftOutPart: Int] = [:]
    // The longest first, for the others may be its beginning.
    let known = [prefixes.image, prefixes.text, prefixes.scale].sorted { $0.count > $1.count }
    for tensor in file.tensors where !used.contains(tensor.name) {
      let part: CheckpointLayout.LeftOutPart?
      if let prefix = known.first(where: tensor.name.hasPrefix) {
        part = layout.leftOutPart(String(tensor.name.dropFirst(prefix.count)))
      } else {
        // A prefix says that the tower is one module of several, such as a classifier on top of it.
        part = .otherNetwork
      }
      guard let part, !(takesText && part == .textTower) else {
        let towers =
          if takesText, let text {
            "towers of \(depth) and \(text.depth) blocks"
          } else {
            "an image tower of \(depth) blocks"
          }
        throw ModelFileError(
          .unsupported, file.url,
          "Tensor \(tensor.name.quoted) is no part of \(towers) in the layout \(layout.rawValue): the "
            + "checkpoint is of another architecture.")
      }
      counts[part, default: 0] += 1
    }
    return counts
  }
}
