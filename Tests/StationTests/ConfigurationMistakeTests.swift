import Foundation
import Station
import TestSupport
import Testing

/// Every mistake is refused with its file, its line and a sentence that says what is allowed.
@Suite struct ConfigurationMistakeTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    var file: String
    var text: String
    var problems: [String]
    var testDescription: String { problems.first ?? text }

    init(_ file: String, _ text: String, _ problems: String...) {
      self.file = file
      self.text = text
      self.problems = problems
    }
  }

  static let rest = "\nbroker:\n  host: h\nmodel:\n  file: model.safetensors\n"

  static let station: [Mistake] = [
    Mistake(
      "assayd.yaml", "statoin: a" + rest,
      "assayd.yaml:1:1: `statoin` is not known here; did you mean `station`? "
        + "Allowed: broker, compute, console, evidence, limits, model, reload_on_change, root_topic, station."
    ),
    Mistake(
      "assayd.yaml", "zebra: a" + rest,
      "assayd.yaml:1:1: `zebra` is not known here; Allowed: broker, compute, console, evidence, limits, model, reload_on_change, root_topic, station."
    ),
    Mistake(
      "assayd.yaml", "station: [a, b]" + rest, "assayd.yaml:1:10: `station` is a list; expected text."),
    Mistake("assayd.yaml", "station:" + rest, "assayd.yaml:1:9: `station` is empty; expected text."),
    Mistake(
      "assayd.yaml", "root_topic: a/#" + rest,
      "assayd.yaml:1:13: The root topic \"a/#\" does not work: it must be 1 to 128 bytes, without +, # and control "
        + "characters, without a slash at either end or two in a row, and not start with $."),
    Mistake(
      "assayd.yaml", "model:\n  file: model.safetensors\n", "assayd.yaml:1:1: `broker` is missing."),
    Mistake(
      "assayd.yaml", "broker: localhost\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:1:9: `broker` is `localhost`; expected a section of `key: value` lines."),
    Mistake(
      "assayd.yaml", "broker:\n  port: 1883\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:1:1: `host` is missing in `broker`."),
    Mistake(
      "assayd.yaml", "broker:\n  host: mqtt://h\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:2:9: `broker.host` is `mqtt://h`; expected a host name or an address, without `mqtt://`."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n  port: 70000\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:9: `broker.port` is 70000; allowed: 1 to 65535."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n  port: \"1883\"\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:9: `broker.port` is the text \"1883\"; expected a whole number, allowed: 1 to 65535."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n  prot: 1883\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:3: `prot` is not known in `broker`; did you mean `port`? "
        + "Allowed: client_id, host, keep_alive_s, password_file, port, tls, user."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n  host: i\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:3: `host` is written twice in the same section (first in line 2); keep one."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n\tport: 1\n",
      "assayd.yaml:3:1: is indented with a tab; YAML allows only spaces there."),
    Mistake(
      "assayd.yaml", "broker:\n  host: \"h\n",
      "assayd.yaml:3:1: is not valid YAML: found unexpected end of stream "
        + "(while scanning a quoted scalar, begun in line 2)."),
    Mistake("assayd.yaml", "- a\n- b\n", "assayd.yaml:1:1: expected `key: value` lines, found a list."),
    Mistake(
      "assayd.yaml", "broker: &b\n  host: h\nmodel: *b\n",
      "assayd.yaml:1:9: uses a YAML anchor (`&` or `*`); write the value out, anchors are not supported here."
    ),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\nmodel:\n  file: nowhere.safetensors\n",
      "assayd.yaml:4:9: `file` names nowhere.safetensors: no such file or directory."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\nmodel:\n  file: pictures\n",
      "assayd.yaml:4:9: `file` names pictures, which is not a file."),
    Mistake(
      "assayd.yaml", "broker:\n  host: h\n  password_file: secret\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:18: `broker.password_file` is given without `broker.user`; name the user too."),
    Mistake(
      "assayd.yaml",
      "broker:\n  host: h\n  user: u\n  password_file: open\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:4:18: `password_file` names open, which everybody may read; "
        + "take that right away (chmod o-r)."),
    Mistake(
      "assayd.yaml",
      "broker:\n  host: h\n  tls:\n    certificate_file: secret\nmodel:\n  file: model.safetensors\n",
      "assayd.yaml:3:3: `broker.tls.certificate_file` and `broker.tls.key_file` belong together: "
        + "give both or none."),
    Mistake(
      "assayd.yaml", "compute:\n  threads: 0" + rest,
      "assayd.yaml:2:12: `compute.threads` is 0; allowed: 1 to 256."),
    Mistake(
      "assayd.yaml", "evidence:\n  keep_mib: 0" + rest,
      "assayd.yaml:2:13: `evidence.keep_mib` is 0; allowed: 1 to 16777216 mebibytes."),
    Mistake(
      "assayd.yaml", "evidence:\n  keep_day: 3" + rest,
      "assayd.yaml:2:3: `keep_day` is not known in `evidence`; did you mean `keep_days`? "
        + "Allowed: keep_days, keep_mib, reserve_mib, sample_every."),
    Mistake(
      "assayd.yaml", "compute:\n  threads: 2.5" + rest,
      "assayd.yaml:2:12: `compute.threads` is `2.5`; expected a whole number, allowed: 1 to 256."),
  ]

  static let line: [Mistake] = [
    Mistake(
      "lines/mono.yaml", "recipe: cell",
      "lines/mono.yaml:1:1: The line has neither `camera` and `replay`; expected exactly one of them."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cells",
      "lines/mono.yaml:3:9: `recipe` is `cells`, but there is no file recipes/cells.yaml "
        + "(there are: cell); did you mean `cell`?"),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures", "lines/mono.yaml:1:1: `recipe` is missing."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  rate: 0\nrecipe: cell",
      "lines/mono.yaml:3:9: `replay.rate` is 0; allowed: 0.01 to 1000 frames per second."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cell\nalerts:\n  window: 2\n  open_at: 3",
      "lines/mono.yaml:6:12: `alerts.open_at` is 3; allowed: 1 to `alerts.window`, which is 2."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cell\nalerts:\n  count: pieces",
      "lines/mono.yaml:5:10: `alerts.count` is `pieces`; allowed: frames, parts."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  rate: fast\nrecipe: cell",
      "lines/mono.yaml:3:9: `replay.rate` is `fast`; expected a number, "
        + "allowed: 0.01 to 1000 frames per second."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  rate: .nan\nrecipe: cell",
      "lines/mono.yaml:3:9: `replay.rate` is `.nan`; expected a number, "
        + "allowed: 0.01 to 1000 frames per second."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  loop: yes\nrecipe: cell",
      "lines/mono.yaml:3:9: `replay.loop` is `yes`; allowed: true, false."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  order: shufled\nrecipe: cell",
      "lines/mono.yaml:3:10: `replay.order` is `shufled`; allowed: name, shuffled; did you mean `shuffled`?"),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: model.safetensors\nrecipe: cell",
      "lines/mono.yaml:2:11: `folder` names model.safetensors, which is not a folder."),
    Mistake(
      "lines/mono.yaml",
      "camera:\n  device: /dev/video0\n  colour:\n    matrix: bt601\n    range: ful\nrecipe: cell",
      "lines/mono.yaml:5:12: `camera.colour.range` is `ful`; allowed: limited, full; did you mean `full`?"),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\n  labels: nowhere.csv\nrecipe: cell",
      "lines/mono.yaml:3:11: `labels` names nowhere.csv: no such file or directory."),
    Mistake(
      "lines/mono.yaml",
      "camera:\n  device: /dev/video0\n  width: 640\n  height: 480\n  format: PNG\nrecipe: cell",
      "lines/mono.yaml:5:11: `camera.format` is `PNG`; "
        + "allowed: any, YUYV, UYVY, NV12, YU12, GREY, RGB3, BGR3, MJPG."),
    Mistake(
      "lines/mono.yaml",
      "camera:\n  device: /dev/video0\n  width: 640\n  height: 480\n  controls:\n    gain: high\nrecipe: cell",
      "lines/mono.yaml:6:11: `camera.controls.gain` is `high`; expected a whole number, "
        + "allowed: -2147483648 to 2147483647."),
    Mistake(
      "lines/mono.yaml",
      "camera:\n  device: /dev/video0\n  width: 640\n  height: 480\nrecipe: cell\n"
        + "region:\n  x: 600\n  y: 0\n  width: 64\n  height: 480",
      "lines/mono.yaml:6:1: The region ends at (664, 480), outside the camera's 640 x 480 pixels."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cell\nresults: some",
      "lines/mono.yaml:4:10: `results` is `some`; allowed: all, ng."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cell\ndeadline_ms: -1",
      "lines/mono.yaml:4:14: `deadline_ms` is -1; allowed: 1 to 60000 milliseconds."),
    Mistake(
      "lines/mono.yaml", "replay:\n  folder: pictures\nrecipe: cell\nheatmap:\n  quality: 101",
      "lines/mono.yaml:5:12: `heatmap.quality` is 101; allowed: 1 to 100."),
    Mistake(
      "lines/mono.yml", "recipe: cell", "lines/mono.yml: is not read: rename it to mono.yaml."),
    Mistake(
      "lines/line one.yaml", "recipe: cell",
      "lines/line one.yaml: cannot name a line: use 1 to 64 letters, digits, `-` and `_`, then .yaml."),
  ]

  static let recipe: [Mistake] = [
    Mistake(
      "recipes/cell.yaml", "product: a\nundecidable: [dark, dull]",
      "recipes/cell.yaml:2:14: `undecidable` holds `dull`; allowed: blurred, dark, over_exposed, shifted."),
    Mistake("recipes/cell.yaml", "", "recipes/cell.yaml:1:1: `product` is missing."),
    Mistake(
      "recipes/cell.yaml", "product: a\nversion: 0",
      "recipes/cell.yaml:2:10: `version` is not one; allowed: latest, or a number from 1 to 999999."),
    Mistake(
      "recipes/cell.yaml", "product: a\nscoring:\n  views: 3",
      "recipes/cell.yaml:3:10: `scoring.views` is 3; allowed: 1, 4, 8."),
    Mistake(
      "recipes/cell.yaml", "product: a\nscoring:\n  blocks: [8, 8]",
      "recipes/cell.yaml:3:11: `scoring.blocks` has 2 entries; expected a list of 1 to 8 different "
        + "whole numbers, each 1 to 200."),
    Mistake(
      "recipes/cell.yaml", "product: a\nscoring:\n  blocks: [8, deep]",
      "recipes/cell.yaml:3:15: `scoring.blocks` holds `deep`; expected a list of 1 to 8 different "
        + "whole numbers, each 1 to 200."),
    Mistake(
      "recipes/cell.yaml", "product: a\nscoring:\n  image_score: minimum",
      "recipes/cell.yaml:3:16: `scoring.image_score` is `minimum`; expected a number, "
        + "allowed: 0.0001 to 1 of the patches, or `maximum`."),
    Mistake(
      "recipes/cell.yaml", "product: a\ndecision:\n  false_alarm_rate: 1",
      "recipes/cell.yaml:3:21: `decision.false_alarm_rate` is 1; allowed: 0.0001 to 0.5."),
    Mistake(
      "recipes/cell.yaml", "product: a\ndecision:\n  mm_per_pixel: 0",
      "recipes/cell.yaml:3:17: `decision.mm_per_pixel` is 0; allowed: 1e-06 to 1000 millimetres."),
  ]

  @Test(arguments: station + line + recipe)
  func isRefusedWithPlaceAndSentence(_ mistake: Mistake) throws {
    let folder = try ConfigurationFolder()
    try folder.write("secret", "geheim", mode: 0o600)
    try folder.write("open", "geheim", mode: 0o644)
    try folder.write("etc/assayd/" + mistake.file, mistake.text)
    let problems = folder.problems().map { $0.replacing(folder.folder.url.path + "/", with: "") }
    #expect(problems == mistake.problems)
  }

  @Test func allProblemsOfAllFilesComeTogetherInOrder() throws {
    let folder = try ConfigurationFolder(lines: [
      "a": "replay:\n  folder: nowhere\n  rate: 0\nrecipe: cell\nspeed: 1",
      "b": "replay: [\n",
    ])
    try folder.write("etc/assayd/assayd.yaml", "broker:\n  port: 0\n")
    let places = folder.problems().map { $0.split(separator: ":").prefix(2).joined(separator: ":") }
    #expect(
      places == [
        "assayd.yaml:1", "assayd.yaml:1", "assayd.yaml:2", "lines/a.yaml:2", "lines/a.yaml:3",
        "lines/a.yaml:5",
        "lines/b.yaml:2",
      ])
  }

  @Test func twoLinesCannotShareACamera() throws {
    let camera = "camera:\n  device: /dev/video0\n  width: 640\n  height: 480\nrecipe: cell"
    let folder = try ConfigurationFolder(lines: ["a": camera, "b": camera])
    #expect(
      folder.problems() == [
        "lines/b.yaml:2:3: line `a` uses the same `camera.device`; a camera serves one line."
      ])
  }

  @Test func aStationWithoutLinesIsRefused() throws {
    let folder = try ConfigurationFolder(lines: [:])
    #expect(folder.problems().first?.hasPrefix("lines: cannot be listed: ") == true)
    try folder.write("etc/assayd/lines/.mono.yaml.swp", "x")
    #expect(
      folder.problems() == [
        "lines: holds no line: write one file <line>.yaml for each camera, or the station watches nothing."
      ])
  }

  @Test func bytesThatAreNotTextAreRefusedWithTheirLine() throws {
    let folder = try ConfigurationFolder()
    try folder.write("etc/assayd/recipes/cell.yaml", Data("product: a\nversion: ".utf8 + [0xFF, 0xFE]))
    #expect(
      folder.problems() == ["recipes/cell.yaml:2: is not UTF-8 text from this line on; save it as UTF-8."])
    try folder.write("etc/assayd/recipes/cell.yaml", Data("product: a\nversion: \u{1}".utf8))
    #expect(folder.problems().first?.hasPrefix("recipes/cell.yaml:2: holds a character") == true)
    try folder.write("etc/assayd/recipes/cell.yaml", Data(repeating: 0x20, count: 2 << 20))
    #expect(folder.problems().first?.contains("has 2097152 bytes") == true)
  }

  @Test func aMissingConfigurationIsToldApartFromAWrongOne() throws {
    let empty = try TemporaryFolder()
    #expect {
      try StationConfiguration.load(paths: StationPaths(root: empty.url))
    } throws: { error in
      (error as? ConfigurationError)?.isMissing == true
        && "\(error)".hasSuffix(
          "assayd.yaml: does not exist; write it, or name the folder that has etc/assayd with --root.")
    }
  }
}
