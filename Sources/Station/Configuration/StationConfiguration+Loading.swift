import Capture
import Crypto
import Foundation
import Imaging
import Inspection
import Messaging
import Transformer

extension StationConfiguration {
  /// Reads and checks all files of a station.
  ///
  /// - Throws: `ConfigurationError` with every problem of every file.
  public static func load(
    paths: StationPaths, hostName: String = systemHostName()
  ) throws(ConfigurationError) -> StationConfiguration {
    let log = ReadingLog()
    guard FileManager.default.fileExists(atPath: paths.stationFile.path) else {
      throw ConfigurationError(
        problems: [
          .init(
            file: paths.stationFile.path,
            message: "does not exist; write it, or name the folder that has etc/assayd with --root.")
        ], isMissing: true)
    }
    let station = YAMLDocument.read(paths.stationFile, log: log).map {
      StationSection($0, paths: paths, hostName: hostName)
    }
    var lines: [LineConfiguration] = []
    var recipes: [String: RecipeConfiguration] = [:]
    let lineFiles = namedFiles(in: paths.lines, of: "line", log: log)
    let recipeFiles = namedFiles(in: paths.recipes, of: "recipe", log: log)

    for (name, file) in recipeFiles {
      guard let mapping = YAMLDocument.read(file, log: log) else { continue }
      recipes[name] = RecipeConfiguration(name: name, mapping, paths: paths)
    }
    var devices: [String: String] = [:]
    for (name, file) in lineFiles {
      guard let mapping = YAMLDocument.read(file, log: log) else { continue }
      lines.append(
        LineConfiguration(
          name: name, mapping, paths: paths, recipes: recipeFiles.map(\.name), devices: &devices))
    }
    if lineFiles.isEmpty, log.problems.isEmpty {
      log.add(
        .init(
          file: paths.lines.path,
          message:
            "holds no line: write one file <line>.yaml for each camera, or the station watches nothing."))
    }
    guard log.problems.isEmpty, let station else {
      throw ConfigurationError(problems: log.problems)
    }
    return StationConfiguration(
      paths: paths, station: station.name, topics: station.topics, broker: station.broker,
      model: station.model, computeThreads: station.computeThreads, outbox: station.outbox,
      evidence: station.evidence, console: station.console, reloadsOnChange: station.reloadsOnChange,
      lines: lines, recipes: recipes,
      hash: hash(of: log.contents, below: paths.configuration),
      files: log.contents.sorted { $0.file < $1.file }.map {
        File(path: String($0.file.dropFirst(paths.configuration.path.count + 1)), content: $0.data)
      })
  }

  /// The first label of this machine's host name, or `station` where it has none.
  public static func systemHostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "station" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let name = String(decoding: bytes, as: UTF8.self).prefix { $0 != "." }
    return name.isEmpty ? "station" : String(name)
  }

  /// The `<name>.yaml` files of a folder in the order of their names. What editors and package managers leave beside
  /// them is passed over; a file that looks meant but would not be read is a problem, for it would blind a line.
  private static func namedFiles(
    in folder: URL, of what: String, log: ReadingLog
  ) -> [(name: String, file: URL)] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    } catch {
      log.add(
        .init(
          file: folder.path,
          message:
            "cannot be listed: \(systemReason(error)). It holds one file <\(what)>.yaml each.")
      )
      return []
    }
    var result: [(String, URL)] = []
    for name in names where !name.hasPrefix(".") {
      let file = folder.appending(path: name)
      if name.hasSuffix(".yml") {
        log.add(.init(file: file.path, message: "is not read: rename it to \(name.dropLast(4)).yaml."))
      }
      guard name.hasSuffix(".yaml") else { continue }
      let stem = String(name.dropLast(5))
      guard isName(stem) else {
        log.add(
          .init(
            file: file.path,
            message: "cannot name a \(what): use 1 to 64 letters, digits, `-` and `_`, then .yaml."))
        continue
      }
      result.append((stem, file))
    }
    return result
  }

  /// Names become levels of topics and folders, so they stay plain.
  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private static func hash(of contents: [(file: String, data: Data)], below folder: URL) -> String {
    var hash = SHA256()
    for (file, data) in contents.sorted(by: { $0.file < $1.file }) {
      hash.update(data: Data("\(file.dropFirst(folder.path.count))\u{0}\(data.count)\u{0}".utf8))
      hash.update(data: data)
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}

/// What `assayd.yaml` says.
private struct StationSection {
  let name: String
  let topics: TopicTree
  let broker: BrokerConfiguration
  let model: URL
  let computeThreads: Int?
  let outbox: OutboxLimits
  let console: ConsoleConfiguration?
  let reloadsOnChange: Bool
  let evidence: EvidenceConfiguration

  init(_ mapping: YAMLMapping, paths: StationPaths, hostName: String) {
    name = mapping.string("station", default: hostName, length: 1...64)
    let standard = TopicTree(hostName: hostName)
    let root = mapping.string("root_topic", default: standard.root, length: 1...TopicTree.longestRoot)
    do {
      topics = try TopicTree(root: root)
    } catch {
      if !root.isEmpty { mapping.refuse("root_topic", error.description) }
      topics = standard
    }
    let section = mapping.requiredSection("broker")
    broker = BrokerConfiguration(section, paths: paths, station: name)
    section?.finish()

    if let section = mapping.requiredSection("model") {
      model = section.file("file", paths: paths) ?? paths.root
      section.finish()
    } else {
      model = paths.root
    }
    let compute = mapping.section("compute")
    computeThreads = compute?.optionalInteger("threads", 1...256)
    compute?.finish()
    let limits = mapping.section("limits")
    var outbox = OutboxLimits()
    if let limits {
      outbox.messages = limits.integer("outbox_messages", 100...10_000_000, default: outbox.messages)
      outbox.bytes =
        limits.integer("outbox_mib", 1...65_536, default: outbox.bytes >> 20, unit: "mebibytes") << 20
      outbox.age = .seconds(
        3600
          * limits.integer("outbox_hours", 1...8760, default: Int(outbox.age / .seconds(3600)), unit: "hours")
      )
    }
    self.outbox = outbox
    limits?.finish()
    console = Self.console(mapping)
    reloadsOnChange = mapping.boolean("reload_on_change", default: true)
    evidence = mapping.section("evidence").map(EvidenceConfiguration.init) ?? EvidenceConfiguration()
    mapping.finish()
  }
}

extension StationSection {
  /// The console shows what the station sees to whoever asks, so it must be meant where it is not for this machine alone.
  private static func console(_ mapping: YAMLMapping) -> ConsoleConfiguration? {
    var console = ConsoleConfiguration()
    guard let section = mapping.section("console") else { return console }
    let isWanted = section.boolean("enabled", default: true)
    console.address = section.string("address", default: console.address, length: 1...64)
    console.port = section.integer("port", 1...65535, default: console.port)
    let isPublic = section.boolean("public", default: false)
    if !IPAddress.isOne(console.address) {
      section.refuse(
        "address",
        "`console.address` is `\(console.address)`; expected an IPv4 or IPv6 address of this machine.")
    } else if !IPAddress.isLoopback(console.address), !isPublic {
      section.refuse(
        "address",
        "`console.address` is \(console.address), which others can reach, and the console asks nobody for a "
          + "password; if that is meant, add `public: true`.")
    }
    section.finish()
    return isWanted ? console : nil
  }
}

extension EvidenceConfiguration {
  fileprivate init(_ section: YAMLMapping) {
    self.init()
    sampleEvery = section.integer("sample_every", 0...1_000_000, default: sampleEvery, unit: "frames")
    days = section.integer("keep_days", 1...3650, default: days, unit: "days")
    bytes = section.integer("keep_mib", 1...16_777_216, default: bytes >> 20, unit: "mebibytes") << 20
    reserve = section.integer("reserve_mib", 0...1_048_576, default: reserve >> 20, unit: "mebibytes") << 20
    section.finish()
  }
}

extension AlertConfiguration {
  fileprivate init(_ section: YAMLMapping) {
    self.init()
    unit = section.choice("count", default: unit)
    window = section.integer("window", 1...1000, default: window)
    openAt = section.integer("open_at", 1...1000, default: min(openAt, window))
    closeAfter = section.integer("close_after", 1...100_000, default: closeAfter)
    updateInterval = section.number("update_interval_s", 0...86_400, default: updateInterval, unit: "seconds")
    mostPerHour = section.integer("max_per_hour", 1...3600, default: mostPerHour)
    if openAt > window {
      section.refuse(
        "open_at", "`alerts.open_at` is \(openAt); allowed: 1 to `alerts.window`, which is \(window).")
    }
    section.finish()
  }
}

extension BrokerConfiguration {
  fileprivate init(_ section: YAMLMapping?, paths: StationPaths, station: String) {
    let tls = section?.section("tls").map { TLSConfiguration($0, paths: paths) }
    self.init(
      host: section?.string("host", length: 1...253) ?? "",
      port: section?.integer("port", 1...65535, default: tls == nil ? 1883 : 8883) ?? 0,
      clientID: section?.string("client_id", default: "assayd-\(station)", length: 1...128) ?? "",
      keepAliveSeconds: section?.integer("keep_alive_s", 5...3600, default: 15, unit: "seconds") ?? 0,
      user: section?.optionalString("user", length: 1...128),
      passwordFile: section?.optionalFile("password_file", paths: paths), tls: tls)
    guard let section else { return }
    if host.contains(where: { $0.isWhitespace || $0 == "/" }) {
      section.refuse(
        "host", "`broker.host` is `\(host)`; expected a host name or an address, without `mqtt://`.")
    }
    if passwordFile != nil, user == nil {
      section.refuse(
        "password_file", "`broker.password_file` is given without `broker.user`; name the user too.")
    }
    if let passwordFile { section.refuseIfReadableByAll("password_file", passwordFile) }
  }
}

extension TLSConfiguration {
  fileprivate init(_ section: YAMLMapping, paths: StationPaths) {
    self.init(
      authorities: section.optionalFile("ca_file", paths: paths),
      certificate: section.optionalFile("certificate_file", paths: paths),
      key: section.optionalFile("key_file", paths: paths))
    if (certificate == nil) != (key == nil) {
      section.refuse(
        "`broker.tls.certificate_file` and `broker.tls.key_file` belong together: give both or none.")
    }
    if let key { section.refuseIfReadableByAll("key_file", key) }
    section.finish()
  }
}

extension LineConfiguration {
  fileprivate init(
    name: String, _ mapping: YAMLMapping, paths: StationPaths, recipes: [String],
    devices: inout [String: String]
  ) {
    let camera = mapping.section("camera").map(CameraOptions.init)
    let replay = mapping.section("replay").map { ReplayOptions($0, paths: paths) }
    let source: Source
    switch (camera, replay) {
    case (let camera?, nil):
      source = .camera(camera)
      if let other = devices.updateValue(name, forKey: camera.device) {
        mapping.refuse("camera", "line `\(other)` uses the same `camera.device`; a camera serves one line.")
      }
    case (nil, let replay?):
      source = .replay(replay)
    default:
      source = .replay(ReplayOptions.standIn)
      if !(mapping.has("camera") && camera == nil) && !(mapping.has("replay") && replay == nil) {
        let found = camera == nil ? "has neither" : "has both"
        mapping.refuse("The line \(found) `camera` and `replay`; expected exactly one of them.")
      }
    }
    let region = mapping.section("region").map { section in
      let rect = PixelRect(
        x: section.integer("x", 0...16383, unit: "pixels"),
        y: section.integer("y", 0...16383, unit: "pixels"),
        width: section.integer("width", 16...16384, unit: "pixels"),
        height: section.integer("height", 16...16384, unit: "pixels"))
      section.finish()
      if case .camera(let camera) = source,
        let width = camera.width, let height = camera.height,
        rect.x + rect.width > width || rect.y + rect.height > height
      {
        section.refuse(
          "The region ends at (\(rect.x + rect.width), \(rect.y + rect.height)), outside the camera's "
            + "\(width) x \(height) pixels.")
      }
      return rect
    }
    let recipe = mapping.string("recipe", length: 1...64)
    if mapping.has("recipe"), !recipe.isEmpty, !recipes.contains(recipe) {
      let hint = nearestName(to: recipe, among: recipes).map { "; did you mean `\($0)`?" } ?? ""
      let known = recipes.isEmpty ? "there is none yet" : "there are: \(recipes.joined(separator: ", "))"
      mapping.refuse(
        "recipe", "`recipe` is `\(recipe)`, but there is no file recipes/\(recipe).yaml (\(known))\(hint)")
    }
    self.init(
      name: name, source: source, frames: mapping.choice("frames", default: .all),
      triggerTimeoutMilliseconds: mapping.integer(
        "trigger_timeout_ms", 10...60_000, default: 2000, unit: "milliseconds"),
      frozenAfter: mapping.integer(
        "frozen_after", 0...100_000, default: 10, unit: "equal pictures, 0 for never"),
      region: region, recipe: recipe,
      results: mapping.choice("results", default: .all),
      deadlineMilliseconds: mapping.optionalNumber("deadline_ms", 1...60_000, unit: "milliseconds"),
      heatmap: mapping.section("heatmap").map(HeatmapConfiguration.init),
      alerts: mapping.section("alerts").map(AlertConfiguration.init) ?? AlertConfiguration())
    mapping.finish()
  }
}

extension HeatmapConfiguration {
  fileprivate init(_ section: YAMLMapping) {
    self.init(
      intervalMilliseconds: section.integer(
        "interval_ms", 0...3_600_000, default: 1000, unit: "milliseconds"),
      quality: section.integer("quality", 1...100, default: 80))
    section.finish()
  }
}

extension CameraOptions {
  /// The formats a camera can be asked for; PNG and plain JPEG come from files only.
  private enum Format: String, CaseIterable {
    case any
    case yuyv = "YUYV"
    case uyvy = "UYVY"
    case nv12 = "NV12"
    case yu12 = "YU12"
    case grey = "GREY"
    case rgb24 = "RGB3"
    case bgr24 = "BGR3"
    case mjpeg = "MJPG"
  }

  fileprivate init(_ section: YAMLMapping) {
    let controls = section.namedIntegers("controls").map { ($0.name, $0.value) }
    self.init(
      device: section.string("device", length: 1...512), input: section.optionalInteger("input", 0...255),
      format: PixelFormat(rawValue: section.choice("format", default: Format.any).rawValue),
      width: section.optionalInteger("width", 16...16384, unit: "pixels"),
      height: section.optionalInteger("height", 16...16384, unit: "pixels"),
      framesPerSecond: section.optionalNumber("rate", 0.01...1000, unit: "frames per second"),
      controls: Dictionary(controls) { first, _ in first },
      colour: section.section("colour").map { section in
        let standard = ColourEncoding()
        let colour = ColourEncoding(
          matrix: section.choice("matrix", default: standard.matrix),
          range: section.choice("range", default: standard.range))
        section.finish()
        return colour
      },
      isTriggered: section.boolean("triggered", default: false))
    section.finish()
  }
}

extension ReplayOptions {
  fileprivate static let standIn = ReplayOptions(folder: URL(filePath: "/"), framesPerSecond: 1)

  private enum OrderName: String, CaseIterable {
    case name
    case shuffled
  }

  fileprivate init(_ section: YAMLMapping, paths: StationPaths) {
    let seed = section.integer("seed", 0...Int(Int32.max), default: 0)
    self.init(
      folder: section.folder("folder", paths: paths),
      framesPerSecond: section.number("rate", 0.01...1000, default: 10, unit: "frames per second"),
      loops: section.boolean("loop", default: true),
      order: section.choice("order", default: OrderName.name) == .name
        ? .name : .shuffled(seed: UInt64(seed)),
      listing: section.optionalFile("labels", paths: paths))
    section.finish()
  }
}

extension RecipeConfiguration {
  fileprivate init(name: String, _ mapping: YAMLMapping, paths: StationPaths) {
    let scoring = mapping.section("scoring")
    self.init(
      name: name, product: mapping.string("product"), normal: mapping.strings("normal", count: 1...64),
      defects: mapping.strings("defects", count: 1...64), version: Self.version(mapping),
      scoring: scoring.map(ScoringOptions.init) ?? ScoringOptions(),
      bankVectors: scoring?.integer("bank_vectors", MemoryBank.limits, default: MemoryBank.defaultLimit)
        ?? MemoryBank.defaultLimit,
      decision: DecisionConfiguration(mapping.section("decision")), undecidable: Self.undecidable(mapping),
      golden: mapping.has("golden") ? mapping.folder("golden", paths: paths) : nil)
    scoring?.finish()
    mapping.finish()
  }

  private static func undecidable(_ mapping: YAMLMapping) -> Set<UndecidableReason> {
    let all = UndecidableReason.byReferences
    guard mapping.has("undecidable") else { return all }
    return Set(
      mapping.strings("undecidable", count: 0...all.count).compactMap { name in
        if let reason = all.first(where: { $0.rawValue == name }) { return reason }
        let allowed = all.map(\.rawValue).sorted().joined(separator: ", ")
        mapping.refuse("undecidable", "`undecidable` holds `\(name)`; allowed: \(allowed).")
        return nil
      })
  }

  private static func version(_ mapping: YAMLMapping) -> Version {
    guard mapping.has("version"), mapping.plainText("version") != "latest" else { return .latest }
    guard let number = mapping.plainText("version").flatMap({ Int($0) }), (1...999_999).contains(number)
    else {
      mapping.refuse("version", "`version` is not one; allowed: latest, or a number from 1 to 999999.")
      return .latest
    }
    return .number(number)
  }
}

extension ScoringOptions {
  fileprivate init(_ section: YAMLMapping) {
    self.init()
    let sides = Self.inputSides
    inputWidth = section.integer("input_width", sides, default: inputWidth, unit: "pixels")
    inputHeight = section.integer("input_height", sides, default: inputHeight, unit: "pixels")
    let normalised = section.boolean("final_norm", default: true)
    let place = section.choice("place", default: TokenTap.Place.block)
    taps = section.integers("blocks", 1...200, count: 1...Self.maximumTaps, default: taps.map(\.block))
      .map { TokenTap(block: $0, place: place, normalised: normalised) }
    let count = section.integer("views", 1...8, default: views.rawValue)
    if let views = ReferenceViews(rawValue: count) {
      self.views = views
    } else {
      let allowed = ReferenceViews.allCases.map { String($0.rawValue) }.joined(separator: ", ")
      section.refuse("views", "`scoring.views` is \(count); allowed: \(allowed).")
    }
    if section.plainText("image_score") == "maximum" {
      _ = section.has("image_score")
      imageScore = .maximum
    } else if section.has("image_score") {
      imageScore = .topFraction(
        section.number("image_score", 0.0001...1, unit: "of the patches, or `maximum`"))
    }
    smoothing = section.number(
      "smoothing", Self.smoothingRange, default: smoothing, unit: "of the picture's side")
  }
}

extension DecisionConfiguration {
  fileprivate init(_ section: YAMLMapping?) {
    self.init(falseAlarmRate: 0.01, threshold: nil, minimumRegionArea: 0, millimetresPerPixel: nil)
    guard let section else { return }
    falseAlarmRate = section.number("false_alarm_rate", 0.0001...0.5, default: falseAlarmRate)
    threshold = section.optionalNumber("threshold", 0...2)
    minimumRegionArea = section.integer("min_region_px", 0...100_000_000, default: 0, unit: "sensor pixels")
    millimetresPerPixel = section.optionalNumber("mm_per_pixel", 0.000001...1000, unit: "millimetres")
    section.finish()
  }
}

extension YAMLMapping {
  /// A file that must exist and be readable.
  fileprivate func file(_ key: String, paths: StationPaths) -> URL? {
    let text = string(key, length: 1...4096)
    return text.isEmpty ? nil : existing(key, paths.resolve(text), isFolder: false)
  }

  fileprivate func optionalFile(_ key: String, paths: StationPaths) -> URL? {
    has(key) ? file(key, paths: paths) : nil
  }

  fileprivate func folder(_ key: String, paths: StationPaths) -> URL {
    let text = string(key, length: 1...4096)
    guard !text.isEmpty else { return paths.root }
    let url = paths.resolve(text)
    // One that has gone since it was found right is like a camera that is unplugged: the line says so and waits for it.
    return paths.readsKept ? url : existing(key, url, isFolder: true)
  }

  private func existing(_ key: String, _ url: URL, isFolder: Bool) -> URL {
    var status = stat()
    if stat(url.path, &status) != 0 {
      refuse(key, "`\(key)` names \(url.path): \(String(cString: strerror(errno)).lowercased()).")
    } else if (status.st_mode & S_IFMT == S_IFDIR) != isFolder {
      refuse(key, "`\(key)` names \(url.path), which is \(isFolder ? "not a folder" : "not a file").")
    } else if access(url.path, R_OK) != 0 {
      refuse(key, "`\(key)` names \(url.path), which this user may not read.")
    }
    return url
  }

  /// A secret everybody may read is none.
  fileprivate func refuseIfReadableByAll(_ key: String, _ url: URL) {
    var status = stat()
    guard stat(url.path, &status) == 0, status.st_mode & S_IROTH != 0 else { return }
    refuse(key, "`\(key)` names \(url.path), which everybody may read; take that right away (chmod o-r).")
  }
}
