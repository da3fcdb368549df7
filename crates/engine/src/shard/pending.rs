//! Rows whose label is known later: they were scored on arrival, and are learned once it is known.

use std::collections::VecDeque;

use gristmill_learn::{LearnError, StateError, StateReader, StateWriter, Stateful, Truth};
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::plan::definition::{Definition, shortest};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Lost, Section, each_is_a_part};

/// A row that waits for its label.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// When the label is known, in microseconds of event time.
    pub(super) due: i64,
    pub(super) time: i64,
    /// Its features when it was scored, and the model's numbers then.
    pub(super) features: Vec<f64>,
    pub(super) said: Vec<f64>,
    pub(super) truth: Truth,
    /// Its segment for each metric by segment.
    pub(super) segments: Vec<String>,
    /// The chunk in which it is estimated.
    pub(super) chunk: Option<u64>,
}

/// All rows that wait, in the order in which their labels become known.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// How much later than its row a label is known, in microseconds of event time.
    delay: i64,
    rows: VecDeque<Waiting>,
}

impl Pending {
    /// When the label of a row is known that has this time.
    pub(super) fn due(&self, time: i64) -> i64 {
        time.saturating_add(self.delay)
    }

    pub(super) fn push(&mut self, row: Waiting) {
        let place = self.rows.partition_point(|other| other.due <= row.due);
        self.rows.insert(place, row);
    }

    /// The next row whose label is known by now.
    pub(super) fn pop(&mut self, now: i64) -> Option<Waiting> {
        self.rows.front().is_some_and(|row| row.due <= now).then(|| self.rows.pop_front()).flatten()
    }
}

impl Section for Option<Pending> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(plan.delay().map(|delay| Pending { delay, rows: VecDeque::new() }))
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let Some(delay) = plan.delay() else { return Vec::new() };
        let segment = |(metric, column): &(usize, usize)| {
            json!([plan.metrics.get(*metric).map(shortest), plan.named(Some(*column))])
        };
        let segments: Value = plan.segments.iter().map(segment).collect();
        vec![Definition::new("pending", &json!({"delay": delay, "inputs": seen, "segments": segments}))]
    }

    each_is_a_part!();

    fn lost(name: &str, saved: &[u8]) -> Result<Option<Lost>, StateError> {
        let what = "wait for their labels and will never be learned";
        if name == "pending" { Lost::waiting(what, saved, ("pending", 0)) } else { Ok(None) }
    }
}

impl Stateful for Pending {
    fn save(&self, to: &mut StateWriter) {
        // Without estimates the bytes are as they were before there were any.
        let estimated = self.rows.iter().any(|row| row.chunk.is_some());
        to.begin("pending", if estimated { 2 } else { 1 });
        to.u64(self.rows.len() as u64);
        for row in &self.rows {
            to.u64(row.due as u64);
            to.u64(row.time as u64);
            row.features.save(to);
            row.said.save(to);
            match row.truth {
                Truth::Class(class) => {
                    to.u64(0);
                    to.u64(u64::from(class));
                }
                Truth::Value(value) => {
                    to.u64(1);
                    to.u64(value.to_bits());
                }
            }
            row.segments.save(to);
            if estimated {
                row.chunk.save(to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let estimated = from.begin("pending", 2)? > 1;
        self.rows.clear();
        for _ in 0..from.length(48)? {
            let (due, time) = (from.u64()? as i64, from.u64()? as i64);
            let (mut features, mut said, mut segments) = (Vec::new(), Vec::new(), Vec::new());
            features.load(from)?;
            said.load(from)?;
            let truth = match (from.u64()?, from.u64()?) {
                (0, class) => Truth::Class(class as u32),
                (_, bits) => Truth::Value(f64::from_bits(bits)),
            };
            segments.load(from)?;
            let mut chunk = None;
            if estimated {
                chunk.load(from)?;
            }
            self.rows.push_back(Waiting { due, time, features, said, truth, segments, chunk });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let row =
            |row: &Waiting| size_of::<Waiting>() + 8 * (row.features.len() + row.said.len()) + row.segments.size();
        self.rows.iter().map(row).sum()
    }
}
