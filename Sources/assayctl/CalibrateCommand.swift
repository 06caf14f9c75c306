import ArgumentParser
import Evaluation
import Foundation
import Inspection
import Station

struct CalibrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Explains a recipe's threshold, or chooses a new one from more good parts.",
    discussion: """
      Without --good the newest version is explained. With --good, a new version with the same bank is written whose
      threshold comes from those pictures: the more there are, the less has to be assumed.
      """)

  @OptionGroup var station: StationOptions

  @Option(help: "The recipe.")
  var recipe: String

  @Option(help: "Folder of pictures of good parts that are not references.", completion: .directory)
  var good: String?

  @Option(help: "Of good parts, the fraction that may be called NG; by default the recipe's.")
  var falseAlarmRate: Double?

  @Option(help: "File for a plot of scores and threshold (PNG).", completion: .file(extensions: ["png"]))
  var plot: String?

  @Flag(help: "Print the calibration as JSON.")
  var json = false

  func run() async throws {
    try await reportingFailures {
      let configuration = try station.configuration()
      let recipe = try station.recipe(recipe, in: configuration)
      let folder = configuration.paths.versions(of: recipe.name)
      guard let latest = RecipeVersion.latest(in: folder) else {
        throw Failure.missing("Recipe \(recipe.name) has no version yet: enrol pictures of good parts first.")
      }
      var version = try RecipeVersion(contentsOf: latest)
      if let good {
        let engine = try InspectionEngine(
          modelFile: configuration.model, threads: configuration.computeThreads)
        let pictures = try PictureFolder(good)
        let progress = Progress()
        let calibration = try Calibration.onPictures(
          try pictures.references(region: try configuration.region(ofRecipe: recipe.name)),
          bank: version.bank,
          encoder: engine.encoder, search: engine.search,
          falseAlarmRate: falseAlarmRate ?? recipe.decision.falseAlarmRate
        ) { progress.show("scoring good parts", done: $0, of: $1) }
        progress.finish()
        version = try RecipeVersion.create(
          in: folder, bank: version.bank, references: try version.references(), calibration: calibration)
      }
      guard var calibration = version.calibration else {
        throw Failure.input(
          "Version \(version.manifest.version) of recipe \(recipe.name) has no calibration: enrol again.")
      }
      if good == nil, let falseAlarmRate {
        calibration = try Calibration(
          readings: calibration.readings, evidence: calibration.evidence, falseAlarmRate: falseAlarmRate,
          bankHash: calibration.bankHash, bankIsReduced: calibration.bankIsReduced)
      }
      if let plot { try CalibrationPlot(calibration).write(to: URL(fileURLWithPath: plot)) }
      if json { return try printJSON(calibration) }
      print("Recipe \(recipe.name), version \(version.manifest.version)")
      for sentence in calibration.explanation { print(sentence) }
      if let plot { print("Plot: \(plot)") }
    }
  }
}
