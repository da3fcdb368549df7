//! The section of a shard: what its state depends on, and what it reports.

use gristmill_learn::{LearnError, StateError, StateReader, StateWriter};
use serde_json::{Map, Value, json};

use super::{Delays, LabelInput, Pending};
use crate::plan::Plan;
use crate::plan::definition::{Definition, given, shortest, typed};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Lost, Section, each_is_a_part};

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

impl Section for Option<Pending> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(match plan.labels() {
            Some(labels) => Some(Pending::joined(labels)),
            None => plan.delay().map(Pending::delayed),
        })
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let segment = |(metric, column): &(usize, usize)| {
            json!([plan.metrics.get(*metric).map(shortest), plan.named(Some(*column))])
        };
        let segments: Value = plan.segments.iter().map(segment).collect();
        let defined = match (plan.labels(), plan.delay()) {
            (Some(labels), _) => {
                let LabelInput { columns, id, wait, .. } = labels;
                let by = [columns.get(*id).map(typed), plan.id.and_then(|id| plan.columns.get(id)).map(typed)];
                json!({"wait": wait, "by": by, "inputs": seen, "segments": segments})
            }
            (None, Some(delay)) => json!({"delay": delay, "inputs": seen, "segments": segments}),
            (None, None) => return Vec::new(),
        };
        vec![Definition::new("pending", &given(defined))]
    }

    each_is_a_part!();

    fn lost(name: &str, saved: &[u8]) -> Result<Option<Lost>, StateError> {
        let what = "wait for their labels and will never be learned";
        if name == "pending" { Lost::waiting(what, saved, ("pending", 0)) } else { Ok(None) }
    }
}
