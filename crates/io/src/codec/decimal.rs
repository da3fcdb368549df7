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

    proptest! {
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
