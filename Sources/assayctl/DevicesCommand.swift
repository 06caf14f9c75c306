import ArgumentParser
import Capture
import Foundation

struct DevicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "Lists the cameras of this machine and, where one cannot be used, says why.")

  @Flag(help: "Print as JSON.")
  var json = false

  func run() async throws {
    let devices = DeviceInfo.all()
    if json { return try printJSON(devices) }
    if devices.isEmpty { print("There is no V4L2 device on this machine (/dev/video* is empty).") }
    for device in devices {
      print("\(device.stableName)")
      for name in ([device.node] + device.byID + device.byPath) where name != device.stableName {
        print("  also \(name)")
      }
      if !device.card.isEmpty { print("  \(device.card) (\(device.driver), \(device.bus))") }
      if let explanation = device.explanation { print("  cannot be used: \(explanation)") }
      for format in device.formats {
        let sizes = format.sizes.map { size in
          let range = size.minimum == size.maximum ? "\(size.maximum)" : "\(size.minimum) to \(size.maximum)"
          let fastest = size.rates.map(\.shortest.rate).max() ?? 0
          return fastest > 0 ? String(format: "%@ up to %.4g/s", range, fastest) : range
        }
        print(
          "  \(format.code) (\(format.name))\(format.pixelFormat == nil ? ", not decoded here" : ""): \(sizes.joined(separator: ", "))"
        )
      }
      for control in device.controls where !control.isReadOnly {
        let value = control.value.map { ", now \($0)" } ?? ""
        print("  control \(control.name): \(control.minimum) to \(control.maximum)\(value)")
      }
    }
  }
}
