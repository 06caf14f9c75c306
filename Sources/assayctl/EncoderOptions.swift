import ArgumentParser
import Compute
import Foundation
import Inspection

/// Which model, and what it runs on: the same options in every command that encodes.
struct EncoderOptions: ParsableArguments {
  @Option(help: "The model file.", completion: .file(extensions: ["safetensors"]))
  var model: String

  @Option(help: "Compute threads; by default one a processor.")
  var threads: Int?

  @Option(help: "Instruction set of the kernels; by default the fastest, or the one in ASSAYD_KERNELS.")
  var kernels: String?

  @Flag(help: "Run the float32 reference, whatever the model's precision.")
  var reference = false

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads is \(threads); allowed are 1 to 256.")
    }
  }

  func load() throws -> InspectionEngine {
    try InspectionEngine(
      modelFile: URL(fileURLWithPath: model), threads: threads,
      kernels: try kernels.map(KernelPath.init(named:)),
      reference: reference)
  }
}
