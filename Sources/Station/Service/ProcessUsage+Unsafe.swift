import Foundation
import Glibc
import Messaging

extension StationStatusMessage.Process {
  /// This process, now. 0 where the system does not tell.
  static var present: Self {
    // The second number is the resident set, in pages (proc(5)).
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
      .split(separator: " ").dropFirst().first.flatMap { Int($0) }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return Self(
      residentBytes: (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))),
      cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime))
  }
}
