/// Memory for kernels: aligned to 64 bytes, zeroed, fixed in size, freed with the object.
///
/// The buffer itself is not synchronised: whoever owns it sees to it that no two threads write the same element.
public final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public let count: Int
  public let base: UnsafeMutablePointer<Element>

  public init(count: Int) {
    self.count = count
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    base = raw.assumingMemoryBound(to: Element.self)
  }

  public convenience init(_ values: some Collection<Element>) {
    self.init(count: values.count)
    _ = UnsafeMutableBufferPointer(start: base, count: count).update(fromContentsOf: values)
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}
