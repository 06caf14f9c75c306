/// In what the clients differ that share `SessionLoop`: a station, which speaks for itself, and an observer.
struct SessionRole {
  /// Where the client says that it is there and the broker, by its will, that it is gone; nil: nobody is told.
  var availability: String?
  /// Subscribed to at each connect, in this order, before anything else is sent.
  var filters: [String]
  /// Whether a subscription brings the retained messages that the broker has.
  var wantsRetained: Bool
  /// Takes a message that came in. On the loop's thread, so it must not wait.
  var receive: (MosquittoClient.Received) -> Void
}
