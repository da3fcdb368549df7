//! Calibration: the probability that a score means, learned from the labels of rows with that score.
//!
//! A calibrator reads only the last column: after a pretrained model, that is the model's score.

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

    /// Counts a row, keeping this share of the earlier ones; its label, if it has one and a weight above 0.
    fn count(&mut self, truth: Option<Truth>, weight: f64, keep: f64) -> Option<f64> {
        let Some(Truth::Class(class)) = truth.filter(|_| weight > 0.0 && weight.is_finite()) else { return None };
        let label = f64::from(u8::from(class == 1));
        if let [all, positive] = &mut *self.0 {
            *all = *all * keep + weight;
            *positive = *positive * keep + weight * label;
        }
        Some(label)
    }

    /// The share of positives, the prediction for a missing score; one half before the first label.
    fn share(&self) -> f64 {
        match &*self.0 {
            [all, positive] if *all > 0.0 => positive / all,
            _ => 0.5,
        }
    }
}
