import Glibc
import Imaging

/// Finds out whether a camera delivers the same picture again and again.
///
/// A sensor's noise makes every picture another one, so bytes that do not differ at all come from a camera, or a driver,
/// that has stopped looking. Comparing two pictures that differ ends at their first difference and costs nothing.
struct Repetition {
  private var last: RawImage?
  /// How many pictures in a row have been the same, the newest included; 0 before the first.
  private(set) var count = 0

  /// Takes the next picture and returns `count`.
  mutating func add(_ image: RawImage) -> Int {
    count = last.map { Self.isSame($0, image) } == true ? count + 1 : 1
    last = image
    return count
  }

  private static func isSame(_ first: RawImage, _ second: RawImage) -> Bool {
    first.bytes.count == second.bytes.count
      && first.bytes.withUnsafeBytes { first in
        second.bytes.withUnsafeBytes { second in
          guard let first = first.baseAddress, let other = second.baseAddress else { return true }
          return memcmp(first, other, second.count) == 0
        }
      }
  }
}

extension LineConfiguration {
  /// Whether so many equal pictures in a row mean a frozen camera. A replay may well show a picture twice.
  func isFrozen(_ repetitions: Int) -> Bool {
    !isSimulated && frozenAfter > 0 && repetitions >= frozenAfter
  }
}
