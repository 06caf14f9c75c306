/// What is said about a picture. The four are never mixed up.
public enum Verdict: String, Sendable, Codable, CaseIterable {
  /// The part looks like the references.
  case ok
  /// The part does not look like the references.
  case ng
  /// The picture cannot be judged.
  case undecidable
  /// The station failed; nothing is said about the part.
  case error

  /// OPC 40001-101 result evaluation: 0 undefined, 1 OK, 2 not OK, 3 not decidable.
  public var opcEvaluationCode: Int {
    switch self {
    case .error: 0
    case .ok: 1
    case .ng: 2
    case .undecidable: 3
    }
  }
}

/// Why a picture is undecidable.
public enum UndecidableReason: String, Sendable, Codable, CaseIterable {
  /// Every pixel has the same value but for a grey level of noise: a covered lens, a light that is off, no signal.
  case flat
  /// Far darker than the references.
  case dark
  /// Far brighter than the references, or white where they are not.
  case overExposed = "over_exposed"
  /// Far less sharp than the references.
  case blurred
  /// The part lies elsewhere than in the references, which agree about its place.
  case shifted

  /// Those that a picture is compared with the references for.
  public static let byReferences: Set<UndecidableReason> = [.dark, .overExposed, .blurred, .shifted]
}
