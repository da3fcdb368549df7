//! How far probabilities are from frequencies.

use super::{Metric, metric_settings};
use crate::state::stateful;
use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

metric_settings! {
    /// The expected calibration error: how far probabilities are from frequencies, in [0, 1]; lower is better.
    ///
    /// Rows are put into bins of equal width by the probability of the class predicted (of the positive class where
    /// there are two); in each bin the mean probability is compared with the share that came true, weighted by rows.
    /// Source: M. P. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    /// Binning", AAAI 2015.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{CalibrationErrorSettings, Metric}};
    /// let mut error = CalibrationErrorSettings::default().whole();
    /// for (class, probability) in [(1, 0.75), (1, 0.75), (0, 0.25), (0, 0.25)] {
    ///     error.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(error.value(), 0.25);
    /// ```
    CalibrationErrorSettings, "calibration_error", CalibrationError,
    {
        /// The number of bins, 2 to 1,000. Default 10.
        bins: usize = 10,
    }
    |settings| CalibrationError { bins: vec![Bin::default(); settings.bins.clamp(2, 1_000)].into() }
}

/// The bins behind [`CalibrationErrorSettings`].
#[derive(Debug, Clone)]
pub struct CalibrationError {
    bins: Box<[Bin]>,
}

#[derive(Debug, Clone, Default)]
struct Bin {
    rows: u64,
    probability: f64,
    true_rows: u64,
}

stateful!(CalibrationError, CalibrationErrorSettings::NAME, 1: bins);
stateful!(Bin: rows, probability, true_rows);

impl Metric for CalibrationError {
    fn accepts(&self, task: Task) -> bool {
        task.is_classification()
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        let (probability, came_true) = match prediction {
            Prediction::Number(probability) => (probability, truth.number() == 1.0),
            several => {
                let Some(class) = several.class() else { return };
                (several.probability(class), truth.class() == Some(class))
            }
        };
        if probability.is_nan() {
            return;
        }
        let last = self.bins.len() - 1;
        let bin = ((probability.clamp(0.0, 1.0) * self.bins.len() as f64) as usize).min(last);
        if let Some(bin) = self.bins.get_mut(bin) {
            bin.rows += 1;
            bin.probability += probability;
            bin.true_rows += u64::from(came_true);
        }
    }

    fn value(&self) -> f64 {
        let rows = self.rows() as f64;
        let apart: f64 = self.bins.iter().map(|bin| (bin.probability - bin.true_rows as f64).abs()).sum();
        if rows == 0.0 { 0.0 } else { apart / rows }
    }

    fn rows(&self) -> u64 {
        self.bins.iter().map(|bin| bin.rows).sum()
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = self.clone();
        other.load(saved)?;
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.rows += theirs.rows;
            mine.probability += theirs.probability;
            mine.true_rows += theirs.true_rows;
        }
        Ok(())
    }
}
