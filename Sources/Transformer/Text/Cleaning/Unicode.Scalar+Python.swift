/// Properties as Python and its `regex` package have them, for the tokeniser must split as open_clip's does.
///
/// Swift's standard library and `regex` 2025.11 know Unicode 17, Python 3.11 knows Unicode 14: to lower-casing, spaces and
/// normalisation, later characters are unassigned.
extension Unicode.Scalar {
  var isKnownToPython: Bool {
    guard let age = properties.age else { return false }
    return age.major <= 14
  }

  /// `str.isspace`.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  /// `\w` of Python's `re`.
  var isPythonWordCharacter: Bool {
    self == "_"
      || isKnownToPython && (isLetter || isNumber || properties.numericType != nil)
  }

  /// `\d` of Python's `re`.
  var isPythonDigit: Bool { isKnownToPython && properties.generalCategory == .decimalNumber }

  /// `\p{L}`.
  var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// `\p{N}`.
  var isNumber: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// `str.upper` of one character.
  var pythonUppercased: [Unicode.Scalar] {
    isKnownToPython ? Array(properties.uppercaseMapping.unicodeScalars) : [self]
  }
}
