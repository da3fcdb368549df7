//! Calibration: what a score means as a probability, learned from the labels of the rows that had it.
//!
//! A calibrator looks at the last column alone: where it stands behind a model from outside, that is the model's score.

mod isotonic_calibration;
mod platt_calibration;

pub use isotonic_calibration::{IsotonicCalibration, IsotonicCalibrationSettings};
pub use platt_calibration::{PlattCalibration, PlattCalibrationSettings, ScoreKind};

use crate::Truth;
use crate::state::stateful;

/// The weight of all rows with a label so far, and of the positive ones.
#[derive(Debug, Clone)]
struct Seen(Box<[f64]>);

stateful!(Seen: 0);

impl Seen {
    fn nothing() -> Self {
        Self(vec![0.0, 0.0].into())
    }

    /// Counts a row, keeping so much of those before it; its label, where it has one and weighs anything.
    fn count(&mut self, truth: Option<Truth>, weight: f64, keep: f64) -> Option<f64> {
        let Some(Truth::Class(class)) = truth.filter(|_| weight > 0.0 && weight.is_finite()) else { return None };
        let label = f64::from(u8::from(class == 1));
        if let [all, positive] = &mut *self.0 {
            *all = *all * keep + weight;
            *positive = *positive * keep + weight * label;
        }
        Some(label)
    }

    /// The share of positives, which answers for a score that is missing; one half before the first label.
    fn share(&self) -> f64 {
        match &*self.0 {
            [all, positive] if *all > 0.0 => positive / all,
            _ => 0.5,
        }
    }
}
