import ArgumentParser
import Station

/// Everything a person does with a station.
@main
struct Assayctl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assayctl",
    abstract: "Prepares, checks and watches an assayd station.",
    discussion: """
      Exit status:
        0   done
        64  the command line is wrong
        65  an input (model, picture, bank, data set) cannot be used
        66  an input does not exist or cannot be opened
        69  the broker or the station does not answer
        70  the program failed
        78  the configuration is wrong
        130 interrupted, with nothing written
      """,
    version: Station.version,
    subcommands: [
      ModelCommand.self, EncodeCommand.self, EnrolCommand.self, LearnCommand.self, CalibrateCommand.self,
      EvalCommand.self, BenchCommand.self, BenchLearningCommand.self, DevicesCommand.self, CheckCommand.self,
      StatusCommand.self,
      WatchCommand.self, EvidenceCommand.self,
    ])
}
