/// The connected parts of a binary image, 8-neighbourhood: pixels that touch at a corner belong together, as
/// `scipy.ndimage.label` with a 3 x 3 structure of ones has it.
package struct ConnectedComponents: Sendable, Equatable {
  package let width: Int
  package let height: Int
  /// Row-major; 0 is background, components count from 1 in the order of their first pixel.
  package let labels: [Int32]
  package let count: Int

  /// - Precondition: `foreground` holds `width * height` values, row-major.
  package init(width: Int, height: Int, foreground: [Bool]) {
    precondition(foreground.count == width * height, "One value a pixel.")
    var labels = [Int32](repeating: 0, count: foreground.count)
    // Union-find over provisional labels; a root points to itself and is the smallest of its set.
    var parent: [Int32] = [0]

    func root(_ label: Int32) -> Int32 {
      var label = label
      while parent[Int(label)] != label {
        parent[Int(label)] = parent[Int(parent[Int(label)])]
        label = parent[Int(label)]
      }
      return label
    }

    for y in 0..<height {
      for x in 0..<width where foreground[y * width + x] {
        var label: Int32 = 0
        func join(_ neighbourX: Int, _ neighbourY: Int) {
          guard neighbourX >= 0, neighbourX < width, neighbourY >= 0 else { return }
          let neighbour = labels[neighbourY * width + neighbourX]
          guard neighbour != 0 else { return }
          if label == 0 {
            label = root(neighbour)
          } else {
            let other = root(neighbour)
            parent[Int(max(label, other))] = min(label, other)
            label = min(label, other)
          }
        }
        join(x - 1, y)
        join(x - 1, y - 1)
        join(x, y - 1)
        join(x + 1, y - 1)
        if label == 0 {
          label = Int32(parent.count)
          parent.append(label)
        }
        labels[y * width + x] = label
      }
    }

    var final = [Int32](repeating: 0, count: parent.count)
    var count: Int32 = 0
    for label in 1..<max(1, parent.count) {
      let root = Int(root(Int32(label)))
      if final[root] == 0 {
        count += 1
        final[root] = count
      }
      final[label] = final[root]
    }
    for index in labels.indices where labels[index] != 0 {
      labels[index] = final[Int(labels[index])]
    }
    self.width = width
    self.height = height
    self.labels = labels
    self.count = Int(count)
  }

  /// Pixels of each component; entry 0 is component 1.
  package var areas: [Int] {
    var areas = [Int](repeating: 0, count: count)
    for label in labels where label != 0 { areas[Int(label) - 1] += 1 }
    return areas
  }
}
