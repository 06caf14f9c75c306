public import Foundation
import Imaging

/// A picture to judge, with what is known about it.
public struct TestSample: Sendable, Equatable {
  public var file: URL
  /// The kind of defect; nil for a good part.
  public var defect: String?
  /// The ground truth of a defective part; nil where there is none, and for good parts.
  public var mask: URL?

  public var isGood: Bool { defect == nil }

  public init(file: URL, defect: String?, mask: URL? = nil) {
    self.file = file
    self.defect = defect
    self.mask = mask
  }
}

/// One kind of part: good ones to draw references from, and pictures to judge.
public struct Product: Sendable, Equatable {
  public var name: String
  /// Good parts to draw from, in the order of their names.
  public var normals: [URL]
  /// Where the data set has no split of its own, good ones to draw from are among them; those drawn are then not
  /// judged.
  public var tests: [TestSample]

  public init(name: String, normals: [URL], tests: [TestSample]) {
    self.name = name
    self.normals = normals
    self.tests = tests
  }

  /// The references of a draw, none for 0 shots, and what is left to judge.
  ///
  /// - Throws: `DataSetError` where there are fewer good parts than shots.
  public func draw(shots: Int, seed: UInt64) throws(DataSetError) -> (references: [URL], tests: [TestSample])
  {
    guard shots >= 0, shots <= normals.count else {
      throw DataSetError(
        "\(name) has \(normals.count) good parts to draw references from: choose 1 to \(normals.count) shots, "
          + "not \(shots).")
    }
    let references = ReferenceDraw.permutation(of: normals.count, seed: seed).prefix(shots).map {
      normals[$0]
    }
    let drawn = Set(references)
    return (references, tests.filter { !drawn.contains($0.file) })
  }
}

/// Why a data set cannot be used, in a sentence for a person.
public struct DataSetError: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// A data set on disk.
public struct DataSet: Sendable, Equatable {
  /// In the order of their names.
  public var products: [Product]
  /// What a reader of the numbers must know, such as pictures left out.
  public var notes: [String]

  /// Recognises the layout of a folder and lists what is in it.
  ///
  /// - A product in the layout of MVTec AD: `train/good`, `test/<good or kind of defect>` and
  ///   `ground_truth/<kind>/<name>_mask.png` or `<name>.png`. Defective pictures without mask count for image metrics
  ///   only. MPDD and prepared copies of VisA are laid out so.
  /// - A folder of such products.
  /// - VisA as published: `split_csv/1cls.csv` and the pictures it names.
  /// - ELPV: `labels.csv` with lines of `images/cell0001.png  0.0  mono`; products are the types of cell.
  ///
  /// - Parameter names: the products wanted; all where it is nil.
  /// - Throws: `DataSetError`.
  public init(contentsOf folder: URL, only names: [String]? = nil) throws(DataSetError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue
    else {
      throw DataSetError("There is no folder \(folder.path).")
    }
    if FileManager.default.fileExists(atPath: folder.appending(path: ELPV.labelFile).path) {
      self = try ELPV.read(folder)
    } else if FileManager.default.fileExists(atPath: folder.appending(path: VisA.splitFile).path) {
      self = try VisA.read(folder)
    } else if let product = try MVTecLayout.product(in: folder) {
      self.init(products: [product], notes: [])
    } else {
      var products: [Product] = []
      for child in try Listing.folders(in: folder) {
        if let product = try MVTecLayout.product(in: child) { products.append(product) }
      }
      self.init(products: products, notes: [])
    }
    guard !products.isEmpty else {
      throw DataSetError(
        "\(folder.path) holds no data set: a product has the folders train/good and test, VisA the file "
          + "\(VisA.splitFile), ELPV the file \(ELPV.labelFile).")
    }
    if let names {
      let known = products.map(\.name)
      for name in names where !known.contains(name) {
        throw DataSetError(
          "There is no product \(name) in \(folder.path), only \(known.joined(separator: ", ")).")
      }
      products.removeAll { !names.contains($0.name) }
    }
  }

  init(products: [Product], notes: [String]) {
    self.products = products
    self.notes = notes
  }
}

/// Folders and pictures in the byte order of their names, so that a draw means the same everywhere.
enum Listing {
  static func folders(in folder: URL) throws(DataSetError) -> [URL] {
    try entries(of: folder).filter {
      (try? $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true
    }
  }

  static func pictures(in folder: URL) throws(DataSetError) -> [URL] {
    try entries(of: folder).filter { ["png", "jpg", "jpeg"].contains($0.pathExtension.lowercased()) }
  }

  private static func entries(of folder: URL) throws(DataSetError) -> [URL] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { !$0.hasPrefix(".") }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        .map { folder.appending(path: $0) }
    } catch {
      throw DataSetError("The folder \(folder.path) cannot be listed: \(systemReason(error)).")
    }
  }
}
