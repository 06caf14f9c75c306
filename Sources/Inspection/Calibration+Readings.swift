import Compute
import Foundation
import Imaging
public import Transformer

extension Calibration {
  /// Calibrates on pictures of good parts that are not in the bank.
  ///
  /// - Parameter progress: called after each picture with their number so far; what it throws ends the work.
  public static func onPictures(
    _ pictures: [Reference], bank: MemoryBank, encoder: any ImageEncoder, search: VectorSearchMethod,
    guidance: TextGuidance? = nil, falseAlarmRate: Double,
    progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> Calibration {
    let scorer = try Scorer(encoder: encoder, bank: bank, search: search, guidance: guidance)
    var readings: [Reading] = []
    for picture in pictures {
      readings.append(try scorer.reading(of: picture))
      try progress(readings.count, pictures.count)
    }
    return try Calibration(
      readings: readings, evidence: .heldOutPictures, falseAlarmRate: falseAlarmRate, bankHash: bank.hash,
      bankIsReduced: bank.coreset != nil)
  }

  /// Calibrates on the references alone: leave-one-out, or held-out views where there is only one.
  ///
  /// - Parameters:
  ///   - references: those the bank was built from, in the same order.
  ///   - progress: called after each scored picture; what it throws ends the work.
  public static func onReferences(
    _ references: [Reference], bank: MemoryBank, encoder: any ImageEncoder, search: VectorSearchMethod,
    guidance: TextGuidance? = nil, falseAlarmRate: Double,
    progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> Calibration {
    guard references.count == bank.referenceCount else {
      throw InspectionError.calibration(
        "The bank was built from \(bank.referenceCount) references, not from these \(references.count).")
    }
    let readings: [Reading]
    if references.count == 1 {
      readings = [try heldOutViews(of: references[0], bank, encoder, search, guidance, progress)]
    } else {
      readings = try references.indices.map { index in
        let scorer = try Scorer(
          encoder: encoder, bank: bank, search: search, guidance: guidance, without: index)
        let reading = try scorer.reading(of: references[index])
        try progress(index + 1, references.count)
        return reading
      }
    }
    return try Calibration(
      readings: readings, evidence: references.count == 1 ? .heldOutViews : .leaveOneOut,
      falseAlarmRate: falseAlarmRate, bankHash: bank.hash, bankIsReduced: bank.coreset != nil)
  }

  /// The mean over eight orientations of the only reference, each scored against the seven others.
  private static func heldOutViews(
    of reference: Reference, _ bank: MemoryBank, _ encoder: any ImageEncoder,
    _ search: VectorSearchMethod, _ guidance: TextGuidance?,
    _ progress: (_ done: Int, _ of: Int) throws -> Void
  ) throws -> Reading {
    let extractor = try FeatureExtractor(encoder: encoder, options: bank.options)
    let input = extractor.input(reference.picture)
    let degrees = ReferenceViews.eight.degrees
    let views = try degrees.enumerated().map { index, degrees in
      let features = try extractor.pictureFeatures(
        of: degrees == 0 ? input : input.rotated(degrees: degrees), guided: guidance != nil)
      try progress(index + 1, ReferenceViews.eight.rawValue)
      return features
    }
    var score: Float = 0
    var peak: Float = 0
    for (index, view) in views.enumerated() {
      let vectors = view.visual.enumerated().map { tap, features in
        let others = views.indices.filter { $0 != index }.flatMap { views[$0].visual[tap].values }
        return Matrix(rows: others.count / features.columns, columns: features.columns, values: others)
      }
      let scorer = try Scorer(extractor: extractor, vectors: vectors, search: search, guidance: guidance)
      let scores = scorer.scores(of: view)
      score += scores.image / Float(views.count)
      peak += (scores.map.values.max() ?? 0) / Float(views.count)
    }
    return Reading(name: reference.name, score: score, peak: peak)
  }
}

extension Scorer {
  /// - Throws: `InspectionError.flatReference` for a picture that shows nothing.
  fileprivate func reading(of reference: Reference) throws(InspectionError) -> Calibration.Reading {
    let input = extractor.input(reference.picture)
    guard !input.isFlat else { throw .flatReference(name: reference.name) }
    let scores = scores(of: try features(of: input))
    return Calibration.Reading(
      name: reference.name, score: scores.image, peak: scores.map.values.max() ?? 0)
  }
}
