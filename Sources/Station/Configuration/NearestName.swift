/// The name a person most likely meant, or nil where none is near.
///
/// Near is an edit distance (insert, delete, replace, swap two neighbours) of at most a third of the written
/// name, and at least 1.
func nearestName(to written: String, among names: some Sequence<String>) -> String? {
  let limit = max(1, written.count / 3)
  return names.map { (name: $0, distance: editDistance(written.lowercased(), $0.lowercased())) }
    .filter { $0.distance <= limit }
    .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

/// Damerau-Levenshtein distance in its restricted form: no part of a word is edited twice.
private func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first)
  let b = Array(second)
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
