public import ArgumentParser
public import Transformer

/// Where in a block tokens are read, and what is done with them.
struct TapOptions: ParsableArguments {
  @Option(
    help:
      "Where in the block: block (after all of it), attention (before its MLP) or values (the local path).")
  var place = TokenTap.Place.block

  @Flag(help: "Leave out the final LayerNorm.")
  var raw = false

  @Flag(help: "Project to the embedding that a CLIP model shares with text.")
  var project = false

  func tap(block: Int) -> TokenTap {
    TokenTap(block: block, place: place, normalised: !raw, projected: project)
  }
}

extension TokenTap.Place: ExpressibleByArgument {}
