//! The frames of windows.

use sqlparser::ast::{self, Expr, Interval, WindowFrameBound, WindowFrameUnits};

use super::Made;
use crate::mistake::Mistake;
use crate::scalar::syntax::Text;
use crate::window::Frame;

/// The frame; without one all earlier rows, as in standard SQL.
pub(super) fn frame(text: &Text<'_>, frame: Option<&ast::WindowFrame>, place: (usize, usize)) -> Made<Frame> {
    let Some(frame) = frame else { return Ok(Frame::Range(None, 0)) };
    let end = frame.end_bound.as_ref().unwrap_or(&WindowFrameBound::CurrentRow);
    let wrong = |message: &str| Err(Mistake::new(place, message));
    match frame.units {
        WindowFrameUnits::Range => {
            let from = bound(text, &frame.start_bound, place, "RANGE", interval)?;
            let upto = bound(text, end, place, "RANGE", interval)?;
            match (from, upto) {
                (_, None) => wrong("a window cannot end before the first row"),
                (Some(from), Some(upto)) if from < upto => wrong("the window ends before it begins"),
                (from, Some(upto)) => Ok(Frame::Range(from, upto)),
            }
        }
        WindowFrameUnits::Rows => {
            let from = bound(text, &frame.start_bound, place, "ROWS", |_, expr| rows(expr))?;
            let upto = bound(text, end, place, "ROWS", |_, expr| rows(expr))?;
            match (from, upto) {
                (_, None) => wrong("a window cannot end before the first row"),
                (Some(from), Some(upto)) if from < upto => wrong("the window ends before it begins"),
                (from, Some(upto)) => Ok(Frame::Rows(from, upto)),
            }
        }
        WindowFrameUnits::Groups => wrong("GROUPS is not offered: use RANGE or ROWS"),
    }
}

fn bound<T: Default>(
    text: &Text<'_>,
    bound: &WindowFrameBound,
    place: (usize, usize),
    units: &str,
    read: impl Fn(&Text<'_>, &Expr) -> Result<T, String>,
) -> Made<Option<T>> {
    match bound {
        WindowFrameBound::CurrentRow => Ok(Some(T::default())),
        WindowFrameBound::Preceding(None) => Ok(None),
        WindowFrameBound::Preceding(Some(expr)) => {
            read(text, expr).map(Some).map_err(|why| Mistake::new(text.of(expr), format!("{units} {why}")))
        }
        WindowFrameBound::Following(_) => {
            Err(Mistake::new(place, "FOLLOWING is the future: a row is answered before the next one comes"))
        }
    }
}

fn rows(expr: &Expr) -> Result<u64, String> {
    let number = expr.to_string().parse().ok().filter(|number: &u64| *number <= 1_000_000_000);
    number.ok_or_else(|| "takes a number of rows, such as `ROWS 10 PRECEDING`".into())
}

/// The units of an interval with a fixed length, in microseconds.
const UNITS: [(&[&str], i64); 7] = [
    (&["microsecond", "us"], 1),
    (&["millisecond", "ms"], 1_000),
    (&["second", "sec", "s"], 1_000_000),
    (&["minute", "min"], 60_000_000),
    (&["hour", "h"], 3_600_000_000),
    (&["day", "d"], 86_400_000_000),
    (&["week", "w"], 604_800_000_000),
];

fn unit(name: &str) -> Result<i64, String> {
    let name = name.to_lowercase();
    let single = name.strip_suffix('s').unwrap_or(&name);
    let found = UNITS.iter().find(|(names, _)| names.contains(&name.as_str()) || names.contains(&single));
    found.map(|(_, micros)| *micros).ok_or_else(|| match single {
        "month" | "year" | "quarter" | "decade" | "century" => {
            format!("takes a time that is always as long; a {single} is not: write days")
        }
        _ => format!("does not know the unit `{name}`: use days, hours, minutes or seconds"),
    })
}

/// An interval in microseconds.
fn interval(_: &Text<'_>, expr: &Expr) -> Result<i64, String> {
    let wanted = || "takes a time, such as `RANGE INTERVAL '1 day' PRECEDING`".to_string();
    let Expr::Interval(Interval { value, leading_field, last_field: None, .. }) = expr else { return Err(wanted()) };
    let Expr::Value(ast::ValueWithSpan { value, .. }) = value.as_ref() else { return Err(wanted()) };
    let (ast::Value::SingleQuotedString(written) | ast::Value::Number(written, _)) = value else {
        return Err(wanted());
    };
    let mut words: Vec<String> = written.split_whitespace().map(String::from).collect();
    if let (Some(field), 1) = (leading_field, words.len()) {
        words.push(field.to_string());
    } else if leading_field.is_some() {
        return Err(wanted());
    }
    let mut micros = 0_i64;
    for pair in words.chunks(2) {
        let [number, name] = pair else { return Err(wanted()) };
        let number: f64 = number.parse().map_err(|_| wanted())?;
        let part = number * unit(name)? as f64;
        if !(0.0..9e18).contains(&part) {
            return Err("takes a time of 0 or more".into());
        }
        micros = micros.checked_add(part.round() as i64).ok_or_else(wanted)?;
    }
    if words.is_empty() { Err(wanted()) } else { Ok(micros) }
}
