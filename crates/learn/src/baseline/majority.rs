//! The class that came most often.

use super::Baseline;
use crate::{StateError, StateReader, StateWriter, Stateful, Truth};

/// Predicts the share of positive rows so far, and with it the majority class.
#[derive(Debug, Clone, Default)]
pub struct Majority {
    rows: u64,
    positives: u64,
}

const NAME: &str = "majority_class";

impl Baseline for Majority {
    fn name(&self) -> &'static str {
        NAME
    }

    fn predict(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.positives as f64 / self.rows as f64)
    }

    fn learn(&mut self, truth: Truth) {
        self.rows += 1;
        self.positives += u64::from(truth.number() == 1.0);
    }
}

impl Stateful for Majority {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.u64(self.rows);
        to.u64(self.positives);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        (self.rows, self.positives) = (from.u64()?, from.u64()?);
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
