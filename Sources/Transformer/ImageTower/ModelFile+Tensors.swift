extension ModelFile {
  /// A copy of a float32 tensor.
  func vector(_ name: String) -> [Float] { Array(float(name)) }

  /// The learned position grid without the class token's row.
  var positionGrid: PositionGrid {
    PositionGrid(
      rows: configuration.gridRows, columns: configuration.gridColumns, width: configuration.width,
      values: Array(float("image.position").dropFirst(configuration.width)))
  }
}
