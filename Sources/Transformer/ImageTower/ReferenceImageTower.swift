internal import Compute
public import Imaging

/// The image tower in float32 and in the order the papers write it: short enough to read, and what the int8 path is
/// measured against. Matrix products are OpenBLAS's.
///
/// An int8 model file can be run too: its weights are then widened, which separates the error of the weights from that
/// of the activations.
public final class ReferenceImageTower: ImageEncoder {
  public let configuration: ImageTowerConfiguration
  public let modelHash: String
  private let model: ModelFile
  private let positions: PositionGrid

  public init(model: ModelFile) {
    self.model = model
    configuration = model.configuration
    modelHash = model.hash
    positions = model.positionGrid
  }

  public func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    let grid = try configuration.grid(for: picture, taps: taps)
    var tokens = embed(picture, grid: grid)  // (1 + patches) x width
    var local = tokens
    var tapped: [TokenTap: Matrix] = [:]
    func read(_ tokens: Matrix, _ place: TokenTap.Place, of block: Int) {
      for tap in taps where tap.block == block && tap.place == place {
        let read = tap.normalised ? normalised(tokens, "image.norm") : tokens
        tapped[tap] = tap.projected ? read.multiplied(byTransposeOf: model.matrix("image.projection")) : read
      }
    }
    for block in 1...(taps.map(\.block).max() ?? 1) {
      let name = "image.blocks.\(block - 1)"
      let qkv = linear(normalised(tokens, "\(name).norm1"), "\(name).attention.qkv")  // tokens x 3 width
      let parts = (0..<3).map { qkv.columns($0 * configuration.width..<($0 + 1) * configuration.width) }
      let (queries, keys, values) = (parts[0], parts[1], parts[2])
      if taps.contains(where: { $0.place == .values && $0.block >= block }) {
        local =
          local + linear(attended(queries: values, keys: values, values: values), "\(name).attention.out")
        read(local, .values, of: block)
      }
      tokens =
        tokens + linear(attended(queries: queries, keys: keys, values: values), "\(name).attention.out")
      read(tokens, .attention, of: block)
      tokens = tokens + mlp(normalised(tokens, "\(name).norm2"), "\(name).mlp")
      read(tokens, .block, of: block)
    }
    let found = taps.compactMap { tapped[$0] }
    return PatchTokens(
      gridRows: grid.rows, gridColumns: grid.columns,
      features: zip(taps, found).map { tap, tokens in
        Matrix(
          rows: tap.classTokenOnly ? 0 : grid.count, columns: tokens.columns,
          values: tap.classTokenOnly ? [] : Array(tokens.values.dropFirst(tokens.columns)))
      },
      classTokens: found.map { Matrix(rows: 1, columns: $0.columns, values: Array($0.row(0))) })
  }

  /// Patches of the normalised picture through a linear map, the class token before them, positions added.
  func embed(_ picture: Picture, grid: PatchGrid) -> Matrix {
    let patches = normalisedPatches(of: picture, grid: grid)
    let embedded = linear(patches, "image.patch")
    let width = configuration.width
    let position = positions.resized(
      rows: grid.rows, columns: grid.columns, by: configuration.positionInterpolation)
    let tokens = Matrix(
      rows: 1 + grid.count, columns: width, values: model.vector("image.class") + embedded.values)
    let positioned =
      tokens
      + Matrix(
        rows: 1 + grid.count, columns: width, values: model.vector("image.position").prefix(width) + position)
    return configuration.hasPreNorm ? normalised(positioned, "image.pre_norm") : positioned
  }

  /// (pixel / 255 - mean) / deviation: patches x (3 * patchSize * patchSize), a row in the order (channel, row, column).
  func normalisedPatches(of picture: Picture, grid: PatchGrid) -> Matrix {
    let side = configuration.patchSize
    var patches = Matrix(rows: grid.count, columns: 3 * side * side)
    for patch in 0..<grid.count {
      let (top, left) = (patch / grid.columns * side, patch % grid.columns * side)
      for channel in 0..<3 {
        for row in 0..<side {
          for column in 0..<side {
            let pixel = picture.pixels[((top + row) * picture.width + left + column) * 3 + channel]
            patches[patch, (channel * side + row) * side + column] =
              (Float(pixel) / 255 - configuration.mean[channel]) / configuration.standardDeviation[channel]
          }
        }
      }
    }
    return patches
  }

  /// softmax(queries . keys / sqrt(head width)) . values, head by head; all are tokens x width.
  private func attended(queries: Matrix, keys: Matrix, values: Matrix) -> Matrix {
    let headWidth = configuration.width / configuration.heads
    let scale = 1 / Float(headWidth).squareRoot()
    var result = Matrix(rows: queries.rows, columns: configuration.width)
    for head in 0..<configuration.heads {
      let columns = head * headWidth..<(head + 1) * headWidth
      var scores = queries.columns(columns).multiplied(byTransposeOf: keys.columns(columns))
      for index in scores.values.indices { scores.values[index] *= scale }
      let mixed = scores.softmax().multiplied(by: values.columns(columns))
      for row in 0..<result.rows {
        for column in 0..<headWidth { result[row, columns.lowerBound + column] = mixed[row, column] }
      }
    }
    return result
  }

  private func mlp(_ input: Matrix, _ name: String) -> Matrix {
    let hidden = linear(input, "\(name).in")
    return linear(configuration.activation == .gelu ? hidden.gelu() : hidden.quickGELU(), "\(name).out")
  }

  private func linear(_ input: Matrix, _ name: String) -> Matrix {
    input.multiplied(byTransposeOf: model.matrix("\(name).weight")).adding(bias: model.vector("\(name).bias"))
  }

  private func normalised(_ input: Matrix, _ name: String) -> Matrix {
    input.layerNormalised(
      gain: model.vector("\(name).weight"), bias: model.vector("\(name).bias"),
      epsilon: configuration.layerNormEpsilon)
  }
}
