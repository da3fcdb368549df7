//! The share of variance explained.

use super::{Metric, metric_settings};
use crate::state::stateful;
use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

metric_settings! {
    /// The coefficient of determination: the share of the label's variance that predictions explain, at most 1; 0 is as
    /// good as the mean, below 0 worse. Null before the second row, 0 while the label has not varied.
    ///
    /// Source: `metrics.R2` of River.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, R2Settings}};
    /// let mut r2 = R2Settings::default().whole();
    /// for (truth, prediction) in [(3.0, 2.5), (-0.5, 0.0), (2.0, 2.0), (7.0, 8.0)] {
    ///     r2.update(Truth::Value(truth), prediction.into());
    /// }
    /// assert!((r2.value() - 0.9486081370449679).abs() < 1e-12);
    /// ```
    R2Settings, "r2", R2,
    |_settings| R2::default()
}

/// The sums behind [`R2Settings`].
#[derive(Debug, Clone, Default)]
pub struct R2 {
    rows: u64,
    mean: f64,
    /// Squared distances from the mean.
    total: f64,
    /// Squared distances from the predictions.
    residual: f64,
}

stateful!(R2, R2Settings::NAME, 1: rows, mean, total, residual);

impl Metric for R2 {
    fn accepts(&self, task: Task) -> bool {
        task == Task::Regression
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        let (y, predicted) = (truth.number(), prediction.number());
        if predicted.is_nan() {
            return;
        }
        self.rows += 1;
        let apart = y - self.mean;
        self.mean += apart / self.rows as f64;
        self.total += apart * (y - self.mean);
        self.residual += (y - predicted) * (y - predicted);
    }

    fn value(&self) -> f64 {
        if self.rows < 2 {
            f64::NAN
        } else if self.total == 0.0 {
            0.0
        } else {
            1.0 - self.residual / self.total
        }
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = Self::default();
        other.load(saved)?;
        let rows = self.rows + other.rows;
        if rows > 0 {
            let apart = other.mean - self.mean;
            let share = other.rows as f64 / rows as f64;
            self.total += other.total + apart * apart * self.rows as f64 * share;
            self.mean += apart * share;
        }
        self.rows = rows;
        self.residual += other.residual;
        Ok(())
    }
}
