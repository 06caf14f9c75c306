public import Foundation

/// A safetensors file, mapped into memory and checked from the first byte of its header to the last of its data.
///
/// The format: eight bytes with the header's length (little-endian), a JSON header, then the tensors' bytes
/// without holes. What the header says is checked before any of it is used: an object of this class never points
/// outside its file, and no two tensors share a byte. Whether *values* are sane is for the reader to ask
/// (`TensorView.firstNonFinite`).
public final class SafeTensorsFile: Sendable {
  /// Longest header accepted, in bytes. A thousand tensors need about 100 kB.
  public static let headerLimit = 16 << 20
  /// Most tensors accepted in one file.
  public static let tensorLimit = 65_536
  /// Most dimensions accepted in one tensor.
  public static let rankLimit = 8

  public let url: URL
  /// The strings under `__metadata__`.
  public let metadata: [String: String]
  /// All tensors, by name in the order of their UTF-8 bytes.
  public let tensors: [TensorDescription]
  let mapping: MappedFile
  private let index: [String: Int]

  /// Opens, maps and checks a file.
  public init(contentsOf url: URL) throws(ModelFileError) {
    let mapping = try MappedFile(url)
    let header = try SafeTensorsHeader(of: mapping, url: url)
    self.url = url
    self.mapping = mapping
    metadata = header.metadata
    tensors = header.tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// Size of the whole file.
  public var byteCount: Int { mapping.bytes.count }

  /// The tensor of that name, or nil where there is none.
  public func tensor(named name: String) -> TensorView? {
    index[name].map { TensorView(tensors[$0], in: mapping) }
  }
}
