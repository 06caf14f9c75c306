import Foundation
import Imaging

/// VisA as published: pictures below `<product>/Data/Images`, the split in a table, the kinds of defect in another.
enum VisA {
  /// The one-class split that papers use: defective pictures only in the test.
  static let splitFile = "split_csv/1cls.csv"
  private static let kindFile = "image_anno.csv"

  static func read(_ folder: URL) throws(DataSetError) -> DataSet {
    let file = folder.appending(path: splitFile)
    var products: [String: Product] = [:]
    var kinds: [String: [String: String]] = [:]
    for row in try CommaSeparated.rows(of: file, columns: ["object", "split", "label", "image", "mask"]) {
      let name = row.fields[0]
      var product = products[name] ?? Product(name: name, normals: [], tests: [])
      let picture = folder.appending(path: row.fields[3])
      switch (row.fields[1], row.fields[2]) {
      case ("train", "normal"): product.normals.append(picture)
      case ("test", "normal"): product.tests.append(TestSample(file: picture, defect: nil))
      case ("test", "anomaly"):
        if kinds[name] == nil { kinds[name] = try defects(of: folder.appending(path: name)) }
        let mask = row.fields[4]
        product.tests.append(
          TestSample(
            file: picture, defect: kinds[name]?[row.fields[3]] ?? "anomaly",
            mask: mask.isEmpty ? nil : folder.appending(path: mask)))
      default:
        throw DataSetError(
          "\(file.path), line \(row.line): `\(row.fields[1]),\(row.fields[2])` is no split: expected train,normal, "
            + "test,normal or test,anomaly.")
      }
      products[name] = product
    }
    // A draw depends on the order: that of the names, as everywhere.
    for name in products.keys {
      products[name]?.normals.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }
    return DataSet(products: products.values.sorted { $0.name < $1.name }, notes: [])
  }

  /// The kind of defect by picture; a picture may have several, which then make one kind. Empty where the product's table
  /// is not there: it is not part of every copy.
  private static func defects(of product: URL) throws(DataSetError) -> [String: String] {
    let file = product.appending(path: kindFile)
    guard FileManager.default.fileExists(atPath: file.path) else { return [:] }
    var kinds: [String: String] = [:]
    for row in try CommaSeparated.rows(of: file, columns: ["image", "label"]) {
      kinds[row.fields[0]] = row.fields[1]
    }
    return kinds
  }
}

/// A table of comma-separated values (RFC 4180) with a header: fields may be quoted, quotes are doubled within.
enum CommaSeparated {
  struct Row: Equatable {
    /// Counted from 1.
    var line: Int
    var fields: [String]
  }

  /// The rows below the header, each with the fields of the columns named, in their order here.
  static func rows(of file: URL, columns: [String]) throws(DataSetError) -> [Row] {
    let text: String
    do {
      text = try String(contentsOf: file, encoding: .utf8)
    } catch {
      throw DataSetError("\(file.path) cannot be read: \(systemReason(error)).")
    }
    // Some editors put a byte order mark before the first column.
    let rows = split(text.first == "\u{FEFF}" ? String(text.dropFirst()) : text)
    let header = rows.first?.fields ?? []
    var places: [Int] = []
    for column in columns {
      guard let place = header.firstIndex(of: column) else {
        throw DataSetError("\(file.path), line 1: there is no column `\(column)`.")
      }
      places.append(place)
    }
    var result: [Row] = []
    for row in rows.dropFirst() {
      guard row.fields.count == header.count else {
        throw DataSetError(
          "\(file.path), line \(row.line): expected \(header.count) fields, found \(row.fields.count).")
      }
      result.append(Row(line: row.line, fields: places.map { row.fields[$0] }))
    }
    return result
  }

  /// Lines with nothing on them are left out.
  static func split(_ text: String) -> [Row] {
    var rows: [Row] = []
    var fields = [""]
    var (line, start) = (1, 1)
    var isQuoted = false
    func endRow() {
      if fields != [""] { rows.append(Row(line: start, fields: fields)) }
      fields = [""]
    }
    var rest = text[...]
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        rest.removeFirst()
        fields[fields.count - 1].append(character)
      case "\"": isQuoted.toggle()
      case "," where !isQuoted: fields.append("")
      case _ where character.isNewline:
        line += 1
        if isQuoted {
          fields[fields.count - 1].append(character)
        } else {
          endRow()
          start = line
        }
      default: fields[fields.count - 1].append(character)
      }
    }
    endRow()
    return rows
  }
}
