/// A position on the lattice of pixel corners: (x, y) is the top left corner of pixel (x, y).
struct LatticePoint: Sendable, Hashable {
  var x: Int
  var y: Int
}

/// The outer boundary of a connected component as a closed ring of pixel corners.
///
/// The ring follows pixel edges, so a single pixel is a square of area 1 and the ring encloses exactly the
/// component with its holes filled. It runs clockwise as seen on screen; its last point is joined to the first.
struct Contour: Sendable, Equatable {
  private(set) var points: [LatticePoint]

  /// Traces a component of an 8-connected labelling.
  ///
  /// - Parameter first: the component's first pixel in reading order.
  init(of label: Int32, in components: ConnectedComponents, first: LatticePoint) {
    func contains(_ x: Int, _ y: Int) -> Bool {
      x >= 0 && y >= 0 && x < components.width && y < components.height
        && components.labels[y * components.width + x] == label
    }
    // East, south, west, north; beside each step the pixels ahead of its end, on the left and on the right.
    let steps = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    let left = [(0, -1), (0, 0), (-1, 0), (-1, -1)]
    let right = [(0, 0), (-1, 0), (-1, -1), (0, -1)]
    points = []
    var position = first
    var direction = 0
    repeat {
      position.x += steps[direction].0
      position.y += steps[direction].1
      let turn: Int
      if contains(position.x + left[direction].0, position.y + left[direction].1) {
        // Also where only this corner joins two pixels: they are one component.
        turn = 3
      } else if contains(position.x + right[direction].0, position.y + right[direction].1) {
        turn = 0
      } else {
        turn = 1
      }
      if turn != 0 { points.append(position) }
      direction = (direction + turn) % 4
    } while position != first || direction != 0
  }

  /// The area inside, in pixels.
  var area: Double {
    var doubled = 0
    for (index, point) in points.enumerated() {
      let next = points[(index + 1) % points.count]
      doubled += point.x * next.y - next.x * point.y
    }
    return Double(abs(doubled)) / 2
  }

  /// The same ring with at most `limit` points: those that change its area least go first (Visvalingam and
  /// Whyatt's measure, in rounds of growing tolerance so that the work stays linear in the ring's length).
  func simplified(to limit: Int) -> Contour {
    var ring = points
    var tolerance = 0
    while ring.count > max(3, limit) {
      let excess = ring.count - max(3, limit)
      var kept: [LatticePoint] = []
      kept.reserveCapacity(ring.count)
      var dropped = 0
      var previousStays = true
      for (index, point) in ring.enumerated() {
        let previous = kept.last ?? ring[ring.count - 1]
        let next = ring[(index + 1) % ring.count]
        let doubledArea = abs(
          (point.x - previous.x) * (next.y - previous.y) - (next.x - previous.x) * (point.y - previous.y))
        // Never two neighbours in one round: the second one's triangle is no longer the one measured.
        if previousStays, dropped < excess, doubledArea <= tolerance {
          dropped += 1
          previousStays = false
        } else {
          kept.append(point)
          previousStays = true
        }
      }
      ring = kept
      if dropped == 0 { tolerance = max(1, tolerance * 2) }
    }
    var result = self
    result.points = ring
    return result
  }
}
