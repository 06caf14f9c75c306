/// What reads bytes that somebody else wrote. Each takes any bytes at all and must refuse them in words or understand them:
/// a crash, a hang or memory out of proportion is a fault.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// A station's files. The first byte chooses which: station, line or recipe.
  case configuration
  /// A command's topic, then after a line feed its payload; also as a message that the tools read.
  case mqtt
  /// A frame of a camera, or a picture of a folder.
  case jpeg
  /// A model file, or any other safetensors file.
  case model

  /// - Returns: whether the bytes were understood.
  public func run(_ bytes: [UInt8]) -> Bool {
    switch self {
    case .configuration: FuzzedConfiguration.run(bytes)
    case .mqtt: FuzzedCommand.run(bytes)
    case .jpeg: FuzzedFrame.run(bytes)
    case .model: FuzzedModel.run(bytes)
    }
  }
}
