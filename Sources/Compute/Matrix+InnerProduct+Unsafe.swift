extension Matrix {
  /// Sixteen running sums, each product rounded before it is added, folded in halves: one order everywhere.
  ///
  /// - Precondition: both have the same number of columns, a multiple of 16.
  func innerProduct(ofRow row: Int, with other: Matrix, row otherRow: Int) -> Float {
    values.withUnsafeBufferPointer { left in
      other.values.withUnsafeBufferPointer { right in
        var sums = SIMD16<Float>()
        for k in stride(from: 0, to: columns, by: 16) {
          let a = UnsafeRawPointer(left.baseAddress! + row * columns + k).loadUnaligned(
            as: SIMD16<Float>.self)
          let b = UnsafeRawPointer(right.baseAddress! + otherRow * columns + k).loadUnaligned(
            as: SIMD16<Float>.self)
          sums += a * b
        }
        let eight = sums.lowHalf + sums.highHalf
        let four = eight.lowHalf + eight.highHalf
        return (four.x + four.z) + (four.y + four.w)
      }
    }
  }
}
