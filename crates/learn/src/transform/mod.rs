//! Fitted preparation steps.

mod standard_scaler;

pub use standard_scaler::{StandardScaler, StandardScalerSettings};
