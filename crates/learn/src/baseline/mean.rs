//! The mean of all labels.

use super::Baseline;
use crate::{StateError, StateReader, StateWriter, Stateful, Truth};

/// Predicts the mean of the labels so far.
#[derive(Debug, Clone, Default)]
pub struct Mean {
    rows: u64,
    mean: f64,
}

const NAME: &str = "mean";

impl Baseline for Mean {
    fn name(&self) -> &'static str {
        NAME
    }

    fn predict(&self) -> Option<f64> {
        (self.rows > 0).then_some(self.mean)
    }

    fn learn(&mut self, truth: Truth) {
        self.rows += 1;
        self.mean += (truth.number() - self.mean) / self.rows as f64;
    }
}

impl Stateful for Mean {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.u64(self.rows);
        to.f64(self.mean);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        (self.rows, self.mean) = (from.u64()?, from.f64()?);
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
