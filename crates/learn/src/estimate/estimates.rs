//! What estimates come to, of one shard or of several.

use super::Estimated;
use crate::state::stateful;

/// A weighted mean; NaN of nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    weight: f64,
}

stateful!(Mean: sum, weight);

impl Mean {
    /// Of one value.
    pub(super) fn of(value: f64, weight: f64) -> Self {
        let mut mean = Self::default();
        mean.add(value, weight);
        mean
    }

    /// Adds a value; one that is not finite does not count.
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        if value.is_finite() {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    fn absorb(&mut self, other: Self) {
        self.sum += other.sum;
        self.weight += other.weight;
    }

    /// The mean.
    pub fn value(self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { f64::NAN }
    }

    /// The weight of all values.
    pub fn weight(self) -> f64 {
        self.weight
    }
}

/// What is estimated of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The metric.
    pub metric: Estimated,
    /// The estimate of the last chunk; of several shards the mean by rows.
    pub last: Mean,
    /// The estimates of all chunks with rows whose labels are not known, weighted by those rows.
    pub unlabelled: Mean,
    /// How far estimates were from what the metric was once the labels of the chunk were known, and in how many chunks.
    pub error: Mean,
    /// The same, had the metric of the reference been taken for an estimate.
    pub reference_error: Mean,
}

/// What is estimated of all metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimates {
    /// One for each metric.
    pub metrics: Vec<Estimate>,
    /// Chunks that have ended.
    pub chunks: u64,
    /// Chunks that were given up before all their labels were known, for lack of memory.
    pub given_up: u64,
}

impl Estimates {
    /// Adds those of another shard of the same pipeline.
    pub fn absorb(&mut self, other: &Self) {
        if self.metrics.is_empty() {
            self.metrics.clone_from(&other.metrics);
        } else {
            for (mine, theirs) in self.metrics.iter_mut().zip(&other.metrics) {
                mine.last.absorb(theirs.last);
                mine.unlabelled.absorb(theirs.unlabelled);
                mine.error.absorb(theirs.error);
                mine.reference_error.absorb(theirs.reference_error);
            }
        }
        self.chunks += other.chunks;
        self.given_up += other.given_up;
    }
}
