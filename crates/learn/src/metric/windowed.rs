//! Any metric over only the last rows.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use super::{Detail, Metric};
use crate::state::stateful;
use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

/// The extent of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// This many rows.
    Rows(u32),
    /// This many microseconds of event time.
    Time(i64),
}

/// Rows that a window can hold.
const MOST: u32 = 1_000_000;
const UNITS: [(&str, i64); 8] = [
    ("week", 604_800_000_000),
    ("day", 86_400_000_000),
    ("hour", 3_600_000_000),
    ("minute", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    // In the other notations for durations.
    ("min", 60_000_000),
    ("second", 1_000_000),
];

impl Window {
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.trim().split_once(' ')?;
        let unit = unit.trim();
        let (_, scale) = UNITS.iter().find(|(name, _)| unit == *name || unit.strip_suffix('s') == Some(name))?;
        let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
        Some(Self::Time(number.checked_mul(*scale)?))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Time(micros) => {
                let whole = |(_, scale): &&(&str, i64)| micros % scale == 0;
                let (unit, scale) = UNITS.iter().find(whole).copied().unwrap_or(("ms", 1_000));
                let (count, many) = (micros / scale, micros / scale > 1 && unit.len() > 2);
                write!(f, "{count} {unit}{}", if many { "s" } else { "" })
            }
        }
    }
}

impl serde::Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => serializer.serialize_u32(*rows),
            Self::Time(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows from 1 to 1,000,000, or a time such as `1 hour`")
            }

            fn visit_i64<E: serde::de::Error>(self, rows: i64) -> Result<Window, E> {
                let rows = u32::try_from(rows).ok().filter(|rows| (1..=MOST).contains(rows));
                rows.map(Window::Rows).ok_or_else(|| E::custom("a window holds 1 to 1,000,000 rows"))
            }

            fn visit_u64<E: serde::de::Error>(self, rows: u64) -> Result<Window, E> {
                self.visit_i64(i64::try_from(rows).unwrap_or(i64::MAX))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Window, E> {
                let units = UNITS.map(|(unit, _)| unit).join(", ");
                let problem = || E::custom(format!("`{text}` is no time; write it like `1 hour`; units: {units}"));
                Window::parse(text).ok_or_else(problem)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST},
                {"type": "string", "pattern": "^[0-9]+ (ms|s|seconds?|min|minutes?|hours?|days?|weeks?)$"}
            ]
        })
    }
}

/// Creates an empty metric.
type Make = Box<dyn Fn() -> Box<dyn Metric> + Send + Sync>;

/// A metric over the last rows: they are stored and counted again when the value is requested, so no error accumulates
/// from subtracting rows.
///
/// Metrics of several shards are averaged, weighted by rows: windows of different shards have no common order.
pub struct Windowed {
    window: Window,
    make: Make,
    /// The latest event time.
    now: u64,
    /// Whether the truth is a class, the truth, the predicted number.
    rows: VecDeque<(bool, (f64, f64))>,
    /// The time of each row; only for a window by time.
    times: VecDeque<u64>,
    /// The numbers of each row; only for any number of classes or clusters.
    classes: VecDeque<Vec<f64>>,
    absorbed: Vec<(f64, u64)>,
}

const NAME: &str = "window";

impl Windowed {
    /// The metric that `make` creates, over the last rows.
    pub fn new(window: Window, make: Make) -> Self {
        let (rows, times, classes) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { window, make, now: 0, rows, times, classes, absorbed: Vec::new() }
    }

    fn counted(&self) -> Box<dyn Metric> {
        let mut metric = (self.make)();
        for (index, (is_class, (truth, number))) in self.rows.iter().enumerate() {
            let truth = if *is_class { Truth::Class(*truth as u32) } else { Truth::Value(*truth) };
            let classes = self.classes.get(index).map(|classes| Prediction::Classes(classes));
            metric.update(truth, classes.unwrap_or(Prediction::Number(*number)));
        }
        metric
    }

    fn own(&self) -> (f64, u64) {
        (self.counted().value(), self.rows.len() as u64)
    }

    fn expire(&mut self) {
        let Window::Time(reach) = self.window else { return };
        let since = (self.now as i64).saturating_sub(reach);
        while self.times.front().is_some_and(|time| *time as i64 <= since) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        self.rows.pop_front();
        self.times.pop_front();
        self.classes.pop_front();
    }
}

impl Metric for Windowed {
    fn accepts(&self, task: Task) -> bool {
        (self.make)().accepts(task)
    }

    fn at(&mut self, time: i64) {
        // Event time of a window never goes back.
        self.now = self.now.max(time.max(0) as u64);
        self.expire();
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        if prediction.is_missing() {
            return;
        }
        let most = match self.window {
            Window::Rows(rows) => rows,
            Window::Time(_) => MOST,
        };
        if self.rows.len() >= most as usize {
            self.drop_oldest();
        }
        let number = match prediction {
            Prediction::Number(number) => number,
            Prediction::Classes(numbers) | Prediction::Distances(numbers) => {
                self.classes.push_back(numbers.to_vec());
                0.0
            }
        };
        if let Window::Time(_) = self.window {
            self.times.push_back(self.now);
        }
        self.rows.push_back((truth.class().is_some(), (truth.number(), number)));
    }

    fn value(&self) -> f64 {
        let parts = std::iter::once(self.own()).chain(self.absorbed.iter().copied());
        // A window without a value does not affect the others.
        let (sum, rows) = parts
            .filter(|(value, _)| !value.is_nan())
            .fold((0.0, 0), |(sum, rows), (value, more)| (sum + value * more as f64, rows + more));
        if rows == 0 { f64::NAN } else { sum / rows as f64 }
    }

    fn details(&self) -> Vec<Detail> {
        if self.absorbed.is_empty() { self.counted().details() } else { Vec::new() }
    }

    fn rows(&self) -> u64 {
        self.rows.len() as u64 + self.absorbed.iter().map(|(_, rows)| rows).sum::<u64>()
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = Self::new(self.window, Box::new(|| Box::new(super::AccuracySettings::default().whole())));
        other.load(saved)?;
        std::mem::swap(&mut self.make, &mut other.make);
        let own = other.own();
        std::mem::swap(&mut self.make, &mut other.make);
        self.absorbed.push(own);
        self.absorbed.append(&mut other.absorbed);
        Ok(())
    }
}

stateful!(Windowed, NAME, 1, |all| {
    let classes: usize = all.classes.iter().map(|classes| 24 + classes.len() * 8).sum();
    size_of::<Self>() + all.rows.len() * 24 + all.times.len() * 8 + classes + all.absorbed.len() * 16
}; now, rows, times, classes, absorbed);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::AccuracySettings;
    use crate::{MetricKind, StateWriter};

    fn accuracy(window: Window) -> Box<dyn Metric> {
        MetricKind::Accuracy(AccuracySettings { window: Some(window), by: None }).build()
    }

    #[test]
    fn only_the_last_rows_count() {
        let mut metric = accuracy(Window::Rows(2));
        for (score, expected) in [(0.9, 1.0), (0.1, 0.5), (0.2, 0.0), (0.8, 0.5), (0.7, 1.0)] {
            metric.update(Truth::Class(1), score.into());
            assert_eq!(metric.value(), expected);
        }
    }

    #[test]
    fn only_the_last_stretch_of_time_counts() {
        let mut metric = accuracy(Window::Time(10));
        for (time, score, expected) in
            [(5, 0.9, 1.0), (14, 0.1, 0.5), (15, 0.1, 0.0), (3, 0.9, 1.0 / 3.0), (40, 0.9, 1.0)]
        {
            metric.at(time);
            metric.update(Truth::Class(1), score.into());
            assert_eq!(metric.value(), expected);
        }
    }

    #[test]
    fn shards_are_averaged_by_rows() {
        let (mut three, mut one) = (accuracy(Window::Rows(10)), accuracy(Window::Rows(10)));
        (0..3).for_each(|_| three.update(Truth::Class(1), 0.9.into()));
        one.update(Truth::Class(1), 0.1.into());
        let saved = StateWriter::of(one.as_ref());
        three.absorb(&mut StateReader::new(&saved)).unwrap();
        assert_eq!((three.value(), three.rows()), (0.75, 4));
    }

    #[test]
    fn times_as_written() {
        for (text, micros) in [("1 hour", 3_600_000_000), ("30 minutes", 1_800_000_000), ("500 ms", 500_000)] {
            let window = Window::parse(text).unwrap();
            assert_eq!((window, window.to_string().as_str()), (Window::Time(micros), text));
        }
        assert_eq!(
            [Window::parse("10 min"), Window::parse("90 seconds")],
            [Window::parse("10 minutes"), Window::parse("90 s")]
        );
        assert_eq!([Window::parse("soon"), Window::parse("0 s"), Window::parse("1")], [None; 3]);
    }
}
