/// The position inside `0..<count` that shows at `index` when the sequence is continued by mirroring it on the
/// outer edges of its end samples: `d c b a | a b c d | d c b a`, again and again.
///
/// SciPy calls this border `reflect`, PyTorch's `grid_sample` `reflection` with `align_corners` false.
@inline(__always)
func reflected(_ index: Int, count: Int) -> Int {
  if index >= 0 && index < count { return index }
  let period = 2 * count
  let phase = index % period
  let position = phase < 0 ? phase + period : phase
  return position < count ? position : period - 1 - position
}
