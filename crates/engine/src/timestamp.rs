//! Points in time as text: parsed leniently, written as RFC 3339 in UTC.

use std::io::Write;

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Timestamp};

use crate::spec::EpochUnit;

/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;
const SECOND: i64 = 1_000_000;

/// Microseconds since 1970 of a text: RFC 3339 with a zone, or date and time (or a date alone) in UTC. A date may
/// consist of digits alone, and so may a time of day after it.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(zoned) = text.parse::<Timestamp>() {
        return Some(zoned.as_microsecond());
    }
    // With a zone in brackets or an offset jiff would drop it here: only a bare date and time is accepted.
    let offset = text.get(10..).is_some_and(|behind| behind.contains('-'));
    let bare = !offset && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. T".contains(&byte));
    let civil =
        || text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(Default::default())));
    let time = if bare { civil().or_else(|| digits(text)).map(|time| (time, 0)) } else { beyond_timestamps(text) };
    let (time, offset) = time?;
    Some(since_1970(time)? - offset).filter(|micros| *micros <= LAST)
}

/// The last hours of the year 9999 with a zone, which jiff's timestamps do not reach.
fn beyond_timestamps(text: &str) -> Option<(DateTime, i64)> {
    let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
    let offset = pieces.to_numeric_offset()?;
    Some((pieces.date().to_datetime(pieces.time()?), i64::from(offset.seconds()) * SECOND))
}

fn since_1970(time: DateTime) -> Option<i64> {
    i64::try_from(time.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_micros()).ok()
}

/// A date, and optionally a time of day to the minute or the second, of digits alone.
fn digits(text: &str) -> Option<DateTime> {
    if !matches!(text.len(), 8 | 12 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to).map_or(Some(0), |digits| digits.parse::<i8>().ok());
    let year = text.get(..4)?.parse::<i16>().ok()?;
    DateTime::new(year, number(4, 6)?, number(6, 8)?, number(8, 10)?, number(10, 12)?, number(12, 14)?, 0).ok()
}

/// Microseconds since 1970 of digits that spell a date of the years 1900 to 2100 rather than a count of seconds.
pub fn compact(text: &str) -> Option<i64> {
    digits(text).filter(|time| (1900..=2100).contains(&time.year())).and_then(since_1970)
}

/// Microseconds since 1970 of a number in `unit`; none if the time is beyond the year 9999.
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
    let fits = micros.is_finite() && Timestamp::from_microsecond((micros as i64).min(0)).is_ok();
    (fits && micros as i64 <= LAST).then_some(micros as i64)
}

/// Appends the time as RFC 3339 in UTC, as `2018-07-25T00:00:11Z`.
pub fn write(micros: i64, to: &mut Vec<u8>) {
    let since = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(SignedDuration::from_micros(micros));
    match since {
        Ok(time) => {
            // Writing to memory cannot fail.
            let _ = write!(to, "{time}Z");
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
            ("9999-12-31", Some(LAST + 1 - 86_400_000_000)),
            ("9999-12-31T23:59:59.999999Z", Some(LAST)),
            ("9999-12-31 23:59:59.999999", Some(LAST)),
            ("9999-12-31T23:59:59+01:00", Some(LAST + 1 - 3_601_000_000)),
            ("9999-12-31T23:59:59-00:01", None),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
            ("20240229", Some(1_709_164_800_000_000)),
            ("202402291314", Some(1_709_212_440_000_000)),
            ("20240229131415", Some(1_709_212_455_000_000)),
            ("20230229", None),
            ("20240229991415", None),
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
        assert_eq!(from_number(253_402_214_400.0, EpochUnit::S), Some(LAST + 1 - 86_400_000_000));
        assert_eq!(from_number(253_402_300_800.0, EpochUnit::S), None);
        assert_eq!(from_number(f64::NAN, EpochUnit::Ms), None);
    }

    #[test]
    fn written_back() {
        for text in
            ["2018-04-01T00:00:31Z", "2018-04-01T00:00:31.25Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"]
        {
            let mut bytes = Vec::new();
            write(parse(text).unwrap(), &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }
}
