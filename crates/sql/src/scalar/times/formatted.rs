//! Times parsed from text in formats of `chrono`, as DataFusion parses them, but in microseconds, over all years.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow_schema::DataType;
use chrono::format::{Parsed, StrftimeItems, parse};
use datafusion_common::{Result, exec_datafusion_err, exec_err};
use datafusion_expr::ColumnarValue;

use super::RANGE;

/// A time from its text, by the first format that matches.
pub(super) fn formatted(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
    let text = |given: &ColumnarValue| given.cast_to(&DataType::Utf8, None)?.to_array(rows);
    let [given, formats @ ..] = args else { return exec_err!("`to_timestamp` takes text and its formats") };
    let (given, formats) = (text(given)?, formats.iter().map(text).collect::<Result<Vec<_>>>()?);
    let given = given.as_string::<i32>();
    let read = |row: usize| -> Result<Option<i64>> {
        if given.is_null(row) {
            return Ok(None);
        }
        let mut failed = None;
        for format in formats.iter().map(|format| format.as_string::<i32>()).filter(|format| format.is_valid(row)) {
            match micros(given.value(row), format.value(row)) {
                Ok(micros) => return Ok(Some(micros)),
                Err(why) => failed = Some(exec_datafusion_err!("{why}")),
            }
        }
        failed.map_or(Ok(None), Err)
    };
    let made: TimestampMicrosecondArray = (0..given.len()).map(read).collect::<Result<_>>()?;
    Ok(Arc::new(made.with_timezone("UTC")))
}

/// Without an offset or a zone a text is UTC, without a time of day midnight. `%Z`, the name of a zone, comes last.
fn micros(text: &str, format: &str) -> Result<i64, String> {
    let wrong = |why: &str| format!("'{text}' is no time of the format '{format}': {why}");
    let (mut text_left, mut format_left, mut zone) = (text, format, None);
    if let Some(before) = format.trim_end().strip_suffix(" %Z") {
        if let Some((start, name)) = text.trim_end().rsplit_once(' ') {
            zone = Some(name.parse::<Tz>().map_err(|error| wrong(&error.to_string()))?);
            (text_left, format_left) = (start, before);
        }
    } else if format.contains("%Z") {
        return Err(wrong("`%Z` stands at the end, behind a space"));
    }
    let mut parsed = Parsed::new();
    parse(&mut parsed, text_left, StrftimeItems::new(format_left)).map_err(|error| wrong(&error.to_string()))?;
    let zoned = match zone {
        Some(zone) => parsed.to_datetime_with_timezone(&zone).map(|time| time.timestamp_micros()),
        None => parsed.to_datetime().map(|time| time.timestamp_micros()),
    };
    let unzoned = || {
        let time = parsed.to_naive_datetime_with_offset(0);
        let time = time.or_else(|_| parsed.to_naive_date().map(Into::into));
        time.map(|time: chrono::NaiveDateTime| time.and_utc().timestamp_micros())
    };
    let micros = zoned.or_else(|_| unzoned()).map_err(|error| wrong(&error.to_string()))?;
    if RANGE.contains(&micros) { Ok(micros) } else { Err("the time is beyond the year 9999".into()) }
}
