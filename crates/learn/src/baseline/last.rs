//! The label of the row before.

use super::Baseline;
use crate::{StateError, StateReader, StateWriter, Stateful, Truth};

/// Predicts the last label: `last_class` or `last_value` (persistence). Hard to beat on slow streams.
#[derive(Debug, Clone)]
pub struct Last {
    name: &'static str,
    last: Option<f64>,
}

impl Last {
    /// The class of the last row.
    pub fn class() -> Self {
        Self { name: "last_class", last: None }
    }

    /// The value of the last row.
    pub fn value() -> Self {
        Self { name: "last_value", last: None }
    }
}

impl Baseline for Last {
    fn name(&self) -> &'static str {
        self.name
    }

    fn predict(&self) -> Option<f64> {
        self.last
    }

    fn learn(&mut self, truth: Truth) {
        self.last = Some(truth.number());
    }
}

impl Stateful for Last {
    fn save(&self, to: &mut StateWriter) {
        to.begin(self.name, 1);
        to.f64(self.last.unwrap_or(f64::NAN));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(self.name, 1)?;
        self.last = Some(from.f64()?).filter(|last| !last.is_nan());
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
