//! Calibration: what a score means as a probability, learned from the labels of the rows that had it.
//!
//! A calibrator looks at the last column alone: where it stands behind a model from outside, that is the model's score.

mod isotonic_calibration;
mod platt_calibration;

pub use isotonic_calibration::{IsotonicCalibration, IsotonicCalibrationSettings};
pub use platt_calibration::{PlattCalibration, PlattCalibrationSettings, ScoreKind};
