//! Measures of how good predictions are.
//!
//! A metric is told the truth and the prediction of every row that was tested before it was learned (prequential
//! evaluation: A. P. Dawid, 1984). Metrics of several shards are merged by absorbing each other's saved state.

mod accuracy;
mod counts;
mod f1;
mod log_loss;
mod mae;
mod means;
mod precision;
mod recall;
mod rmse;
mod roc_auc;
mod windowed;

pub use accuracy::AccuracySettings;
pub use counts::Counts;
pub use f1::F1Settings;
pub use log_loss::LogLossSettings;
pub use mae::MaeSettings;
pub use means::Means;
pub use precision::PrecisionSettings;
pub use recall::RecallSettings;
pub use rmse::RmseSettings;
pub use roc_auc::{RocAuc, RocAucSettings};
pub use windowed::Windowed;

use crate::{StateError, StateReader, Stateful, Task, Truth};

/// A measure of predictions against the truth.
pub trait Metric: Stateful + Send + Sync {
    /// Whether it makes sense for this task.
    fn accepts(&self, task: Task) -> bool;
    /// Counts one row: for a binary task the prediction is the probability of the positive class. A prediction
    /// that is not a number is not counted.
    fn update(&mut self, truth: Truth, prediction: f64);
    /// The value so far; 0 where nothing was counted, as in River.
    fn value(&self) -> f64;
    /// The rows counted.
    fn rows(&self) -> u64;
    /// Adds the saved state of another metric of the same kind.
    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// Declares the settings of a metric, which all have: the window.
macro_rules! metric_settings {
    ($(#[$doc:meta])* $settings:ident, $name:literal, $whole:ty, $build:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $settings {
            /// Only the last so many labelled rows of each shard count, 1 to 1,000,000; 16 bytes each. Default: all.
            #[schemars(range(min = 1, max = 1_000_000))]
            pub window: Option<u32>,
        }

        impl $settings {
            pub(crate) const NAME: &'static str = $name;

            /// The metric over all rows, empty.
            pub fn whole() -> $whole {
                $build
            }
        }
    };
}
pub(crate) use metric_settings;

/// A share, 0 where there is nothing to share.
fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}
