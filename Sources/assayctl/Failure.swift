import ArgumentParser
import Compute
import Evaluation
import Foundation
import Imaging
import Inspection
import PromptLearning
import Station
import Transformer

/// A failure in one sentence and the exit status that goes with it.
struct Failure: Error, CustomStringConvertible {
  let description: String
  let status: Int32

  static func input(_ sentence: String) -> Failure { Failure(description: sentence, status: EX_DATAERR) }
  static func missing(_ sentence: String) -> Failure { Failure(description: sentence, status: EX_NOINPUT) }
  static func unavailable(_ sentence: String) -> Failure {
    Failure(description: sentence, status: EX_UNAVAILABLE)
  }
  static var interrupted: Failure {
    Failure(description: "Interrupted; nothing was written.", status: 128 + SIGINT)
  }
}

/// Runs a command's body and turns what it throws into a sentence on standard error and an exit status.
func reportingFailures(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ExitCode {
    throw error
  } catch let error as Failure {
    try fail(error.description, error.status)
  } catch let error as ModelFileError {
    try fail("\(error)", error.kind == .unreadable ? EX_NOINPUT : EX_DATAERR)
  } catch let error as KernelPathError {
    try fail("\(error)", EX_USAGE)
  } catch let error as any Error & CustomStringConvertible
    where error is InspectionError || error is DataSetError || error is ImageError
    || error is QuantisedTowerError || error is EncoderError || error is EvidenceFault
    || error is PromptLearningError
  {
    try fail("\(error)", EX_DATAERR)
  }
}

private func fail(_ sentence: String, _ status: Int32) throws {
  FileHandle.standardError.write(Data("assayctl: \(sentence)\n".utf8))
  throw ExitCode(status)
}
