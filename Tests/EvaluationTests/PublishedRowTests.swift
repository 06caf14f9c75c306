import Testing

@testable import Evaluation

@Suite struct PublishedRowTests {
  /// A typing error in one of hundreds of figures would show here: the mean over the categories is published, too.
  @Test(arguments: [Benchmark.mvtec, .visa]) func categoriesHaveThePublishedMeans(benchmark: Benchmark) throws
  {
    var compared = 0
    for method in ["PromptAD", "WinCLIP+", "PatchCore"] {
      for shots in [1, 2, 4] {
        let rows = PublishedRow.all.filter {
          $0.benchmark == benchmark && $0.method == method && $0.shots == shots
        }
        let mean = try #require(rows.first { $0.category == nil })
        let categories = rows.filter { $0.category != nil }
        #expect(categories.count == benchmark.categories.count)
        for metric in Metric.allCases {
          let values = categories.compactMap { $0.measured[metric] }
          guard let published = mean.measured[metric], values.count == categories.count else { continue }
          let computed = values.reduce(0, +) / Double(values.count)
          // Rounded to a tenth twice, and some published means are off by another.
          #expect(
            abs(computed - published) < 0.0025, "\(method) \(shots) \(metric): \(computed) \(published)")
          compared += 1
        }
      }
    }
    #expect(compared >= 22)
  }

  @Test func allFiguresArePercentages() {
    #expect(PublishedRow.all.count == 3 * 3 * 27 + 71 + 12)
    for row in PublishedRow.all {
      #expect([0, 1, 2, 4].contains(row.shots) && !row.source.isEmpty)
      for metric in Metric.allCases {
        let lowest = metric == .pixelAP ? 0.05 : 0.3
        if let value = row.measured[metric] { #expect((lowest...1).contains(value), "\(row)") }
        if let value = row.deviations[metric] { #expect((0.001...0.05).contains(value), "\(row)") }
      }
    }
  }

  private func isPercent(_ value: Double?, _ percent: Double) -> Bool {
    value.map { abs($0 * 100 - percent) < 1e-9 } ?? false
  }

  @Test func whatIsKnownForAProductIsFound() throws {
    for name in ["bottle", "mvtec-bottle", "MVTec_Bottle"] {
      let rows = PublishedRow.matching(product: name, shots: 2)
      #expect(rows.map(\.method) == ["PromptAD", "WinCLIP+", "PatchCore"])
      #expect(
        isPercent(rows.first?.measured[.imageAUROC], 99.4) && isPercent(rows.first?.measured[.aupro], 93.9))
    }
    for (name, value) in [("capsule", 84.6), ("capsules", 84.5)] {
      #expect(isPercent(PublishedRow.matching(product: name, shots: 1).first?.measured[.imageAUROC], value))
    }
    #expect(PublishedRow.matching(product: "bottle", shots: 3).isEmpty)
    #expect(PublishedRow.matching(product: "cookies", shots: 1).isEmpty)
    // No figures for MPDD's categories are known, only for all of them together.
    #expect(PublishedRow.matching(product: "metal_plate", shots: 1).isEmpty)
    let mpdd = PublishedRow.matching(products: Benchmark.mpdd.categories, shots: 1)
    #expect(mpdd.map(\.method) == ["PromptAD", "WinCLIP+", "PatchCore"])
    #expect(PublishedRow.matching(products: Benchmark.mvtec.categories.dropLast(), shots: 1).isEmpty)
    #expect(PublishedRow.matching(products: Benchmark.mvtec.categories + ["lid"], shots: 1).isEmpty)
    let all = PublishedRow.matching(products: Benchmark.mvtec.categories, shots: 4)
    #expect(isPercent(all.first?.measured[.imageAUROC], 96.6))
    #expect(isPercent(all.first?.deviations[.imageAUROC], 0.9))
    let none = PublishedRow.matching(products: Benchmark.visa.categories, shots: 0)
    #expect(none.map(\.method).contains("Bayes-PFL") && isPercent(none.first?.measured[.pixelAUROC], 79.6))
    #expect(PublishedRow.matching(product: "bottle", shots: 0).isEmpty)
  }
}
