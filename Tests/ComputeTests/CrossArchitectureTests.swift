import Foundation
import TestSupport
import Testing

/// The kernels of the other architecture: cross-compiled by clang, run by qemu-user, and compared bit by bit.
@Suite struct CrossArchitectureTests {
  /// Where Debian's cross libraries for arm64 are.
  static let sysroot = "/usr/aarch64-linux-gnu"
  static let compilerLibraries = "/usr/lib/gcc-cross/aarch64-linux-gnu/12"
  static let emulator = "/usr/bin/qemu-aarch64"
  static let isPossible = [sysroot + "/include", compilerLibraries + "/crtbeginT.o", emulator]
    .allSatisfy { FileManager.default.fileExists(atPath: $0) }

  @Test(.enabled(if: isPossible, "needs qemu-user and Debian's arm64 cross libraries: run Scripts/test"))
  func `arm64 computes the bits that x86-64 computes`() throws {
    let folder = try TemporaryFolder()
    let kernels = Repository.root.appending(path: "Sources/CKernels")
    let sources = try FileManager.default.contentsOfDirectory(at: kernels, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "c" }.map(\.path)
    let program = Repository.root.appending(path: "Tests/CrossKernels/kernels.c").path
    func build(_ name: String, _ options: [String]) throws -> String {
      let output = folder.file(name).path
      try Oracle.run(
        executable: "/usr/bin/env",
        ["clang", "-O3", "-Wall", "-Werror", "-I\(kernels.path)/include"] + options + [program] + sources
          + ["-lm", "-o", output])
      return output
    }
    func hashes(_ command: [String]) throws -> [String: String] {
      let text = String(
        decoding: try Oracle.run(executable: command[0], Array(command.dropFirst())), as: UTF8.self)
      return Dictionary(
        uniqueKeysWithValues: text.split(separator: "\n").map { line in
          let words = line.split(separator: " ")
          return (String(words[0]), String(words[words.count - 1]))
        })
    }
    let here = try hashes([try build("here", [])])
    let cross = try build(
      "arm64",
      [
        "--target=aarch64-linux-gnu", "--sysroot=\(Self.sysroot)", "-I\(Self.sysroot)/include", "-static",
        "-fuse-ld=lld", "-B\(Self.compilerLibraries)", "-L\(Self.compilerLibraries)", "-L\(Self.sysroot)/lib",
      ])
    let there = try hashes([Self.emulator, "-cpu", "max", cross])
    let withoutDotProduct = try hashes([Self.emulator, "-cpu", "cortex-a53", cross])
    #expect(there.keys.sorted() == ["neon-dotprod", "neon-i8mm", "portable"])
    #expect(withoutDotProduct.keys.sorted() == ["portable"])
    let all = Set([here, there, withoutDotProduct].flatMap(\.values))
    #expect(all.count == 1, "\(here) here, \(there) and \(withoutDotProduct) on arm64")
  }
}
