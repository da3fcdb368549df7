//! Points in time as text: read generously, written as RFC 3339 in UTC.

use std::io::Write;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::spec::EpochUnit;

/// Microseconds since 1970 of a text: RFC 3339 with a zone, or date and time (or a date alone) taken as UTC.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let zoned = text.parse::<Timestamp>().ok();
    let timestamp = zoned.or_else(|| {
        // With a zone in brackets or an offset jiff would drop it here: only a bare date and time is meant.
        let bare = text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. T".contains(&byte));
        let time =
            text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(Default::default())));
        time.filter(|_| bare)?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    timestamp.map(Timestamp::as_microsecond)
}

/// Microseconds since 1970 of a number that counts in `unit`; none where the time is beyond the year 9999.
pub fn from_number(number: f64, unit: EpochUnit) -> Option<i64> {
    let scale = match unit {
        EpochUnit::S => 1e6,
        EpochUnit::Ms => 1e3,
        EpochUnit::Us => 1.0,
        EpochUnit::Auto if number.abs() < 1e11 => 1e6,
        EpochUnit::Auto if number.abs() < 1e14 => 1e3,
        EpochUnit::Auto => 1.0,
    };
    let micros = (number * scale).round();
    let fits = micros.is_finite() && Timestamp::from_microsecond(micros as i64).is_ok();
    fits.then_some(micros as i64)
}

/// Appends the time as RFC 3339 in UTC, as `2018-07-25T00:00:11Z`.
pub fn write(micros: i64, to: &mut Vec<u8>) {
    match Timestamp::from_microsecond(micros) {
        Ok(timestamp) => {
            // Writing to memory cannot fail.
            let _ = write!(to, "{timestamp}");
        }
        Err(_) => to.extend_from_slice(micros.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, micros) in [
            ("2018-04-01T00:00:31Z", Some(1_522_540_831_000_000)),
            ("2018-04-01 00:00:31", Some(1_522_540_831_000_000)),
            ("2018-04-01T02:00:31.25+02:00", Some(1_522_540_831_250_000)),
            ("2018-04-01", Some(1_522_540_800_000_000)),
            ("1969-12-31T23:59:59Z", Some(-1_000_000)),
            ("2018-04-31T00:00:00Z", None),
            ("yesterday", None),
            ("1522540831", None),
            ("", None),
        ] {
            assert_eq!(parse(text), micros, "{text}");
        }
    }

    #[test]
    fn numbers() {
        let expected = Some(1_522_540_831_000_000);
        assert_eq!(from_number(1_522_540_831.0, EpochUnit::S), expected);
        assert_eq!(from_number(1_522_540_831e3, EpochUnit::Ms), expected);
        for number in [1_522_540_831.0, 1_522_540_831e3, 1_522_540_831e6] {
            assert_eq!(from_number(number, EpochUnit::Auto), expected, "{number}");
        }
        assert_eq!(from_number(1e300, EpochUnit::S), None);
        assert_eq!(from_number(f64::NAN, EpochUnit::Ms), None);
    }

    #[test]
    fn written_back() {
        for text in ["2018-04-01T00:00:31Z", "2018-04-01T00:00:31.25Z", "1969-12-31T23:59:59Z"] {
            let mut bytes = Vec::new();
            write(parse(text).unwrap(), &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }
}
