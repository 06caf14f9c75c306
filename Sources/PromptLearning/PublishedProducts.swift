public import Inspection

/// The words PromptAD was published with for the categories of MVTec AD and VisA.
///
/// They were written from the data sets' own defect labels, which the paper says: a comparison with published figures
/// needs them, a recipe of one's own does not. Spelling is as published.
public enum PublishedProducts {
  /// A category's words: `pcb1` is a `printed circuit board`. One that is not listed is called by its own name, and can have
  /// what any product can (`DefectPhrase.generic`).
  public static func recipe(of category: String) -> PromptRecipe {
    PromptRecipe(product: names[category] ?? category, defects: words[category] ?? [])
  }

  private static let names = [
    "macaroni1": "macaroni", "macaroni2": "macaroni", "pcb1": "printed circuit board",
    "pcb2": "printed circuit board", "pcb3": "printed circuit board", "pcb4": "printed circuit board",
    "pipe_fryum": "pipe fryum", "chewinggum": "chewing gum", "metal_nut": "metal nut",
  ]

  private static let words: [String: [String]] = [
    "bottle": ["large breakage", "small breakage", "contamination"],
    "cable": ["bent wire", "missing part", "missing wire", "cut", "poke"],
    "capsule": ["crack", "faulty imprint", "poke", "scratch", "{} squeezed with compression"],
    "carpet": ["hole", "color stain", "metal contamination", "thread residue", "thread", "cut"],
    "grid": ["breakage", "thread residue", "thread", "metal contamination", "glue", "a bent shape"],
    "hazelnut": ["crack", "cut", "hole", "print"],
    "leather": ["color stain", "cut", "fold", "glue", "poke"],
    "metal_nut": ["a bent shape", "color stain", "a flipped orientation", "scratch"],
    "pill": ["color stain", "contamination", "crack", "faulty imprint", "scratch", "abnormal type"],
    "screw": ["manipulated front", "scratch neck", "scratch head"],
    "tile": ["crack", "glue strip", "gray stroke", "oil", "rough surface"],
    "toothbrush": ["defect", "anomaly"],
    "transistor": ["bent lead", "cut lead", "damage", "misplaced transistor"],
    "wood": ["color stain", "hole", "scratch", "liquid"],
    "zipper": [
      "broken teeth", "fabric border", "defect fabric", "broken fabric", "split teeth", "squeezed teeth",
    ],
    "candle": [
      "melded wax", "foreign particals", "extra wax", "chunk of wax missing", "weird candle wick",
      "damaged corner of packaging", "different colour spot",
    ],
    "capsules": ["scratch", "discolor", "misshape", "leak", "bubble"],
    "cashew": ["breakage", "small scratches", "burnt", "stuck together", "spot"],
    "chewinggum": ["corner missing", "scratches", "chunk of gum missing", "colour spot", "cracks"],
    "fryum": ["breakage", "scratches", "burnt", "colour spot", "fryum stuck together", "colour spot"],
    "macaroni1": macaroni, "macaroni2": macaroni,
    "pcb1": board, "pcb2": board, "pcb3": board,
    "pcb4": ["scratch", "extra", "missing", "wrong place", "damage", "burnt", "dirt"],
    "pipe_fryum": ["breakage", "small scratches", "burnt", "stuck together", "colour spot", "cracks"],
  ]

  private static let macaroni = [
    "color spot", "small chip around edge", "small scratches", "breakage", "cracks",
  ]
  private static let board = ["bent", "scratch", "missing", "melt"]
}
