import ArgumentParser
import Inspection
import Transformer

/// How pictures are scored, where no recipe says it.
struct ScoringArguments: ParsableArguments {
  @Option(help: "Width pictures are resized to, a multiple of the patch size.")
  var width = 336

  @Option(help: "Height pictures are resized to, a multiple of the patch size.")
  var height = 336

  @Option(help: "Block whose tokens are compared, counted from 1; may be given several times.")
  var block: [Int] = [8]

  @Option(help: "Orientations a reference is enrolled in: 1, 4 or 8.")
  var views = 8

  func scoring() throws -> ScoringOptions {
    guard let views = ReferenceViews(rawValue: views) else {
      throw ValidationError("--views is \(views); allowed are 1, 4 and 8.")
    }
    return ScoringOptions(
      inputWidth: width, inputHeight: height, taps: block.map { TokenTap(block: $0) }, views: views)
  }
}
