import Compute
import Foundation
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8])
  func `every index runs once and threads hold their number alone`(_ threads: Int) {
    let pool = ThreadPool(threads: threads)
    for count in [0, 1, 2, 7, 1000] {
      let calls = Mutex([Int](repeating: 0, count: count))
      let inUse = Mutex(Set<Int>())
      pool.forEach(count) { index, thread in
        #expect((0..<threads).contains(thread))
        #expect(inUse.withLock { $0.insert(thread).inserted })
        calls.withLock { $0[index] += 1 }
        inUse.withLock { _ = $0.remove(thread) }
      }
      #expect(calls.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test func `loops from several threads take turns and all finish`() {
    let pool = ThreadPool(threads: 3)
    let total = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<200 { pool.forEach(10) { index, _ in total.add(index, ordering: .relaxed) } }
    }
    #expect(total.load(ordering: .relaxed) == 4 * 200 * 45)
  }

  @Test func `threads that went to sleep wake up for the next loop`() {
    let pool = ThreadPool(threads: 2)
    for _ in 0..<3 {
      let total = Atomic<Int>(0)
      pool.forEach(100) { _, _ in total.add(1, ordering: .relaxed) }
      #expect(total.load(ordering: .relaxed) == 100)
      Thread.sleep(forTimeInterval: 0.02)
    }
  }
}

@Suite struct KernelPathTests {
  @Test func `the fastest path is taken unless another is named`() throws {
    #expect(try KernelPath.preferred(environment: [:]) == KernelPath.available[0])
    #expect(try KernelPath.preferred(environment: ["ASSAYD_KERNELS": "portable"]) == .portable)
    #expect(KernelPath.available.last == .portable)
  }

  @Test(arguments: ["avx1024", "Portable", "neon-dotprod avx2"])
  func `a path that cannot run here is refused with the names of those that can`(_ name: String) {
    let error = #expect(throws: KernelPathError.self) { try KernelPath(named: name) }
    #expect(error?.description.contains("portable") == true)
    #expect(error?.description.contains(name) == true)
  }
}
