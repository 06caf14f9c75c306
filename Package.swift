// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors in our own targets; packages we depend on are left alone.
let swiftSettings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),  // SE-0335
  .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
  .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

/// A Swift library of ours. A target may depend only on what stands above it in this manifest.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// A thin C shim around a Debian library whose interface Swift cannot call safely by itself.
func shim(_ name: String, links libraries: [String] = []) -> Target {
  .target(name: name, cSettings: cSettings, linkerSettings: libraries.map { .linkedLibrary($0) })
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: swiftSettings)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "assayd",
  products: [
    .executable(name: "assayd", targets: ["assayd"]),
    .executable(name: "assayctl", targets: ["assayctl"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CKernels", cSettings: cSettings + [.unsafeFlags(["-O3"])]),
    shim("CThreads"),
    shim("CAllocations"),
    shim("CHeap"),
    shim("CJPEG", links: ["jpeg"]),
    shim("CPNG", links: ["png16"]),
    shim("CVideo4Linux"),
    .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),

    library("Compute", ["CKernels", "CThreads", "COpenBLAS"]),
    library("Imaging", ["CJPEG", "CPNG", "CKernels", "Compute"]),
    library("Transformer", ["Compute", "Imaging", crypto]),
    library("Inspection", ["Transformer", "Imaging", crypto]),
    library("PromptLearning", ["Inspection", "Transformer", "Compute", "CKernels"]),
    library("Evaluation", ["PromptLearning", "Inspection", "CCairo"]),
    library("Capture", ["Imaging", "CVideo4Linux"]),
    library("Messaging", ["CMosquitto", grdb, logging]),
    library("Station", ["PromptLearning", "Inspection", "Capture", "Messaging", yams, logging, lifecycle]),
    library("Console", ["Station", "Messaging", hummingbird, logging, lifecycle]),

    .executableTarget(
      name: "assayd",
      dependencies: ["Station", "Console", "Inspection", "CHeap", argumentParser, logging, lifecycle],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "assayctl",
      dependencies: ["Station", "PromptLearning", "Evaluation", "CAllocations", argumentParser, logging],
      swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["Transformer", "Imaging", "Compute"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .target(
      name: "FuzzTargets",
      dependencies: ["Station", "Messaging", "Inspection", "Transformer", "Imaging", "Compute"],
      path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),
    tests("FuzzTests", ["FuzzTargets"]),
    tests("ComputeTests", ["Compute", "CKernels"]),
    tests("ImagingTests", ["Imaging", "CJPEG", crypto]),
    tests("TransformerTests", ["Transformer", "Compute", "Imaging"]),
    tests("InspectionTests", ["Inspection"]),
    tests("PromptLearningTests", ["PromptLearning", "Inspection", "Transformer", "Compute"]),
    tests("EvaluationTests", ["Evaluation"]),
    tests("CaptureTests", ["Capture"]),
    // The disk as a power cut leaves it; in an executable of its own, for its functions take the C library's place.
    .target(name: "CPowerCut", path: "Tests/CPowerCut", cSettings: cSettings),
    .executableTarget(
      name: "power-cut", dependencies: ["CPowerCut", "Station", "Inspection", "Messaging", logging],
      path: "Tests/PowerCut", swiftSettings: swiftSettings,
      linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]),
    tests("MessagingTests", ["Messaging"]),
    tests("StationTests", ["Station", "power-cut"]),
    tests("ConsoleTests", ["Console"]),
  ],
  swiftLanguageModes: [.v6]
)

// Scripts/fuzz asks for it; the main function comes with libFuzzer.
if Context.environment["ASSAYD_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(name: "assayd-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver"))
}

// Scripts/test-sanitised asks for it, so that the thread sanitiser knows what Swift's locks do. All programs have Compute.
if Context.environment["ASSAYD_SANITISER"] == "thread" {
  package.targets.append(.target(name: "CSwiftMutex", path: "Tests/CSwiftMutex", cSettings: cSettings))
  for target in package.targets where target.name == "Compute" { target.dependencies.append("CSwiftMutex") }
}
