import Foundation
public import Imaging
public import Inspection

/// Of labelled parts the clearest hits and misses: how many there are of each kind, and those farthest from the
/// threshold.
public struct ClearestParts {
  enum Kind: CaseIterable {
    case found, missed, passed, rejected

    init?(isGood: Bool, _ verdict: Verdict) {
      switch (isGood, verdict) {
      case (false, .ng): self = .found
      case (false, .ok): self = .missed
      case (true, .ok): self = .passed
      case (true, .ng): self = .rejected
      case (_, .undecidable), (_, .error): return nil
      }
    }

    var title: String {
      switch self {
      case .found: "Defects found"
      case .missed: "Defects missed"
      case .passed: "Good parts passed"
      case .rejected: "Good parts rejected"
      }
    }

    var frame: Colour {
      switch self {
      case .found, .passed: ContactSheet.green
      case .missed, .rejected: ContactSheet.red
      }
    }

    /// Far above the threshold is clear where the verdict is `ng`, far below it where it is `ok`.
    func isClearer(_ one: Double, than other: Double) -> Bool {
      switch self {
      case .found, .rejected: one > other
      case .missed, .passed: one < other
      }
    }
  }

  /// A judged part whose label is known.
  public struct Part {
    public var name: String
    /// `good` or the kind of defect.
    public var label: String
    public var isGood: Bool
    public var verdict: Verdict
    public var score: Double
    public var threshold: Double

    public init(
      name: String, label: String, isGood: Bool, verdict: Verdict, score: Double, threshold: Double
    ) {
      self.name = name
      self.label = label
      self.isGood = isGood
      self.verdict = verdict
      self.score = score
      self.threshold = threshold
    }

    fileprivate var kind: Kind? { Kind(isGood: isGood, verdict) }
    fileprivate var ratio: Double { score / threshold }
  }

  private struct Exhibit {
    var part: Part
    var picture: () throws -> Picture
  }

  /// Pictures kept of each kind at most.
  let each: Int
  private var counts: [Kind: Int] = [:]
  private var exhibits: [Kind: [Exhibit]] = [:]

  public init(each: Int = 6) { self.each = each }

  public mutating func count(_ part: Part) {
    if let kind = part.kind { counts[kind, default: 0] += 1 }
  }

  /// Keeps the picture while the part is among the clearest of its kind. It is asked for only when it is drawn.
  public mutating func show(_ part: Part, picture: @escaping () throws -> Picture) {
    guard let kind = part.kind else { return }
    var members = exhibits[kind] ?? []
    let place = members.firstIndex { kind.isClearer(part.ratio, than: $0.part.ratio) } ?? members.count
    guard place < each else { return }
    members.insert(Exhibit(part: part, picture: picture), at: place)
    exhibits[kind] = Array(members.prefix(each))
  }

  fileprivate func section(of kind: Kind) throws -> ContactSheet.Section {
    ContactSheet.Section(
      title: "\(kind.title): \(counts[kind] ?? 0)",
      cells: try (exhibits[kind] ?? []).map { exhibit in
        let part = exhibit.part
        return ContactSheet.Cell(
          picture: try exhibit.picture(),
          caption: [
            "\(part.label) / \(part.name)",
            String(
              format: "%@  %.3f (NG above %.3f)", part.verdict.rawValue, part.score, part.threshold),
          ],
          frame: kind.frame)
      })
  }
}

extension ContactSheet {
  /// One section each for defects found and missed, good parts passed and rejected, the clearest first.
  public init(title: String, _ parts: ClearestParts) throws {
    self.init(
      title: title, sections: try ClearestParts.Kind.allCases.map(parts.section), columns: parts.each)
  }
}
