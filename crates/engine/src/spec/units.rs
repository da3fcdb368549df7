//! Durations and sizes with their units.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A length of time: a number and its unit, `100 ms`, `7 days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many milliseconds.
    pub const fn milliseconds(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }
}

/// A number of bytes: a number and its unit, `64 KB`, `1 GB`; a KB is 1024 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// The bytes, as sizes in memory are counted.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const SPANS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("second", 1_000),
    ("minute", 60_000),
    ("min", 60_000),
    ("hour", 3_600_000),
    ("day", 86_400_000),
];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)];

fn split(text: &str) -> Option<(f64, &str)> {
    let unit = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(unit);
    Some((number.parse().ok()?, unit.trim()))
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<&str> = SPANS.iter().map(|(name, _)| *name).collect();
            format!(
                "`{text}` is not a length of time: write a number and a unit, as `100 ms`, `7 days`; units are {}",
                names.join(", ")
            )
        };
        let (number, unit) = split(text.trim()).ok_or_else(wrong)?;
        let known = |name: &str| unit == name || (name.len() > 2 && unit.strip_suffix('s') == Some(name));
        let (_, milliseconds) = SPANS.iter().find(|(name, _)| known(name)).ok_or_else(wrong)?;
        let total = number * *milliseconds as f64;
        if total > 1e15 { Err(wrong()) } else { Ok(Self(Duration::from_micros((total * 1e3) as u64))) }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<&str> = SIZES.iter().map(|(name, _)| *name).collect();
            format!(
                "`{text}` is not a size: write a number and a unit, as `64 KB`, `1 MB`; units are {}",
                names.join(", ")
            )
        };
        let (number, unit) = split(text.trim()).ok_or_else(wrong)?;
        let (_, bytes) = SIZES.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).ok_or_else(wrong)?;
        let total = number * *bytes as f64;
        if total > 1e15 { Err(wrong()) } else { Ok(Self(total as u64)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "min"), (1_000, "s")];
        let unit = units.iter().find(|(size, _)| milliseconds > 0 && milliseconds.is_multiple_of(*size));
        match unit {
            None if milliseconds == 0 => write!(f, "{} ms", self.0.as_secs_f64() * 1e3),
            None => write!(f, "{milliseconds} ms"),
            Some((size, unit)) => {
                let count = milliseconds / size;
                let plural = if count > 1 && (unit.len() > 3 || *unit == "day") { "s" } else { "" };
                write!(f, "{count} {unit}{plural}")
            }
        }
    }
}

/// As it is saved: what depends on a length of time in a saved state is compared by this text, so it never changes.
struct Saved<'a, T>(&'a T);

impl fmt::Display for Saved<'_, Span> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0.as_millis() {
            0 => write!(f, "{} ms", self.0.0.as_secs_f64() * 1e3),
            whole if whole.is_multiple_of(86_400_000) => write!(f, "{} days", whole / 86_400_000),
            whole if whole.is_multiple_of(1_000) => write!(f, "{} s", whole / 1_000),
            whole => write!(f, "{whole} ms"),
        }
    }
}

impl fmt::Display for Saved<'_, Size> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = SIZES.iter().rev().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = fits.copied().unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

macro_rules! as_text {
    ($type:ident, $format:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&Saved(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "format": $format, "description": $description})
            }
        }
    };
}

as_text!(Span, "span", "A number and its unit: `100 ms`, `30 s`, `5 minutes`, `1 hour`, `7 days`.");
as_text!(Size, "size", "A number and its unit: `512 B`, `64 KB`, `1 MB`, `1 GB`; a KB is 1024 bytes.");

/// Settings on one line as in a document, durations in their largest unit.
pub(crate) fn settings_line(settings: &Value) -> String {
    fn readable(value: &Value) -> Value {
        match value {
            Value::String(text) => text.parse::<Span>().map_or_else(|_| text.clone(), |span| span.to_string()).into(),
            Value::Array(items) => items.iter().map(readable).collect(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), readable(value))).collect(),
            other => other.clone(),
        }
    }
    readable(settings).to_string().replace('"', "").replace(':', ": ").replace(',', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, milliseconds) in [
            ("100 ms", 100),
            ("7 days", 604_800_000),
            ("1 hour", 3_600_000),
            ("0 s", 0),
            ("1.5 s", 1500),
            ("2min", 120_000),
        ] {
            assert_eq!(text.parse(), Ok(Span::milliseconds(milliseconds)), "{text}");
        }
        for wrong in ["", "5", "ms", "5 parsecs", "-5 s", "1e9 days", "1 h"] {
            let why = wrong.parse::<Span>().unwrap_err();
            assert!(why.contains("units are ms, s, second, minute, min, hour, day"), "{wrong}: {why}");
        }
        for (milliseconds, shown, saved) in [
            (100, "100 ms", "100 ms"),
            (1_500, "1500 ms", "1500 ms"),
            (1_000, "1 s", "1 s"),
            (90_000, "90 s", "90 s"),
            (600_000, "10 min", "600 s"),
            (3_600_000, "1 hour", "3600 s"),
            (5_400_000, "90 min", "5400 s"),
            (86_400_000, "1 day", "1 days"),
            (172_800_000, "2 days", "2 days"),
        ] {
            let span = Span::milliseconds(milliseconds);
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse(), Ok(span));
            assert_eq!(serde_json::to_value(span).unwrap(), saved);
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1 MB", 1 << 20), ("64kb", 65536), ("0.5 KB", 512), ("7 B", 7)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        assert!("12".parse::<Size>().is_err() && "1 XB".parse::<Size>().is_err());
        assert_eq!(Size(1 << 20).to_string(), "1 MB");
    }
}
