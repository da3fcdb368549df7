//! Numbers as most files have them: a few digits, perhaps a point.

/// So many digits are less than 2^53, so that a float holds them exactly.
const DIGITS: usize = 15;
/// Powers of ten, which a float holds exactly as well.
const POWERS: [f64; DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number that a text spells, where that is plain: then one division of two exact numbers rounds right (W. D.
/// Clinger, How to read floating point numbers accurately, 1990). Everything else is for the standard library.
pub(super) fn plain(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // A point beside the digits, at least one of which must be there.
    if digits.is_empty() || digits.len() > DIGITS + 1 {
        return None;
    }
    let (mut mantissa, mut point) = (0_u64, None);
    for (place, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(place);
        } else {
            return None;
        }
    }
    let behind = point.map_or(0, |point| digits.len() - point - 1);
    if digits.len() - usize::from(point.is_some()) == 0 || mantissa >= 1 << 53 {
        return None;
    }
    let number = mantissa as f64 / POWERS.get(behind)?;
    Some(if negative { -number } else { number })
}

/// A number at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Without a point.
    Whole(i64),
    /// With one.
    Fraction(f64),
}

/// The number that a text begins with, where JSON would have it and it is plain, and what is behind it.
pub(super) fn leading(text: &str) -> Option<(Number, &str)> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (mut mantissa, mut point, mut end) = (0_u64, None, 0);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(end),
            b'.' | b'e' | b'E' => return None,
            _ => break,
        }
        end += 1;
        if end > DIGITS + 1 {
            return None;
        }
    }
    let whole = point.unwrap_or(end);
    let behind = point.map_or(0, |point| end - point - 1);
    // JSON has digits on both sides of a point, and no 0 before others.
    let spelled = whole > 0 && (point.is_none() || behind > 0) && (whole == 1 || !digits.starts_with('0'));
    if !spelled || whole + behind > DIGITS {
        return None;
    }
    let rest = digits.get(end..)?;
    if point.is_none() {
        // JSON's -0 is a fraction.
        let whole = if negative { -(mantissa as i64) } else { mantissa as i64 };
        return (!negative || mantissa > 0).then_some((Number::Whole(whole), rest));
    }
    let number = mantissa as f64 / POWERS.get(behind)?;
    Some((Number::Fraction(if negative { -number } else { number }), rest))
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
