import Capture
import Foundation
import Imaging
import Inspection

/// Pictures whose verdicts are known, by which a recipe proves itself before it is used.
///
/// ```
/// <folder>/ok/*.jpg, *.png            as the camera delivers them, not cut
///          ng/*.jpg, *.png
///          undecidable/*.jpg, *.png
/// ```
struct GoldenPictures {
  let folder: URL

  /// More would keep a changeover waiting.
  static let limit = 64
  private static let verdicts: [Verdict] = [.ok, .ng, .undecidable]

  /// Judges every picture and compares.
  ///
  /// - Parameter region: that of the line for which the recipe is to be used.
  /// - Returns: what is wrong, a sentence each; empty where the recipe judges all as recorded.
  func mistakes(of recipe: ActiveRecipe, region: PixelRect?) -> [String] {
    var pictures: [(file: String, expected: Verdict)] = []
    for verdict in Self.verdicts {
      let folder = folder.appending(path: verdict.rawValue)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      for name in names.sorted() where !name.hasPrefix(".") {
        pictures.append(("\(verdict.rawValue)/\(name)", verdict))
      }
    }
    if pictures.isEmpty {
      return ["\(folder.path) holds no golden picture; put them into its folders ok, ng and undecidable."]
    }
    if pictures.count > Self.limit {
      return ["\(folder.path) holds \(pictures.count) golden pictures; at most \(Self.limit) are allowed."]
    }
    return pictures.compactMap { file, expected in
      do {
        let picture = try Picture(contentsOf: folder.appending(path: file))
        let judgement = try recipe.judge(picture, region: region)
        if judgement.verdict == expected { return nil }
        let score = judgement.score.map { String(format: "%.4f", $0) } ?? "none"
        return
          "The golden picture \(file) is now judged \(judgement.verdict.rawValue) (score \(score), threshold "
          + String(format: "%.4f).", judgement.threshold)
      } catch {
        return "The golden picture \(file) cannot be judged: \(error)"
      }
    }
  }
}
