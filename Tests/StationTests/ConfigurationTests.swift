import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import Station
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  /// The files in `Config` as they are shipped, with stand-ins for the files they name.
  @Test func theShippedExamplesLoad() throws {
    let folder = try TemporaryFolder()
    let paths = StationPaths(root: folder.url)
    try FileManager.default.createDirectory(
      at: paths.configuration.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: Repository.root.appending(path: "Config"), to: paths.configuration)
    for (file, mode) in [
      ("etc/assayd/broker.password", 0o640), ("etc/assayd/factory-ca.pem", 0o644),
      ("var/lib/assayd/models/vit-s14-int8.safetensors", 0o644), ("var/lib/assayd/rehearsal/a.png", 0o644),
    ] {
      let url = folder.url.appending(path: file)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      #expect(
        FileManager.default.createFile(atPath: url.path, contents: nil, attributes: [.posixPermissions: mode])
      )
    }
    let configuration = try StationConfiguration.load(paths: paths)
    #expect(configuration.station == "hall-2")
    #expect(configuration.broker.port == 8883)
    #expect(configuration.broker.tls?.authorities?.lastPathComponent == "factory-ca.pem")
    #expect(configuration.lines.map(\.name) == ["press", "rehearsal"])
    guard case .camera(let camera) = configuration.lines[0].source else {
      Issue.record("press has no camera")
      return
    }
    #expect(camera.controls == ["auto_exposure": 1, "exposure_time_absolute": 120, "gain": 8])
    #expect(camera.format == .mjpeg)
    #expect(configuration.lines[0].region == PixelRect(x: 280, y: 0, width: 720, height: 720))
    #expect(configuration.lines[1].results == .ng)
    let recipe = try #require(configuration.recipe(of: configuration.lines[0]))
    #expect(recipe.scoring == .init())
    #expect(recipe.decision.millimetresPerPixel == 0.12)
  }

  @Test func whatIsLeftOutHasItsDefault() throws {
    let configuration = try ConfigurationFolder().load()
    #expect(configuration.broker.port == 1883)
    #expect(configuration.broker.clientID == "assayd-hall")
    #expect(configuration.computeThreads == nil)
    #expect(configuration.outbox == OutboxLimits() && configuration.evidence == EvidenceConfiguration())
    let line = try #require(configuration.lines.first)
    #expect(line.results == .all && line.alerts == AlertConfiguration())
    #expect(line.region == nil && line.deadlineMilliseconds == nil && line.heatmap == nil)
    let recipe = try #require(configuration.recipe(of: line))
    #expect(recipe.version == .latest)
    #expect(recipe.decision.falseAlarmRate == 0.01)
  }

  @Test func pathsAreTakenBelowTheRootUnlessAbsolute() throws {
    let folder = try ConfigurationFolder()
    let configuration = try folder.load()
    #expect(configuration.model.path == folder.paths.root.appending(path: "model.safetensors").path)
    #expect(folder.paths.resolve("/dev/null").path == "/dev/null")
  }

  @Test func theHashFollowsNamesAndContents() throws {
    let folder = try ConfigurationFolder()
    let first = try folder.load().hash
    #expect(first.count == 64)
    #expect(try folder.load().hash == first)
    try folder.write("model.safetensors", "another")
    #expect(try folder.load().hash == first)
    try folder.write("etc/assayd/recipes/cell.yaml", ConfigurationFolder.recipe + "\n")
    #expect(try folder.load().hash != first)
  }

  @Test func aPasswordNeverShowsInTheConfiguration() throws {
    let folder = try ConfigurationFolder()
    try folder.write("secret", "geheim")
    try folder.write(
      "etc/assayd/assayd.yaml",
      "broker:\n  host: h\n  user: u\n  password_file: secret\nmodel:\n  file: model.safetensors\n")
    let configuration = try folder.load()
    #expect(configuration.broker.passwordFile != nil)
    #expect(!"\(configuration)".contains("geheim"))
  }
}
