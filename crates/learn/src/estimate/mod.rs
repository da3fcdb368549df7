//! Estimates of metrics for rows whose labels are not known, as NannyML 0.13.1 makes them, folded row by row.
//!
//! [`Cbpe`] estimates the metrics of a classifier: a calibrated probability says how likely each prediction is right. [`Dle`]
//! estimates those of a regression: another model predicts the loss of each row. Both learn from a reference, the rows whose
//! labels are known, so an estimate is corrected as labels arrive. [`Estimation`] cuts a stream into chunks, estimates each
//! with what was known when its rows were scored, and says how far off it was once its labels are known.
//!
//! What no estimate can see is a change of the relation between features and labels: the share of positives among rows that
//! look alike, or the loss of rows that look alike, is taken from the reference.

mod calibration;
mod cbpe;
mod chunks;
mod dle;
mod estimates;
mod isotonic;
mod labelled;
mod one_class;

pub use calibration::needs_calibration;
pub use cbpe::{Calibrate, Cbpe, CbpeSettings};
pub use chunks::{Estimation, MOST_ROWS};
pub use dle::{Dle, DleSettings, Loss};
pub use estimates::{Estimate, Estimates, Mean};
pub use isotonic::IsotonicCurve;

use crate::Task;

/// Labelled rows without which nothing is estimated.
pub const LEAST_REFERENCE: usize = 100;

/// Declares the metrics, in the order in which they are documented.
macro_rules! estimated {
    ($($(#[$doc:meta])* $metric:ident = $name:literal,)*) => {
        /// A metric that can be estimated.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Estimated {
            $($(#[$doc])* $metric,)*
        }

        impl Estimated {
            /// All of them.
            pub const EVERY: &[Self] = &[$(Self::$metric,)*];

            /// Its name in documents and reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$metric => $name,)*
                }
            }
        }
    };
}

estimated! {
    /// The area under the ROC curve; among many classes the mean of each against the rest.
    RocAuc = "roc_auc",
    /// The average precision; among many classes the mean of each against the rest.
    AveragePrecision = "average_precision",
    /// F1 of the positive class; among many classes the mean of all (`average: macro`).
    F1 = "f1",
    /// The share of rows predicted as positive that are; among many classes the mean of all.
    Precision = "precision",
    /// The share of positive rows predicted as such; among many classes the mean of all.
    Recall = "recall",
    /// The share of negative rows predicted as such; among many classes the mean of all.
    Specificity = "specificity",
    /// The share of rows whose class is predicted.
    Accuracy = "accuracy",
    /// The mean absolute error.
    Mae = "mae",
    /// The mean squared error.
    Mse = "mse",
    /// The root of the mean squared error.
    Rmse = "rmse",
    /// The mean absolute error as a share of the truth: 0.1 is ten percent. A truth of 0 does not count.
    Mape = "mape",
    /// The mean squared error of the logarithm of 1 + the number. Negative numbers do not count.
    Msle = "msle",
    /// The root of the mean squared error of the logarithm of 1 + the number. Negative numbers do not count.
    Rmsle = "rmsle",
}

impl Estimated {
    /// Whether it applies to this task.
    pub fn accepts(self, task: Task) -> bool {
        match task {
            Task::BinaryClassification | Task::Classification => self.loss().is_none(),
            Task::AnomalyDetection => matches!(self, Self::RocAuc | Self::AveragePrecision),
            Task::Regression => self.loss().is_some(),
            Task::Clustering => false,
        }
    }

    /// The loss of a row whose mean it is, and whether it is the root of it; none for classes.
    fn loss(self) -> Option<(Loss, bool)> {
        match self {
            Self::Mae => Some((Loss::Absolute, false)),
            Self::Mse => Some((Loss::Squared, false)),
            Self::Rmse => Some((Loss::Squared, true)),
            Self::Mape => Some((Loss::Relative, false)),
            Self::Msle => Some((Loss::SquaredLog, false)),
            Self::Rmsle => Some((Loss::SquaredLog, true)),
            _ => None,
        }
    }
}

/// What ends with a chunk: an estimate of each metric, NaN where there is none, and each metric over the reference as it was
/// when the chunk began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ended {
    /// The estimates, in the order of the metrics.
    pub estimates: Vec<f64>,
    /// What the metrics were over the reference.
    pub reference: Vec<f64>,
}

#[cfg(test)]
mod tests;
