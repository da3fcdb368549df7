//! Agreement beyond persistence.

use super::{Metric, absorb_sums, metric_settings};
use crate::state::stateful;
use crate::{Prediction, Stateful, Task, Truth};

metric_settings! {
    /// How much better than repeating the last label: 1 is perfect, 0 as good as repeating, below 0 worse. Null while
    /// the label has never changed.
    ///
    /// Streams whose labels come in runs flatter every accuracy; this takes the runs out. Source: I. Žliobaitė and
    /// others, "Evaluation Methods and Decision Theory for Classification of Streaming Data with Temporal Dependence",
    /// Machine Learning 98 (2015); `KappaTemporal` of MOA.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{KappaTemporalSettings, Metric}};
    /// let mut kappa = KappaTemporalSettings::default().whole();
    /// for (class, probability) in [(1, 0.9), (1, 0.8), (0, 0.2), (0, 0.7), (1, 0.6)] {
    ///     kappa.update(Truth::Class(class), probability.into());
    /// }
    /// assert_eq!(kappa.value(), 0.5); // 3 of 4 right where repeating has 2
    /// ```
    KappaTemporalSettings, "kappa_temporal", KappaTemporal,
    |_settings| KappaTemporal::default()
}

/// The counts behind [`KappaTemporalSettings`]. The first row, before which there is no label, is not counted.
#[derive(Debug, Clone, Default)]
pub struct KappaTemporal {
    last: Option<u32>,
    rows: u64,
    right: u64,
    repeated: u64,
}

stateful!(KappaTemporal, KappaTemporalSettings::NAME, 1: last, rows, right, repeated);

impl Metric for KappaTemporal {
    fn accepts(&self, task: Task) -> bool {
        task.is_classification()
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        let (Some(class), Some(predicted)) = (truth.class(), prediction.class()) else { return };
        if let Some(last) = self.last.replace(class) {
            self.rows += 1;
            self.right += u64::from(class == predicted);
            self.repeated += u64::from(class == last);
        }
    }

    fn value(&self) -> f64 {
        let (right, repeated) = (self.right as f64, self.repeated as f64);
        let rows = self.rows as f64;
        match rows - repeated {
            // Repeating the last label was never wrong.
            0.0 => f64::NAN,
            wrong => (right - repeated) / wrong,
        }
    }

    absorb_sums!(right, repeated);
}
