//! Confidence-based performance estimation.

use std::collections::VecDeque;

use super::isotonic::IsotonicCurve;
use super::labelled::{Classes, Labelled, Said, column};
use super::one_class::{OneClass, Ties, value};
use super::{Ended, Estimated, LEAST_REFERENCE, calibration};
use crate::settings::settings;
use crate::state::stateful;
use crate::{Prediction, Truth};

/// When scores are calibrated before they count as probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calibrate {
    /// Where that brings the scores of the reference nearer to the shares of positive rows, by cross-validation.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the scores are probabilities.
    Never,
}

settings! {
    /// Confidence-based performance estimation: a probability of 0.8 is right in 8 rows of 10, so the probabilities of a chunk
    /// of rows say how often its predictions are right.
    ///
    /// Scores become probabilities by isotonic regression on the reference, the last `reference` rows whose labels are known.
    /// It is renewed when a chunk begins, so labels that come later never count for it. Memory: about 70 bytes a row of the
    /// reference and of the chunk, and 8 for each class beyond two. Source: J. Białek and others, "Estimating Model
    /// Performance Under Covariate Shift Without Labels", 2024; `CBPE` of NannyML 0.13.1, whose estimates of a chunk are these
    /// for the same reference.
    CbpeSettings {
        /// The number of rows in the reference, the newest ones with labels, 100 to 1,000,000. More are less noisy, fewer follow
        /// a change faster. Default 2,000.
        #[schemars(range(min = 100, max = 1_000_000))]
        reference: usize = 2_000,
        /// When scores are calibrated: `auto`, `always` or `never`. Default `auto`.
        calibrate: Calibrate = Calibrate::Auto,
    }
}

impl CbpeSettings {
    /// The estimator.
    ///
    /// ```
    /// use gristmill_learn::{Truth, estimate::{CbpeSettings, Estimated}};
    /// let mut cbpe = CbpeSettings::default().build(&[Estimated::Accuracy]);
    /// // The model's 0.9 is right in 7 rows of 10, and so is its 0.1.
    /// for row in 0..1000 {
    ///     let positive = row % 2 == 0;
    ///     cbpe.labelled(if positive { 0.9 } else { 0.1 }.into(), Truth::Class(u32::from(positive == (row % 20 < 14))));
    /// }
    /// (0..500).for_each(|row| cbpe.scored(if row % 2 == 0 { 0.9 } else { 0.1 }.into()));
    /// assert!((cbpe.end().estimates[0] - 0.7).abs() < 1e-9);
    /// ```
    pub fn build(&self, metrics: &[Estimated]) -> Cbpe {
        Cbpe {
            metrics: metrics.to_vec(),
            most: self.reference.max(LEAST_REFERENCE),
            calibrate: self.calibrate,
            reference: VecDeque::new(),
            begun: None,
            rows: Vec::new(),
        }
    }
}

/// The estimator behind [`CbpeSettings`].
#[derive(Debug, Clone)]
pub struct Cbpe {
    metrics: Vec<Estimated>,
    most: usize,
    calibrate: Calibrate,
    reference: VecDeque<Labelled>,
    /// What the reference was when the chunk began.
    begun: Option<Begun>,
    /// The rows of the chunk.
    rows: Vec<Said>,
}

/// What a chunk needs of the reference, and keeps until it ends.
#[derive(Debug, Clone, Default)]
struct Begun {
    /// Whether there were labels enough.
    enough: bool,
    /// For each class; none: its scores are probabilities.
    curves: Vec<Option<IsotonicCurve>>,
    /// Each metric over the reference.
    reference: Vec<f64>,
}

stateful!(Cbpe, "cbpe", 1: reference, begun, rows);
stateful!(Begun: enough, curves, reference);

impl Cbpe {
    /// Adds a row to the chunk; the first one begins it. A row without a prediction is not counted.
    pub fn scored(&mut self, prediction: Prediction<'_>) {
        let Some(said) = Said::of(prediction) else { return };
        if self.begun.is_none() {
            self.begun = Some(self.begin());
        }
        self.rows.push(said);
    }

    /// Adds a row whose label has become known, with its prediction when it was scored, to the reference.
    pub fn labelled(&mut self, prediction: Prediction<'_>, truth: Truth) {
        let (Some(said), Some(truth)) = (Said::of(prediction), truth.class()) else { return };
        if self.reference.len() >= self.most {
            self.reference.pop_front();
        }
        self.reference.push_back(Labelled { said, truth });
    }

    /// Ends the chunk: the estimates for its rows.
    pub fn end(&mut self) -> Ended {
        let rows = std::mem::take(&mut self.rows);
        let begun = self.begun.take().unwrap_or_default();
        let classes = Classes::of(rows.iter());
        let mut seen = classes.see(rows.iter().map(|row| (row, begun.chances(row, classes))));
        let estimate = |metric: &Estimated| match begun.enough {
            true => value(*metric, &mut seen, Ties::Apart),
            false => f64::NAN,
        };
        let estimates = self.metrics.iter().map(estimate).collect();
        Ended { estimates, reference: begun.reference }
    }

    fn begin(&self) -> Begun {
        let classes = Classes::of(self.reference.iter().map(|row| &row.said));
        let reference = realised(&self.metrics, self.reference.iter());
        let enough = self.reference.len() >= LEAST_REFERENCE;
        let curves = (0..classes.number()).map(|place| self.curve(column(&self.reference, classes, place)));
        Begun { enough, curves: if enough { curves.collect() } else { Vec::new() }, reference }
    }

    fn curve(&self, mut rows: Vec<(f64, bool)>) -> Option<IsotonicCurve> {
        let calibrate = match self.calibrate {
            Calibrate::Auto => calibration::needs_calibration(&rows),
            Calibrate::Always => true,
            Calibrate::Never => false,
        };
        rows.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let labels = rows.iter().map(|(score, positive)| (*score, f64::from(u8::from(*positive))));
        calibrate.then(|| IsotonicCurve::fit(labels))
    }
}

impl Begun {
    /// The probability of each class; of many classes they sum to 1.
    fn chances(&self, row: &Said, classes: Classes) -> Vec<f64> {
        let calibrated = |(place, score): (usize, &f64)| match self.curves.get(place) {
            Some(Some(curve)) => curve.at(*score),
            _ => *score,
        };
        let mut chances: Vec<f64> = row.scores.iter().enumerate().map(calibrated).collect();
        if classes.many() {
            chances.resize(classes.number(), 0.0);
            let sum: f64 = chances.iter().sum();
            let even = 1.0 / chances.len() as f64;
            chances.iter_mut().for_each(|chance| *chance = if sum == 0.0 { even } else { *chance / sum });
        }
        chances
    }
}

/// Metrics over rows whose labels are known.
pub(super) fn realised<'a>(metrics: &[Estimated], rows: impl Iterator<Item = &'a Labelled> + Clone) -> Vec<f64> {
    let classes = Classes::of(rows.clone().map(|row| &row.said));
    let mut seen: Vec<OneClass> = classes.known(rows);
    metrics.iter().map(|metric| value(*metric, &mut seen, Ties::Together)).collect()
}
