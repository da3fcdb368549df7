//! How well rows fit their clusters.

use super::{Metric, absorb_sums, metric_settings};
use crate::state::stateful;
use crate::{Prediction, Stateful, Task, Truth};

metric_settings! {
    /// How far rows are from the centre of their cluster, as a share of how far they are from the second nearest one:
    /// in [0, 1], less is better.
    ///
    /// Needs no label. Over batches a silhouette compares distances between all rows, which a stream cannot keep; this
    /// one compares distances to centres. Source: P. J. Rousseeuw, "Silhouettes", Journal of Computational and Applied
    /// Mathematics 20 (1987); the arithmetic is that of `metrics.Silhouette` of River.
    ///
    /// ```
    /// use gristmill_learn::{Prediction, Truth, metric::{Metric, SilhouetteSettings}};
    /// let mut silhouette = SilhouetteSettings::default().whole();
    /// for distances in [[1.0, 4.0, 9.0], [5.0, 0.5, 2.0]] {
    ///     silhouette.update(Truth::Value(f64::NAN), Prediction::Distances(&distances));
    /// }
    /// assert_eq!(silhouette.value(), 0.25); // (1 + 0.5) / (4 + 2)
    /// ```
    SilhouetteSettings, "silhouette", Silhouette,
    |_settings| Silhouette::default()
}

/// The sums behind [`SilhouetteSettings`]. A row with fewer than two clusters is not counted.
#[derive(Debug, Clone, Default)]
pub struct Silhouette {
    rows: u64,
    nearest: f64,
    second: f64,
}

stateful!(Silhouette, SilhouetteSettings::NAME, 1: rows, nearest, second);

impl Metric for Silhouette {
    fn accepts(&self, task: Task) -> bool {
        task == Task::Clustering
    }

    fn update(&mut self, _: Truth, prediction: Prediction<'_>) {
        let (mut nearest, mut second) = (f64::INFINITY, f64::INFINITY);
        for distance in prediction.numbers() {
            if *distance < nearest {
                (nearest, second) = (*distance, nearest);
            } else if *distance < second {
                second = *distance;
            }
        }
        if second.is_finite() {
            self.rows += 1;
            self.nearest += nearest;
            self.second += second;
        }
    }

    fn value(&self) -> f64 {
        super::ratio(self.nearest, self.second)
    }

    absorb_sums!(nearest, second);
}
