import Foundation

private let target: FuzzTarget = {
  let name = ProcessInfo.processInfo.environment["ASSAYD_FUZZ_TARGET"] ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    FileHandle.standardError.write(Data("ASSAYD_FUZZ_TARGET must be one of \(names).\n".utf8))
    exit(EX_USAGE)
  }
  return target
}()

/// One input of libFuzzer; 0 whatever comes of it.
@_cdecl("assayd_fuzz")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  _ = target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}
