/// Why a bank could not be made or read, or a picture not be judged. Each description is a sentence for a person.
public enum InspectionError: Error, Equatable, CustomStringConvertible {
  /// The options are not allowed, or do not fit what they are used with; the sentence says which and what is.
  case options(String)
  /// No reference was given.
  case noReferences
  /// Nothing can be compared with a picture of one flat colour.
  case flatReference(name: String)
  /// The bank was made with another model.
  case modelMismatch(bankModel: String, model: String)
  /// The calibration was made for another bank.
  case calibrationMismatch(calibrationBank: String, bank: String)
  /// A file of a recipe version is missing, truncated or altered.
  case damaged(file: String, reason: String)
  /// A version is written once and never changed.
  case exists(folder: String)
  /// The region of interest does not lie in the picture.
  case regionOutside(String)
  /// The system refused to read or write.
  case system(action: String, path: String, reason: String)
  /// The encoder refused its input, or what it delivered does not fit.
  case encoder(String)
  /// Normal scores that cannot be calibrated on; the sentence says why.
  case calibration(String)

  public var description: String {
    switch self {
    case .options(let sentence), .encoder(let sentence), .calibration(let sentence):
      sentence
    case .noReferences:
      "There is no reference: enrol at least one picture of a good part."
    case .flatReference(let name):
      "Reference \(name) is one flat colour and shows no part: leave it out."
    case .modelMismatch(let bankModel, let model):
      "The memory bank was made with model \(bankModel.prefix(12)) and the station runs model \(model.prefix(12)): "
        + "load that model, or enrol the references again."
    case .calibrationMismatch(let calibrationBank, let bank):
      "The calibration belongs to memory bank \(calibrationBank.prefix(12)), not to \(bank.prefix(12)): "
        + "calibrate this bank."
    case .damaged(let file, let reason):
      "\(file) is damaged: \(reason). Restore it from a backup, or enrol the references again."
    case .exists(let folder):
      "\(folder) exists already, and a version is never changed: write a new one."
    case .regionOutside(let reason):
      "The region of interest does not fit the picture. \(reason)"
    case .system(let action, let path, let reason):
      "Could not \(action) \(path): \(reason)."
    }
  }
}
