import Testing

@testable import Station

@Suite struct EnrolRequestTests {
  @Test func aCompleteRequestIsRead() throws {
    let request = try EnrolRequest(payload: Array(#"{"count": 8, "reason": "new supplier"}"#.utf8))
    #expect(request.count == 8 && request.reason == "new supplier" && !request.progress)
    #expect(try EnrolRequest(payload: Array(#"{"count": 1, "reason": "a", "progress": true}"#.utf8)).progress)
  }

  @Test(arguments: [
    ("", "The field count must be a whole number from 1 to 64."),
    ("[8]", "The payload is not a JSON object such as {\"count\": 8, \"reason\": \"why\"}."),
    ("{\"count\": 8", "The payload is not a JSON object such as {\"count\": 8, \"reason\": \"why\"}."),
    (
      "{\"count\": 8, \"reason\": \"a\", \"line\": 1}",
      "The field line is not known; expected {\"count\": 8, \"reason\": \"why\"}."
    ),
    ("{\"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": 0, \"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": 65, \"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": 2.5, \"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": true, \"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": \"8\", \"reason\": \"a\"}", "The field count must be a whole number from 1 to 64."),
    ("{\"count\": 8, \"reason\": \"a\", \"progress\": \"yes\"}", "The field progress must be true or false."),
    ("{\"count\": 8}", "The field reason must say why, in 1 to 200 characters."),
    ("{\"count\": 8, \"reason\": \"\"}", "The field reason must say why, in 1 to 200 characters."),
    ("{\"count\": 8, \"reason\": 3}", "The field reason must say why, in 1 to 200 characters."),
  ])
  func aMistakeIsNamed(payload: String, sentence: String) {
    #expect {
      try EnrolRequest(payload: Array(payload.utf8))
    } throws: { error in
      "\(error)" == sentence
    }
  }
}
