import Foundation
import TestSupport
import Testing

@testable import Evaluation

@Suite struct DataSetTests {
  /// Lays empty files.
  private func lay(_ files: [String], in folder: URL) throws {
    for file in files {
      let url = folder.appending(path: file)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data().write(to: url)
    }
  }

  private let lid = [
    "train/good/b.png", "train/good/a.png", "train/good/c.JPG", "train/good/.hidden.png",
    "train/good/notes.txt",
    "test/good/1.png", "test/scratch/1.png", "test/scratch/2.png", "test/dent/1.jpg",
    "ground_truth/scratch/1_mask.png", "ground_truth/dent/1_mask.png",
  ]

  @Test func oneProductIsRead() throws {
    let folder = try TemporaryFolder()
    let root = folder.url.appending(path: "lid")
    try lay(lid, in: root)
    let set = try DataSet(contentsOf: root)
    #expect(set.products.map(\.name) == ["lid"] && set.notes.isEmpty)
    let product = set.products[0]
    #expect(product.normals.map(\.lastPathComponent) == ["a.png", "b.png", "c.JPG"])
    #expect(product.tests.map(\.defect) == ["dent", nil, "scratch", "scratch"])
    #expect(product.tests.map { $0.mask?.lastPathComponent } == ["1_mask.png", nil, "1_mask.png", nil])
    #expect(product.tests.map(\.isGood) == [false, true, false, false])
  }

  @Test func aFolderOfProductsIsReadAndFiltered() throws {
    let folder = try TemporaryFolder()
    try lay(lid.map { "lid/\($0)" } + lid.map { "cap/\($0)" } + ["readme/x.txt"], in: folder.url)
    #expect(try DataSet(contentsOf: folder.url).products.map(\.name) == ["cap", "lid"])
    #expect(try DataSet(contentsOf: folder.url, only: ["lid"]).products.map(\.name) == ["lid"])
    let error = #expect(throws: DataSetError.self) { try DataSet(contentsOf: folder.url, only: ["box"]) }
    #expect(error?.description.contains("no product box") == true)
    #expect(error?.description.contains("only cap, lid") == true)
  }

  @Test func masksMayHaveThePicturesName() throws {
    let folder = try TemporaryFolder()
    try lay(
      ["train/good/1.png", "test/bad/1.JPG", "test/bad/2.JPG", "ground_truth/bad/1.png"],
      in: folder.url.appending(path: "candle"))
    let product = try DataSet(contentsOf: folder.url).products[0]
    #expect(product.tests.map { $0.mask?.lastPathComponent } == ["1.png", nil])
  }

  @Test func visaIsReadByItsSplit() throws {
    let folder = try TemporaryFolder()
    let split = """
      object,split,label,image,mask
      pcb1,train,normal,pcb1/Data/Images/Normal/2.JPG,
      pcb1,train,normal,pcb1/Data/Images/Normal/1.JPG,
      pcb1,test,normal,pcb1/Data/Images/Normal/3.JPG,
      pcb1,test,anomaly,pcb1/Data/Images/Anomaly/1.JPG,pcb1/Data/Masks/Anomaly/1.png
      pcb1,test,anomaly,pcb1/Data/Images/Anomaly/2.JPG,pcb1/Data/Masks/Anomaly/2.png
      candle,train,normal,candle/Data/Images/Normal/1.JPG,
      candle,test,anomaly,candle/Data/Images/Anomaly/1.JPG,
      """
    let kinds = """
      image,label,mask
      pcb1/Data/Images/Normal/1.JPG,normal,
      pcb1/Data/Images/Anomaly/1.JPG,"bent,melt",pcb1/Data/Masks/Anomaly/1.png
      pcb1/Data/Images/Anomaly/2.JPG,scratch,pcb1/Data/Masks/Anomaly/2.png
      """
    try lay(["split_csv/1cls.csv", "pcb1/image_anno.csv"], in: folder.url)
    // As spreadsheets write it, too: byte order mark and carriage returns.
    try Data(("\u{FEFF}" + split.replacing("\n", with: "\r\n")).utf8).write(
      to: folder.file("split_csv/1cls.csv"))
    try Data(kinds.utf8).write(to: folder.file("pcb1/image_anno.csv"))
    let set = try DataSet(contentsOf: folder.url)
    #expect(set.products.map(\.name) == ["candle", "pcb1"])
    #expect(set.products[1].normals.map(\.lastPathComponent) == ["1.JPG", "2.JPG"])
    #expect(set.products[1].tests.map(\.defect) == [nil, "bent,melt", "scratch"])
    #expect(set.products[1].tests.map { $0.mask?.lastPathComponent } == [nil, "1.png", "2.png"])
    #expect(
      set.products[0].tests == [
        TestSample(file: folder.file("candle/Data/Images/Anomaly/1.JPG"), defect: "anomaly")
      ])

    for (wrong, part) in [
      (split.replacing("test,normal", with: "test,fine"), "line 4"),
      (split.replacing("1.JPG,\ncandle", with: "1.JPG\ncandle"), "line 7"),
      (split.replacing("label", with: "kind"), "no column `label`"),
    ] {
      try Data(wrong.utf8).write(to: folder.file("split_csv/1cls.csv"))
      let error = #expect(throws: DataSetError.self) { try DataSet(contentsOf: folder.url) }
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
  }

  @Test func quotedFieldsAreRead() {
    let rows = CommaSeparated.split("a,b\n\"x, \"\"y\"\"\nz\",2\n\n,\n\"\"\nend,")
    #expect(rows.map(\.fields) == [["a", "b"], ["x, \"y\"\nz", "2"], ["", ""], ["end", ""]])
    #expect(rows.map(\.line) == [1, 2, 5, 7])
  }

  @Test func cellsAreSortedByTypeAndTheUncertainLeftOut() throws {
    let folder = try TemporaryFolder()
    let labels = """
      images/cell0001.png  1.0                 mono
      images/cell0002.png  0.0                 mono
      images/cell0003.png  0.3333333333333333  mono
      images/cell0004.png  0.0                 poly
      images/cell0005.png  0.6666666666666666  poly
      images/cell0006.png  0.0                 mono
      """
    try Data(labels.utf8).write(to: folder.file("labels.csv"))
    let set = try DataSet(contentsOf: folder.url)
    #expect(set.products.map(\.name) == ["mono", "poly"])
    #expect(set.products[0].normals.map(\.lastPathComponent) == ["cell0002.png", "cell0006.png"])
    #expect(set.products[0].tests.map(\.defect) == ["defective", nil, nil])
    #expect(set.notes == ["2 cells whose probability of a defect is neither 0 nor 1 are left out."])

    // References come from the good cells, and are not judged.
    let draw = try set.products[0].draw(shots: 1, seed: 7)
    #expect(draw.tests.count == 2 && !draw.tests.contains { $0.file == draw.references[0] })
  }

  @Test(arguments: ["images/a.png 0.0", "images/a.png good mono", "images/a.png 1.5 mono", "a 0.0 mono x"])
  func wrongLabelLinesAreNamed(line: String) throws {
    let folder = try TemporaryFolder()
    try Data("images/ok.png 0.0 mono\n\(line)\n".utf8).write(to: folder.file("labels.csv"))
    let error = #expect(throws: DataSetError.self) { try DataSet(contentsOf: folder.url) }
    #expect(error?.description.contains("entry 2") == true)
  }

  @Test func labelsThatAreNoTextAreRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("labels.csv")
    try Data([0x69, 0xff, 0xfe, 0x0a]).write(to: file)
    let error = #expect(throws: DataSetError.self) { try DataSet(contentsOf: folder.url) }
    #expect(error?.description == "\(file.path) cannot be read: it is not UTF-8 text.")
  }

  @Test func whatIsNoDataSetIsExplained() throws {
    let folder = try TemporaryFolder()
    let empty = #expect(throws: DataSetError.self) { try DataSet(contentsOf: folder.url) }
    #expect(empty?.description.contains("train/good") == true)
    let absent = #expect(throws: DataSetError.self) {
      try DataSet(contentsOf: folder.url.appending(path: "x"))
    }
    #expect(absent?.description.contains("no folder") == true)
  }

  @Test func drawsAreNestedAndBounded() throws {
    let normals = (0..<9).map { URL(fileURLWithPath: "/n/\($0).png") }
    let product = Product(name: "lid", normals: normals, tests: [])
    let four = try product.draw(shots: 4, seed: 3).references
    #expect(try product.draw(shots: 1, seed: 3).references == Array(four.prefix(1)))
    #expect(try product.draw(shots: 2, seed: 3).references == Array(four.prefix(2)))
    for shots in [-1, 10] {
      let error = #expect(throws: DataSetError.self) { try product.draw(shots: shots, seed: 3) }
      #expect(error?.description.contains("choose 1 to 9 shots, not \(shots)") == true)
    }
  }

  @Test(.enabled(if: Repository.inspectionImages != nil, "The folder of inspection images is not there."))
  func theRealImagesAreCountedRight() throws {
    let set = try DataSet(contentsOf: try #require(Repository.inspectionImages))
    let counts = set.products.map { product in
      [
        product.normals.count, product.tests.count { $0.isGood }, product.tests.count { !$0.isGood },
        product.tests.count { !$0.isGood && $0.mask == nil },
      ]
    }
    #expect(set.products.map(\.name) == ["aws-cookies", "mpdd-metal_plate", "mvtec-bottle"])
    #expect(counts == [[31, 14, 40, 8], [54, 26, 71, 0], [16, 20, 63, 0]])
  }
}
