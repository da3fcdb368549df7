//! Measures of how good predictions are.
//!
//! A metric is told the truth and the prediction of every row that was tested before it was learned (prequential
//! evaluation: A. P. Dawid, 1984). Metrics of several shards are merged by absorbing each other's saved state.

mod accuracy;
mod average_precision;
mod balanced_accuracy;
mod brier;
mod calibration_error;
mod confusion;
mod confusion_matrix;
mod curve;
mod f1;
mod kappa;
mod kappa_temporal;
mod log_loss;
mod mae;
mod mape;
mod mcc;
mod means;
mod pinball;
mod precision;
mod precision_at;
mod r2;
mod recall;
mod rmse;
mod roc_auc;
mod segmented;
mod silhouette;
mod smape;
mod windowed;

pub use accuracy::AccuracySettings;
pub use average_precision::AveragePrecisionSettings;
pub use balanced_accuracy::BalancedAccuracySettings;
pub use brier::BrierSettings;
pub use calibration_error::{CalibrationError, CalibrationErrorSettings};
pub use confusion::{Average, Confusion};
pub use confusion_matrix::ConfusionMatrixSettings;
pub use curve::Curve;
pub use f1::F1Settings;
pub use kappa::KappaSettings;
pub use kappa_temporal::{KappaTemporal, KappaTemporalSettings};
pub use log_loss::LogLossSettings;
pub use mae::MaeSettings;
pub use mape::MapeSettings;
pub use mcc::MccSettings;
pub use means::Means;
pub use pinball::PinballSettings;
pub use precision::PrecisionSettings;
pub use precision_at::{PrecisionAt, PrecisionAtSettings};
pub use r2::{R2, R2Settings};
pub use recall::RecallSettings;
pub use rmse::RmseSettings;
pub use roc_auc::RocAucSettings;
pub use segmented::{MOST_SEGMENTS, OTHERS, Segmented};
pub use silhouette::{Silhouette, SilhouetteSettings};
pub use smape::SmapeSettings;
pub use windowed::{Window, Windowed};

use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

/// A measure of predictions against the truth.
pub trait Metric: Stateful + Send + Sync {
    /// Whether it makes sense for this task.
    fn accepts(&self, task: Task) -> bool;
    /// Counts one row. A prediction that is missing is not counted.
    fn update(&mut self, truth: Truth, prediction: Prediction<'_>);
    /// The event time of the rows that follow, in microseconds; only windows by time look at it.
    fn at(&mut self, _time: i64) {}
    /// The segment of the row that follows; only metrics by segment look at it.
    fn of(&mut self, _segment: &str) {}
    /// The value so far; 0 where nothing was counted, as in River.
    fn value(&self) -> f64;
    /// What there is to show beside the value: named numbers, where `class` stands for the name of a class.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }
    /// The rows counted.
    fn rows(&self) -> u64;
    /// Numbers the classes otherwise: class `i` becomes `classes[i]`. Shards number classes in the order in which each has
    /// met them, so what they have counted is brought to one numbering before it is merged.
    fn rename(&mut self, _classes: &[u32]) {}
    /// Adds the saved state of another metric of the same kind.
    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// A number beside a metric's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// The value of one class alone.
    Class(u32, f64),
    /// The rows of one class that were predicted as another: truth, prediction, rows.
    Predicted(u32, u32, u64),
    /// The value over the rows of one segment.
    Segment(String, f64),
}

/// Declares the settings of a metric: those of its own, and window and segments, which all have.
macro_rules! metric_settings {
    (
        $(#[$doc:meta])* $settings:ident, $name:literal, $whole:ty,
        $({ $($(#[$about:meta])* $field:ident: $kind:ty = $default:expr,)* })?
        |$given:ident| $build:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $settings {
            $($($(#[$about])* pub $field: $kind,)*)?
            /// Only the last rows of each shard count: so many labelled rows (`1000`, at most 1,000,000), or those of
            /// the last stretch of event time (`1 hour`). Each costs 24 bytes, and 8 a class. Default: all rows.
            pub window: Option<$crate::metric::Window>,
            /// Shown for each value of this column as well, such as `country`: the first 1,000 values apart, the rows of
            /// further ones together. Each value costs as much memory as the metric itself. Default: not.
            pub by: Option<String>,
        }

        impl Default for $settings {
            fn default() -> Self {
                Self { $($($field: $default,)*)? window: None, by: None }
            }
        }

        impl $settings {
            pub(crate) const NAME: &'static str = $name;

            /// The metric over all rows, empty.
            pub fn whole(&self) -> $whole {
                let $given = self;
                $build
            }

            /// The settings that differ from the defaults, as reports show them.
            pub(crate) fn differing(&self) -> Vec<String> {
                #[allow(unused_mut, reason = "not every metric has settings of its own")]
                let mut differing: Vec<String> = Vec::new();
                $($(if self.$field != $default {
                    differing.push(format!("{}={}", stringify!($field), self.$field));
                })*)?
                differing.extend(self.window.map(|window| format!("window={window}")));
                differing.extend(self.by.as_ref().map(|column| format!("by={column}")));
                differing
            }
        }
    };
}
pub(crate) use metric_settings;

/// `rows` and `absorb` of a metric that is made of sums: those of another are added.
macro_rules! absorb_sums {
    ($($sum:ident),*) => {
        fn rows(&self) -> u64 {
            self.rows
        }

        fn absorb(&mut self, saved: &mut $crate::StateReader<'_>) -> Result<(), $crate::StateError> {
            let mut other = Self::default();
            other.load(saved)?;
            self.rows += other.rows;
            $(self.$sum += other.$sum;)*
            Ok(())
        }
    };
}
use absorb_sums;

/// A share, 0 where there is nothing to share.
fn ratio(part: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { part / of }
}
