//! The mean of all labels.

use super::Baseline;
use crate::state::stateful;
use crate::{Predictions, Truth};

/// Predicts the mean of the labels so far.
#[derive(Debug, Clone, Default)]
pub struct Mean {
    rows: u64,
    mean: f64,
}

stateful!(Mean, "mean", 1: rows, mean);

impl Baseline for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn predict(&self, out: &mut Predictions) {
        if self.rows > 0 {
            out.push(self.mean);
        }
    }

    fn learn(&mut self, truth: Truth) {
        self.rows += 1;
        self.mean += (truth.number() - self.mean) / self.rows as f64;
    }
}
