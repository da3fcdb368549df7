//! Metrics: how good predictions are.
//!
//! A metric is given the truth and the prediction of every row, which was predicted before it was learned (prequential
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
    /// Whether it applies to this task.
    fn accepts(&self, task: Task) -> bool;
    /// Counts one row. A prediction that is missing is not counted.
    fn update(&mut self, truth: Truth, prediction: Prediction<'_>);
    /// The event time of the rows that follow, in microseconds; only windows by time use it.
    fn at(&mut self, _time: i64) {}
    /// The segment of the next row; only metrics by segment use it.
    fn of(&mut self, _segment: &str) {}
    /// The value so far; NaN if it is undefined, such as the area under a curve of one class.
    fn value(&self) -> f64;
    /// Details beside the value: named numbers, where `class` is replaced by the name of a class.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }
    /// The rows counted.
    fn rows(&self) -> u64;
    /// Renumbers the classes: class `i` becomes `classes[i]`. Shards number classes in the order in which each has met
    /// them, so their counts are converted to one numbering before they are merged.
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
        $crate::settings::settings! {
            $(#[$doc])*
            $settings {
                $($($(#[$about])* $field: $kind = $default,)*)?
                /// Only the last rows of each shard count: so many labelled rows (`1000`, at most 1,000,000), or those of
                /// the last stretch of event time (`1 hour`). Each costs 24 bytes, and 8 a class. Default: all rows.
                window: Option<$crate::metric::Window> = None,
                /// Shown for each value of this column as well, such as `country`: the first 1,000 values apart, the rows of
                /// further ones together. Each value costs as much memory as the metric itself. Default: not.
                by: Option<String> = None,
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

/// A ratio, 0 if the denominator is 0.
fn ratio(part: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { part / of }
}

#[cfg(test)]
mod edges {
    use super::{Detail, RocAucSettings, Window};
    use crate::{MetricKind, Prediction, Truth};

    const NAN: f64 = f64::NAN;

    /// Truths and probabilities: no rows, one row of each class, one class alone, one prediction for all.
    const ROWS: [&[(u32, f64)]; 7] = [
        &[],
        &[(1, 0.9)],
        &[(0, 0.1)],
        &[(0, 0.1), (0, 0.2), (0, 0.3)],
        &[(1, 0.9), (1, 0.8), (1, 0.6)],
        &[(0, 0.3), (1, 0.3), (0, 0.3), (1, 0.3)],
        &[(0, 0.9), (0, 0.8)],
    ];

    /// The values of scikit-learn 1.9.1 (`roc_auc_score`, `cohen_kappa_score`, `matthews_corrcoef` …); where it returns
    /// 0 and warns that the value is undefined, as for an average precision without a positive row, there is no value
    /// here.
    #[test]
    fn every_metric_of_two_classes() {
        let expected: [(&str, [f64; 7]); 10] = [
            ("accuracy", [0.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0]),
            ("precision", [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            ("recall", [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            ("f1", [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            ("kappa", [0.0, NAN, NAN, NAN, NAN, 0.0, 0.0]),
            ("kappa_temporal", [NAN, NAN, NAN, NAN, NAN, 1.0 / 3.0, NAN]),
            ("mcc", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            ("roc_auc", [NAN, NAN, NAN, NAN, NAN, 0.5, NAN]),
            ("average_precision", [NAN, 1.0, NAN, NAN, 1.0, 0.5, NAN]),
            ("brier", [0.0, 0.01, 0.01, 0.14 / 3.0, 0.21 / 3.0, 0.29, 0.725]),
        ];
        for kind in MetricKind::every() {
            let Some((name, values)) = expected.iter().find(|(name, _)| *name == kind.key()) else { continue };
            for (rows, value) in ROWS.iter().zip(values) {
                let mut metric = kind.build();
                rows.iter().for_each(|(class, p)| metric.update(Truth::Class(*class), Prediction::Number(*p)));
                let same = metric.value() == *value || (metric.value() - value).abs() < 1e-12;
                assert!(same || metric.value().is_nan() && value.is_nan(), "{name} of {rows:?}: {}", metric.value());
            }
        }
    }

    /// The values of scikit-learn 1.9.1 for regressions: no rows, one row, a constant truth, all correct, a truth of 0.
    /// Where it divides by the smallest number (the percentage of a truth of 0), that row counts as no error, as in
    /// River.
    #[test]
    fn every_metric_of_numbers() {
        let rows: [&[(f64, f64)]; 5] =
            [&[], &[(1.0, 2.0)], &[(2.0, 1.0), (2.0, 3.0)], &[(1.0, 1.0), (2.0, 2.0)], &[(0.0, 1.0), (2.0, 1.0)]];
        let expected: [(&str, [f64; 5]); 6] = [
            ("mae", [0.0, 1.0, 1.0, 0.0, 1.0]),
            ("rmse", [0.0, 1.0, 1.0, 0.0, 1.0]),
            ("mape", [0.0, 100.0, 50.0, 0.0, 25.0]),
            ("smape", [0.0, 200.0 / 3.0, (200.0 / 3.0 + 40.0) / 2.0, 0.0, (200.0 + 200.0 / 3.0) / 2.0]),
            ("r2", [NAN, NAN, 0.0, 1.0, 0.0]),
            ("pinball", [0.0, 0.5, 0.5, 0.0, 0.5]),
        ];
        for (name, values) in expected {
            let kind = MetricKind::every().into_iter().find(|kind| kind.key().split('[').next() == Some(name));
            let kind = kind.unwrap_or_else(|| panic!("no metric {name}"));
            for (rows, value) in rows.iter().zip(values) {
                let mut metric = kind.build();
                rows.iter().for_each(|(truth, p)| metric.update(Truth::Value(*truth), Prediction::Number(*p)));
                let same = (metric.value() - value).abs() < 1e-12 || metric.value().is_nan() && value.is_nan();
                assert!(same, "{name} of {rows:?}: {}", metric.value());
            }
        }
    }

    /// A window or a segment with only one class has no more values than all rows would have.
    #[test]
    fn windows_and_segments_of_one_class() {
        let settings = |window, by| RocAucSettings { window, by };
        let mut last = MetricKind::RocAuc(settings(Some(Window::Rows(2)), None)).build();
        let mut apart = MetricKind::RocAuc(settings(None, Some("country".into()))).build();
        for (row, (class, probability)) in [(0, 0.2), (1, 0.9), (1, 0.7)].into_iter().enumerate() {
            apart.of(if row < 2 { "both" } else { "one" });
            last.update(Truth::Class(class), Prediction::Number(probability));
            apart.update(Truth::Class(class), Prediction::Number(probability));
            assert_eq!(last.value().is_nan(), row != 1, "{row}");
        }
        let shown = apart.details();
        let of = |name: &str| {
            let found = shown.iter().find_map(|detail| match detail {
                Detail::Segment(segment, value) if segment == name => Some(*value),
                _ => None,
            });
            found.unwrap_or_else(|| panic!("{shown:?}"))
        };
        assert_eq!((of("both"), of("one").is_nan()), (1.0, true));
    }

    /// No metric has an infinite value, or a perfect one without rows.
    #[test]
    fn no_metric_calls_nothing_good() {
        for kind in MetricKind::every() {
            let value = kind.build().value();
            assert!(value == 0.0 || value.is_nan(), "{}: {value}", kind.key());
        }
    }
}
