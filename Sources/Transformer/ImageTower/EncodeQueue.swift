internal import Foundation
internal import Imaging

/// One picture on its way through the encoder.
final class EncodeRequest: @unchecked Sendable {
  /// Written by the caller before the request waits, and by whoever computes its batch until it is done: never by two
  /// threads at once.
  var picture: Picture?
  var taps: [TokenTap] = []
  var grid = PatchGrid(rows: 0, columns: 0)
  var plan = EncodePlan(taps: [])
  var tokens = PatchTokens()
  fileprivate var isDone = false
  fileprivate var leads = false

  /// Whether both can be computed in the same loops.
  fileprivate func goes(with other: EncodeRequest) -> Bool {
    grid == other.grid && plan == other.plan
  }
}

/// Brings pictures of several threads into batches.
///
/// A picture never waits for a batch to fill: when the compute threads are free it starts at once, alone. What has come in
/// the meantime is computed together next, up to `limit` pictures; the thread whose picture has waited longest does it for
/// all. So batching adds at most the time of `limit - 1` pictures to one that would have been first in line, and only
/// when that many are waiting.
final class EncodeQueue: @unchecked Sendable {
  static let limit = 4

  // All guarded by `condition`, but for `batch`, which belongs to the thread that leads.
  private let condition = NSCondition()
  private var isBusy = false
  private var waiting: [EncodeRequest] = []
  private var idle: [EncodeRequest] = []
  private var batch: [EncodeRequest] = []

  /// Computes a picture, alone or in a batch.
  ///
  /// - Parameters:
  ///   - tokens: its memory goes to the request and comes back with the result.
  ///   - compute: fills the tokens of all requests of a batch.
  func encode(
    _ picture: Picture, taps: [TokenTap], grid: PatchGrid, into tokens: inout PatchTokens,
    compute: (_ batch: [EncodeRequest]) -> Void
  ) {
    condition.lock()
    defer { condition.unlock() }
    let request = idle.popLast() ?? EncodeRequest()
    request.picture = picture
    request.taps = taps
    request.grid = grid
    request.plan = EncodePlan(taps: taps)
    swap(&request.tokens, &tokens)
    waiting.append(request)
    if isBusy {
      while !request.isDone && !request.leads { condition.wait() }
    }
    if !request.isDone {
      isBusy = true
      takeBatch()
      condition.unlock()
      compute(batch)
      condition.lock()
      for member in batch { member.isDone = true }
      batch.removeAll(keepingCapacity: true)
      if let next = waiting.first { next.leads = true } else { isBusy = false }
      condition.broadcast()
    }
    swap(&request.tokens, &tokens)
    request.picture = nil
    request.isDone = false
    request.leads = false
    idle.append(request)
  }

  /// The longest waiting request and those after it that go with it.
  private func takeBatch() {
    for request in waiting where batch.count < Self.limit && (batch.first.map(request.goes) ?? true) {
      batch.append(request)
    }
    waiting.removeAll { request in batch.contains { $0 === request } }
  }
}
