import Messaging

/// How a line is.
struct LineCondition: Equatable {
  var state: StatusMessage.State
  /// One sentence; nil while running.
  var reason: String?

  init(_ state: StatusMessage.State, _ reason: String? = nil) {
    self.state = state
    self.reason = reason
  }
}
