import Foundation
import Imaging
import Station

extension StationConfiguration {
  /// The region of interest of the lines that run a recipe, which its references are cut to.
  ///
  /// - Throws: where two lines disagree.
  func region(ofRecipe recipe: String) throws -> PixelRect? {
    let lines = lines.filter { $0.recipe == recipe }
    let regions = Set(lines.map(\.region))
    guard regions.count <= 1 else {
      throw Failure(
        description:
          "The lines \(lines.map(\.name).joined(separator: ", ")) run recipe \(recipe) with different regions "
          + "of interest: give each a recipe of its own, or enrol from the running line.", status: EX_CONFIG)
    }
    return regions.first ?? nil
  }
}
