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

@Suite struct SharedLoopTests {
  @Test(arguments: [1, 2, 3, 8])
  func `ranges hold every index once`(_ threads: Int) {
    let pool = ThreadPool(threads: threads)
    for (count, size) in [(0, 4), (1, 4), (7, 1), (8, 4), (1000, 7), (3, 1000)] {
      let calls = Mutex([Int](repeating: 0, count: count))
      pool.share(count, inRangesOf: size) { range in
        calls.withLock { for index in range { $0[index] += 1 } }
      }
      #expect(calls.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test func `a busy pool is not waited for, the calling thread does it all`() {
    let pool = ThreadPool(threads: 2)
    let begun = DispatchSemaphore(value: 0)
    let mayEnd = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      pool.forEach(1) { _, _ in
        begun.signal()
        mayEnd.wait()
      }
      ended.signal()
    }
    begun.wait()
    let caller = pthread_self()
    let total = Mutex(0)
    // Were the pool waited for, this would never return.
    pool.share(100, inRangesOf: 10) { range in
      #expect(pthread_equal(pthread_self(), caller) != 0)
      total.withLock { $0 += range.count }
    }
    #expect(total.withLock { $0 } == 100)
    mayEnd.signal()
    ended.wait()
    pool.share(100, inRangesOf: 10) { _ in #expect(pthread_equal(pthread_self(), caller) == 0) }
  }

  @Test func `jobs that need all threads and loops that do not follow each other`() {
    let pool = ThreadPool(threads: 3)
    let total = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for round in 0..<300 {
        if (thread + round) % 2 == 0 {
          pool.forEach(10) { index, _ in total.add(index, ordering: .relaxed) }
        } else {
          pool.share(10, inRangesOf: 3) { for index in $0 { total.add(index, ordering: .relaxed) } }
        }
      }
    }
    #expect(total.load(ordering: .relaxed) == 4 * 300 * 45)
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
