//! How many of the first alarms are correct.

use super::{Metric, metric_settings};
use crate::state::stateful;
use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

metric_settings! {
    /// Precision at k: of the k rows with the highest scores, the share that are positive, in [0, 1]; higher is better.
    ///
    /// What counts when only so many alarms can be looked at. Among equal scores the earlier row counts. With
    /// `window: 1 day` that of the last day. Memory: 16 bytes for each of the k rows.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, PrecisionAtSettings}};
    /// let mut precision = PrecisionAtSettings { k: 2, ..Default::default() }.whole();
    /// for (class, score) in [(1, 0.9), (0, 0.8), (1, 0.85), (1, 0.1)] {
    ///     precision.update(Truth::Class(class), score.into());
    /// }
    /// assert_eq!(precision.value(), 1.0);
    /// ```
    PrecisionAtSettings, "precision_at", PrecisionAt,
    {
        /// The number of rows looked at, 1 to 100,000. Default 100.
        k: usize = 100,
    }
    |settings| PrecisionAt { k: settings.k.clamp(1, 100_000), rows: 0, first: Vec::new() }
}

/// The rows behind [`PrecisionAtSettings`].
#[derive(Debug, Clone)]
pub struct PrecisionAt {
    k: usize,
    rows: u64,
    /// Score and whether positive, by descending score.
    first: Vec<(f64, bool)>,
}

stateful!(PrecisionAt, PrecisionAtSettings::NAME, 1: rows, first);

impl PrecisionAt {
    fn add(&mut self, score: f64, positive: bool) {
        let place = self.first.partition_point(|(other, _)| *other >= score);
        if place < self.k {
            self.first.truncate(self.k - 1);
            self.first.insert(place, (score, positive));
        }
    }
}

impl Metric for PrecisionAt {
    fn accepts(&self, task: Task) -> bool {
        matches!(task, Task::BinaryClassification | Task::AnomalyDetection)
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        if !prediction.is_missing() {
            self.rows += 1;
            self.add(prediction.number(), truth.number() == 1.0);
        }
    }

    fn value(&self) -> f64 {
        let positives = self.first.iter().filter(|(_, positive)| *positive).count();
        if self.first.is_empty() { 0.0 } else { positives as f64 / self.first.len() as f64 }
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = Self { k: self.k, rows: 0, first: Vec::new() };
        other.load(saved)?;
        self.rows += other.rows;
        other.first.into_iter().for_each(|(score, positive)| self.add(score, positive));
        Ok(())
    }
}
