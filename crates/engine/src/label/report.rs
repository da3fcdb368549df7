//! What is reported of labels in records of their own.

use gristmill_learn::{StateError, StateReader, StateWriter};
use serde_json::{Value, json};

use super::Delays;

/// What has come of labels in records of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// Records with a label.
    pub labels: u64,
    /// Those that were the first for a row.
    pub joined: u64,
    /// Those that came before their row, if it has one.
    pub early: u64,
    /// Those that corrected an earlier one.
    pub corrected: u64,
    /// Those that repeated an earlier one.
    pub repeated: u64,
    /// Those whose row did not come, or had ceased to wait.
    pub unknown: u64,
    /// Records in which the label is missing.
    pub missing: u64,
    /// Rows that have ceased to wait.
    pub settled: u64,
    /// Those of them that had no label.
    pub unlabelled: u64,
    /// Rows and labels that were dropped for lack of memory.
    pub forgotten: u64,
    /// Rows that wait and have no label.
    pub waiting: u64,
    /// Labels that wait for their row.
    pub without_row: u64,
}

impl LabelCounts {
    fn saved(&mut self) -> [&mut u64; 10] {
        let Self {
            labels, joined, early, corrected, repeated, unknown, missing, settled, unlabelled, forgotten, ..
        } = self;
        [labels, joined, early, corrected, repeated, unknown, missing, settled, unlabelled, forgotten]
    }

    pub(super) fn save(mut self, to: &mut StateWriter) {
        self.saved().into_iter().for_each(|count| to.u64(*count));
    }

    pub(super) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.saved().into_iter().try_for_each(|count| {
            *count = from.u64()?;
            Ok(())
        })
    }
}

/// What has come of labels in records of their own, and how long they took.
#[derive(Debug, Clone, Default)]
pub struct LabelReport {
    /// The counts.
    pub counts: LabelCounts,
    /// How much later than their rows labels became known.
    pub delays: Delays,
}

impl LabelReport {
    /// Adds another shard's.
    pub fn absorb(&mut self, mut other: Self) {
        let (waiting, without_row) = (other.counts.waiting, other.counts.without_row);
        self.counts.saved().into_iter().zip(other.counts.saved()).for_each(|(mine, theirs)| *mine += *theirs);
        self.counts.waiting += waiting;
        self.counts.without_row += without_row;
        self.delays.absorb(&other.delays);
    }

    /// The share of rows that ceased to wait without a label; none before the first.
    pub fn unlabelled_share(&self) -> Option<f64> {
        let LabelCounts { settled, unlabelled, .. } = self.counts;
        (settled > 0).then(|| unlabelled as f64 / settled as f64)
    }

    /// As one object.
    pub fn to_json(&self) -> Value {
        let c = &self.counts;
        let seconds = |share: f64| self.delays.quantile(share) as f64 / 1e6;
        let delays = (self.delays.count() > 0).then(|| {
            json!({"p50": seconds(0.5), "p90": seconds(0.9), "p99": seconds(0.99),
                   "longest": self.delays.longest() as f64 / 1e6})
        });
        json!({
            "labels": c.labels, "joined": c.joined, "early": c.early, "corrected": c.corrected, "repeated": c.repeated,
            "unknown": c.unknown, "missing": c.missing, "settled": c.settled, "unlabelled": c.unlabelled,
            "unlabelled_share": self.unlabelled_share(), "forgotten": c.forgotten, "waiting": c.waiting,
            "without_row": c.without_row, "delay_seconds": delays,
        })
    }
}

/// A report of them in words, line by line, with the metrics as they were known when they came.
pub(crate) fn in_words(labels: &Value, then: impl Iterator<Item = String>) -> Vec<String> {
    let count = |name: &str| labels.get(name).and_then(Value::as_u64).unwrap_or(0);
    let said = [
        ("joined", "joined"),
        ("corrected", "corrections"),
        ("repeated", "repeated"),
        ("unknown", "without a row"),
        ("missing", "empty"),
        ("forgotten", "forgotten, for want of room"),
        ("waiting", "rows wait"),
    ];
    let any = said.iter().filter(|(name, _)| count(name) > 0);
    let counts: Vec<String> = any.map(|(name, said)| format!("{} {said}", count(name))).collect();
    let mut lines = vec![format!("labels        {}: {}", count("labels"), counts.join(", "))];
    if let Some(share) = labels.get("unlabelled_share").and_then(Value::as_f64) {
        let (rows, settled, percent) = (count("unlabelled"), count("settled"), 100.0 * share);
        lines.push(format!("              {rows} of {settled} rows had none after their wait ({percent:.1} %)"));
    }
    let delay = |share: &str| {
        let seconds = labels.get("delay_seconds").and_then(|delays| delays.get(share)).and_then(Value::as_f64)?;
        Some(roughly(seconds))
    };
    if let (Some(half), Some(most)) = (delay("p50"), delay("p99")) {
        lines.push(format!("              half of them within {half}, 99 % within {most}"));
    }
    lines.extend(then.map(|metric| format!("              as it was known when they came: {metric}")));
    lines
}

/// A length of time, to about two digits.
fn roughly(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3_600.0, "hours"), (60.0, "min"), (1.0, "s")];
    match units.into_iter().find(|(unit, _)| seconds >= 2.0 * unit) {
        Some((unit, name)) if seconds >= 10.0 * unit => format!("{:.0} {name}", seconds / unit),
        Some((unit, name)) => format!("{:.1} {name}", seconds / unit),
        None => format!("{:.0} ms", seconds * 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_as_people_do() {
        let said = [0.0, 0.0123, 1.5, 2.0, 59.0, 119.0, 1_800.0, 68_719.0, 604_799.0, 9e6].map(roughly);
        let expected =
            ["0 ms", "12 ms", "1500 ms", "2.0 s", "59 s", "119 s", "30 min", "19 hours", "7.0 days", "104 days"];
        assert_eq!(said, expected);
    }
}
