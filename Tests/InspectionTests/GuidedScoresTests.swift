import Compute
import Foundation
import Imaging
import Inspection
import TestSupport
import Testing

/// Scores by texts and references together.
@Suite struct GuidedScoresTests {
  private static func prototypes(_ image: Matrix, _ pixel: Matrix, scale: Float) -> TextPrototypes {
    TextPrototypes(
      image: image, pixel: pixel, defects: [], defectFeatures: Matrix(rows: 0, columns: image.columns),
      scale: scale, logitScale: scale)
  }

  /// The released PromptAD's scores of four queries, before the first step and after the last, from its own features.
  @Test(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"), arguments: [0, 100])
  func `PAD, both fusions and the final map are the release's`(_ step: Int) throws {
    let fixture = try PromptADFixture()
    let side = fixture.facts.resolution
    let options = GuidedScores.MapOptions.published
    #expect(options == .init(rows: side, columns: side, sigma: fixture.facts.gaussianSigma))
    let image = try fixture.matrix("fx.cls.proto.\(step)")
    func near(_ found: [Float], _ wanted: [Float], _ what: String) {
      let worst = zip(found, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      #expect(found.count == wanted.count && worst < 3e-6, "\(what): \(worst)")
    }
    for task in ["seg", "segch"] {
      let prototypes = Self.prototypes(
        image, try fixture.matrix("fx.\(task).proto.\(step)"), scale: fixture.facts.logitScaleRaw)
      for query in 0..<4 {
        let features = try fixture.matrix("fx.query.f", at: query)
        let imageFeature = try fixture.matrix("fx.query.g", at: query)
        let visual = try fixture.matrix("fx.query.vad", at: query)
        let scores = GuidedScores(
          visual: visual, imageFeature: imageFeature, patchFeatures: features, prototypes: prototypes,
          fusion: .released, map: options)
        near(
          prototypes.patchScores(of: features),
          try fixture.matrix("fx.\(task).pad_map.\(step)", at: query).values,
          "PAD map")
        near(
          prototypes.imageScores(of: imageFeature), [try fixture.floats("fx.cls.pad_image.\(step)")[query]],
          "PAD")
        near(
          scores.patches.values, try fixture.matrix("fx.\(task).fused.\(step)", at: query).values, "fused map"
        )
        near([scores.image], [try fixture.floats("fx.cls.image_score.\(step)")[query]], "image score")
        let highest = visual.upsampledMaximum(side: side)
        near([highest], [try fixture.floats("fx.query.vad_up_max")[query]], "highest VAD")
        if task == "seg", step == 100 {
          near(scores.map.values, try fixture.matrix("fx.seg.map.100", at: query).values, "map")
        }
      }
    }
  }

  @Test(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"))
  func `VAD is the release's, from its features and galleries`() throws {
    let fixture = try PromptADFixture()
    let galleries = [try fixture.matrix("fx.gallery1"), try fixture.matrix("fx.gallery2")]
    for query in 0..<4 {
      let nearest = try galleries.enumerated().map { tap, gallery -> [Neighbour] in
        let features = try fixture.matrix("fx.query.m\(tap + 1)", at: query)
        let cosines = features.multiplied(byTransposeOf: gallery)
        return (0..<features.rows).map { patch in
          let row = Array(cosines.row(patch))
          let best = row.indices.max { row[$0] < row[$1] } ?? 0
          return Neighbour(index: best, similarity: row[best])
        }
      }
      let visual = GuidedScores.visualScores(nearest, gridRows: 5, gridColumns: 5)
      let wanted = try fixture.matrix("fx.query.vad", at: query)
      #expect(visual.largestDifference(from: wanted) < 2e-6)
      let first = GuidedScores.visualScores([nearest[0]], gridRows: 5, gridColumns: 5)
      #expect(first.largestDifference(from: try fixture.matrix("fx.query.vad1", at: query)) < 2e-6)
    }
  }

  @Test func `a fused score is 0 where one part is, and doubles in the harmonic mean`() {
    #expect(ScoreFusion.released.fused(prompt: 0.5, visual: 0) == 0)
    #expect(ScoreFusion.harmonicMean.fused(prompt: 0, visual: 0.3) == 0)
    #expect(ScoreFusion.released.fused(prompt: 0.5, visual: 0.5) == 0.25)
    #expect(ScoreFusion.harmonicMean.fused(prompt: 0.5, visual: 0.5) == 0.5)
    #expect(ScoreFusion.harmonicMean.fused(prompt: 0.25, visual: 0.75) == 0.375)
  }

  @Test func `a picture equal to a reference scores 0 whatever the texts say`() {
    let prototypes = Self.prototypes(
      Matrix(rows: 2, columns: 2, values: [1, 0, 0, 1]), Matrix(rows: 2, columns: 2, values: [1, 0, 0, 1]),
      scale: 4.6)
    let scores = GuidedScores(
      visual: GuidedScores.visualScores(
        [[Neighbour](repeating: Neighbour(index: 0, similarity: 1.0000001), count: 4)], gridRows: 2,
        gridColumns: 2),
      imageFeature: Matrix(rows: 1, columns: 2, values: [0, 1]),
      patchFeatures: Matrix(rows: 4, columns: 2, values: [0, 1, 1, 0, 0, 1, 1, 0]), prototypes: prototypes,
      map: .init(rows: 6, columns: 6, sigma: 1))
    #expect(scores.image == 0)
    #expect(scores.map.values.allSatisfy { $0 == 0 })
  }
}

extension Matrix {
  fileprivate func upsampledMaximum(side: Int) -> Float {
    upsampled(rows: side, columns: side).values.max() ?? 0
  }
}
