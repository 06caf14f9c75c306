import Foundation
import TestSupport
import Testing
import Transformer

/// `Scripts/convert-checkpoint` on PyTorch archives, against torch; the default model proves it on ONNX.
@Suite struct ImportConversionTests {
  @Test(.enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"))
  func archives() throws {
    let folder = try TemporaryFolder()
    try Oracle.run("torch_archives", [folder.url.path], python: Oracle.openCLIPPython)
    let script = Repository.root.appending(path: "Scripts/convert-checkpoint").path
    func convert(_ name: String) throws -> SafeTensorsFile {
      let output = folder.file("\(name).safetensors")
      try Oracle.run(executable: script, [folder.file("\(name).pt").path, output.path])
      return try SafeTensorsFile(contentsOf: output)
    }

    for name in ["plain", "nested", "half", "bfloat16", "views", "script"] {
      let converted = try convert(name)
      let expected = try SafeTensorsFile(contentsOf: folder.file("\(name).expected.safetensors"))
      #expect(converted.tensors.map(\.name) == expected.tensors.map(\.name), "\(name)")
      for tensor in expected.tensors {
        let ours = try #require(converted.tensor(named: tensor.name), "\(name)")
        let theirs = try #require(expected.tensor(named: tensor.name))
        #expect(ours.description.type == tensor.type && ours.description.shape == tensor.shape, "\(tensor)")
        #expect([UInt8](ours.bytes) == [UInt8](theirs.bytes), "\(tensor)")
      }
    }
    #expect(try convert("hostile").tensors.map(\.name) == ["weight"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("proof").path))
    for name in ["legacy", "cut"] {
      let failure = #expect(throws: Oracle.Failure.self) { try convert(name) }
      #expect(failure?.description.contains("neither ONNX nor a zip archive of PyTorch 1.6 or later") == true)
    }
  }
}
