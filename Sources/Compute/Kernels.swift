package import CKernels
public import Foundation

/// The instruction set the int8 path runs on.
///
/// Every path computes the same bits; they differ in speed only. By default the fastest that this processor has is
/// taken. `ASSAYD_KERNELS=<name>` in the environment, or `--kernels <name>`, takes another.
public enum KernelPath: String, Sendable, CaseIterable, Codable {
  case avx512VNNI = "avx512-vnni"
  case avxVNNI = "avx-vnni"
  case avx2
  case neonMatrixMultiply = "neon-i8mm"
  case neonDotProduct = "neon-dotprod"
  case portable

  /// The paths this processor can run, fastest first; `portable` is always the last.
  public static let available: [KernelPath] = {
    var paths: [KernelPath] = []
    var index: Int32 = 0
    while let name = ck_path_name(index) {
      if ck_kernels_for(index) != nil, let path = KernelPath(rawValue: String(cString: name)) {
        paths.append(path)
      }
      index += 1
    }
    return paths
  }()

  private static let forPictures = (try? preferred()) ?? available[0]

  /// The functions of `preferred()`, or of the fastest path where it names none: for what is done outside the encoder,
  /// which has been told its path.
  package static var kernelsForPictures: ck_kernels {
    guard let kernels = forPictures.kernels else {
      preconditionFailure("An available path has kernels.")
    }
    return kernels
  }

  /// The path named in `ASSAYD_KERNELS`, or the fastest there is.
  public static func preferred(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(KernelPathError) -> KernelPath {
    guard let name = environment["ASSAYD_KERNELS"], !name.isEmpty else { return available[0] }
    return try KernelPath(named: name)
  }

  /// - Throws: where the name is unknown or this processor cannot run the path.
  public init(named name: String) throws(KernelPathError) {
    guard let path = KernelPath(rawValue: name), Self.available.contains(path) else {
      throw KernelPathError(name: name)
    }
    self = path
  }

  /// The functions themselves; nil where this processor cannot run them.
  package var kernels: ck_kernels? {
    var index: Int32 = 0
    while let name = ck_path_name(index) {
      if String(cString: name) == rawValue { return ck_kernels_for(index)?.pointee }
      index += 1
    }
    return nil
  }
}

/// A path that cannot be taken on this processor.
public struct KernelPathError: Error, Equatable, CustomStringConvertible {
  public let name: String

  public var description: String {
    let names = KernelPath.available.map(\.rawValue).joined(separator: ", ")
    return
      "The kernels \"\(name)\" cannot run on this processor: choose one of \(names), or leave the choice out "
      + "to take the fastest."
  }
}
