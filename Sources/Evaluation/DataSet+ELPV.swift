import Foundation
import Imaging

/// ELPV: electroluminescence pictures of solar cells, each with the probability of a defect and the type of cell.
enum ELPV {
  static let labelFile = "labels.csv"

  /// Products are the types of cell. Probability 0 is good and 1 is defective; what lies between, which people did
  /// not agree on, is left out. There is no split: references are drawn from all good cells, the rest is judged.
  static func read(_ folder: URL) throws(DataSetError) -> DataSet {
    let file = folder.appending(path: labelFile)
    let text: String
    do {
      text = try String(contentsOf: file, encoding: .utf8)
    } catch {
      throw DataSetError("\(file.path) cannot be read: \(systemReason(error)).")
    }
    var products: [String: Product] = [:]
    var leftOut = 0
    for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard fields.count == 3, let probability = Double(fields[1]), (0...1).contains(probability) else {
        throw DataSetError(
          "\(file.path), entry \(number + 1): expected a picture, a probability from 0 to 1 and a type of cell."
        )
      }
      let type = String(fields[2])
      let picture = folder.appending(path: String(fields[0]))
      var product = products[type] ?? Product(name: type, normals: [], tests: [])
      switch probability {
      case 0:
        product.normals.append(picture)
        product.tests.append(TestSample(file: picture, defect: nil))
      case 1:
        product.tests.append(TestSample(file: picture, defect: "defective"))
      default:
        leftOut += 1
      }
      products[type] = product
    }
    let notes =
      leftOut == 0
      ? [] : ["\(leftOut) cells whose probability of a defect is neither 0 nor 1 are left out."]
    return DataSet(products: products.values.sorted { $0.name < $1.name }, notes: notes)
  }
}
