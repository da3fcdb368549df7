//! Decimal numbers as in most files: a few digits, optionally a point.

/// This many digits are less than 2^53, so that a float represents them exactly.
const DIGITS: usize = 15;
/// Powers of ten, which a float also represents exactly.
const POWERS: [f64; DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Digits at the beginning of a text, with an optional point among them.
struct Digits {
    mantissa: u64,
    point: Option<usize>,
    /// The number of bytes.
    end: usize,
}

impl Digits {
    /// None if there are more than a float represents.
    fn of(text: &str) -> Option<Self> {
        let mut found = Self { mantissa: 0, point: None, end: 0 };
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => found.mantissa = found.mantissa * 10 + u64::from(byte - b'0'),
                b'.' if found.point.is_none() => found.point = Some(found.end),
                _ => break,
            }
            found.end += 1;
            // A point beside the digits.
            if found.end > DIGITS + 1 {
                return None;
            }
        }
        (found.mantissa < 1 << 53).then_some(found)
    }

    /// The numbers of digits before and after the point.
    fn sides(&self) -> (usize, usize) {
        let whole = self.point.unwrap_or(self.end);
        (whole, self.end - whole - usize::from(self.point.is_some()))
    }

    /// One division of two exact numbers rounds correctly (W. D. Clinger, How to read floating point numbers
    /// accurately, 1990).
    fn number(&self, negative: bool) -> Option<f64> {
        let number = self.mantissa as f64 / POWERS.get(self.sides().1)?;
        Some(if negative { -number } else { number })
    }
}

fn signed(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |digits| (true, digits))
}

/// The number in a text, if its notation is plain. Everything else is left to the standard library.
pub(super) fn plain(text: &str) -> Option<f64> {
    let (negative, text) = signed(text);
    let digits = Digits::of(text)?;
    if digits.end < text.len() || digits.sides() == (0, 0) {
        return None;
    }
    digits.number(negative)
}

/// A number at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Without a point.
    Whole(i64),
    /// With one.
    Fraction(f64),
}

/// The number at the beginning of a text, if JSON allows it and it is plain, and the text after it.
pub(super) fn leading(text: &str) -> Option<(Number, &str)> {
    let (negative, text) = signed(text);
    let digits = Digits::of(text)?;
    let (whole, behind) = digits.sides();
    // JSON has digits on both sides of a point, and no 0 before others.
    let spelled = whole > 0 && digits.point.is_some() == (behind > 0) && (whole == 1 || !text.starts_with('0'));
    let rest = text.get(digits.end..)?;
    if !spelled || whole + behind > DIGITS || rest.starts_with(['.', 'e', 'E']) {
        return None;
    }
    if digits.point.is_some() {
        return Some((Number::Fraction(digits.number(negative)?), rest));
    }
    // JSON's -0 is a fraction.
    let whole = digits.mantissa as i64;
    (!negative || whole > 0).then_some((Number::Whole(if negative { -whole } else { whole }), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_plain_is_left_alone() {
        for text in ["", "-", ".", "-.", "+1", " 1", "1e5", "1.2.3", "nan", "inf", "1,5", "12345678901234567", "٣"] {
            assert_eq!(plain(text), None, "{text:?}");
        }
        for (text, number) in [("0", 0.0), ("-0", -0.0), ("1.", 1.0), (".5", 0.5), ("-7.25", -7.25)] {
            assert_eq!(plain(text).map(f64::to_bits), Some(f64::to_bits(number)), "{text:?}");
        }
    }

    #[test]
    fn a_number_ends_where_json_ends_it() {
        for text in ["", "-", "-0", "-0,", "01", "1.", ".5", "1.,", "1e5", "1.5E3", "1.2.3", "1234567890123456", "x"] {
            assert_eq!(leading(text), None, "{text:?}");
        }
        assert_eq!(leading("0}"), Some((Number::Whole(0), "}")));
        assert_eq!(leading("-17,"), Some((Number::Whole(-17), ",")));
        assert_eq!(leading("-0.0 "), Some((Number::Fraction(-0.0), " ")));
        assert_eq!(leading("0.25"), Some((Number::Fraction(0.25), "")));
        assert_eq!(leading("123456789012345"), Some((Number::Whole(123_456_789_012_345), "")));
    }

    proptest! {
        #[test]
        fn leading_numbers_are_those_of_a_parser(text in "-?[0-9.eE+-]{0,18}") {
            if let Some((number, rest)) = leading(&text) {
                let spelled = &text[..text.len() - rest.len()];
                let value: serde_json::Value = serde_json::from_str(spelled).unwrap();
                match number {
                    Number::Whole(whole) => prop_assert_eq!(value.as_i64(), Some(whole)),
                    Number::Fraction(number) => {
                        prop_assert!(value.is_f64());
                        prop_assert_eq!(value.as_f64().map(f64::to_bits), Some(number.to_bits()));
                    }
                }
            }
        }

        #[test]
        fn it_says_what_the_standard_library_says(text in "-?[0-9]{0,17}\\.?[0-9]{0,17}") {
            if let Some(number) = plain(&text) {
                prop_assert_eq!(number.to_bits(), text.parse::<f64>().unwrap().to_bits());
            }
        }

        #[test]
        fn so_it_does_of_short_ones(whole in 0_u32..1_000_000, behind in "[0-9]{0,8}") {
            let text = format!("{whole}.{behind}");
            prop_assert_eq!(plain(&text).unwrap().to_bits(), text.parse::<f64>().unwrap().to_bits());
        }
    }
}
