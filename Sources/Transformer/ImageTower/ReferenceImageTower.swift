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
    var tapped: [TokenTap: Matrix] = [:]
    for block in 1...(taps.map(\.block).max() ?? 1) {
      let name = "image.blocks.\(block - 1)"
      tokens = tokens + attention(normalised(tokens, "\(name).norm1"), "\(name).attention")
      tokens = tokens + mlp(normalised(tokens, "\(name).norm2"), "\(name).mlp")
      for tap in taps where tap.block == block {
        tapped[tap] = tap.normalised ? normalised(tokens, "image.norm") : tokens
      }
    }
    let found = taps.compactMap { tapped[$0] }
    return PatchTokens(
      gridRows: grid.rows, gridColumns: grid.columns,
      features: found.map {
        Matrix(rows: $0.rows - 1, columns: $0.columns, values: Array($0.values.dropFirst($0.columns)))
      },
      classTokens: found.map { Matrix(rows: 1, columns: $0.columns, values: Array($0.row(0))) })
  }

  /// Patches of the normalised picture through a linear map, the class token before them, positions added.
  private func embed(_ picture: Picture, grid: PatchGrid) -> Matrix {
    let patches = normalisedPatches(of: picture, grid: grid)  // patches x (3 * patchSize * patchSize)
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

  /// One row a patch, in the order (channel, row, column).
  private func normalisedPatches(of picture: Picture, grid: PatchGrid) -> Matrix {
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

  private func attention(_ input: Matrix, _ name: String) -> Matrix {
    let width = configuration.width
    let headWidth = width / configuration.heads
    let qkv = linear(input, "\(name).qkv")  // tokens x 3 width: queries, keys, values
    var heads = Matrix(rows: input.rows, columns: width)
    for head in 0..<configuration.heads {
      let columns = head * headWidth..<(head + 1) * headWidth
      let queries = qkv.columns(columns)
      let keys = qkv.columns(width + columns.lowerBound..<width + columns.upperBound)
      let values = qkv.columns(2 * width + columns.lowerBound..<2 * width + columns.upperBound)
      let scale = 1 / Float(headWidth).squareRoot()
      var scores = queries.multiplied(byTransposeOf: keys)
      for index in scores.values.indices { scores.values[index] *= scale }
      let mixed = scores.softmax().multiplied(by: values)
      for row in 0..<input.rows {
        for column in 0..<headWidth { heads[row, columns.lowerBound + column] = mixed[row, column] }
      }
    }
    return linear(heads, "\(name).out")
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
