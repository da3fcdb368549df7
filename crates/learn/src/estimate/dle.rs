//! Direct loss estimation.

use std::collections::VecDeque;

use super::{Ended, Estimated, LEAST_REFERENCE};
use crate::settings::settings;
use crate::state::stateful;
use crate::{
    Built, Component, Features, Kind, Labels, LearnError, Learner, Predictions, Signature, StateError, StateReader,
    StateWriter, Stateful, Task,
};

/// The loss of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// How far off the prediction is.
    Absolute,
    /// Its square.
    Squared,
    /// How far off it is, as a share of the truth.
    Relative,
    /// The square of how far off the logarithm of 1 + the prediction is.
    SquaredLog,
}

impl Loss {
    /// The loss of a prediction; NaN where there is none, as relative to a truth of 0.
    pub fn of(self, truth: f64, prediction: f64) -> f64 {
        let apart = truth - prediction;
        match self {
            Self::Absolute => apart.abs(),
            Self::Squared => apart * apart,
            Self::Relative if truth == 0.0 => f64::NAN,
            Self::Relative => apart.abs() / truth.abs(),
            Self::SquaredLog if truth < 0.0 || prediction < 0.0 => f64::NAN,
            Self::SquaredLog => {
                let apart = libm::log1p(truth) - libm::log1p(prediction);
                apart * apart
            }
        }
    }
}

settings! {
    /// Direct loss estimation: a second model, the nanny, learns the loss of each row whose label is known, and predicts that of
    /// rows whose label is not.
    ///
    /// The nanny sees the features and the prediction; a negative loss counts as 0, and the metric is the mean over a chunk, or
    /// its root. What changes the relation between features and loss is seen only once labels come. Memory: that of a nanny for
    /// each kind of loss, and 16 bytes a row of the reference. Source: `DLE` of NannyML 0.13.1, whose nanny is LightGBM and
    /// whose estimates are these for the same losses.
    DleSettings {
        /// The nanny: a model that predicts numbers. Default `adaptive_random_forest_regressor`.
        model: Box<Component> = Box::new(Component::AdaptiveRandomForestRegressor(Default::default())),
        /// The number of rows in the reference, the newest ones with labels, 100 to 1,000,000: what an estimate is compared with.
        /// The nanny learns from every row. Default 2,000.
        #[schemars(range(min = 100, max = 1_000_000))]
        reference: usize = 2_000,
    }
}

impl DleSettings {
    /// Whether the nanny can be one; the error says why not.
    pub fn check(&self) -> Result<(), String> {
        self.model.check()?;
        match self.model.build(&Signature::numeric(1)) {
            Built::Learner(learner) if learner.task() == Task::Regression => Ok(()),
            _ => Err("`model` must be a model that predicts numbers".into()),
        }
    }

    /// The estimator for rows of these columns; an error if the nanny takes other ones.
    ///
    /// ```
    /// use gristmill_learn::{Signature, estimate::{DleSettings, Estimated}};
    /// let mut dle = DleSettings::default().build(&[Estimated::Mae], &Signature::numeric(1))?;
    /// // The model is 1 off where the feature is 0, and 5 where it is 1.
    /// for row in 0..4000 {
    ///     let feature = f64::from(row % 2);
    ///     dle.labelled(&[feature], 10.0, 11.0 + 4.0 * feature)?;
    /// }
    /// for _ in 0..100 {
    ///     dle.scored(&[1.0], 10.0)?;
    /// }
    /// assert!((dle.end().estimates[0] - 5.0).abs() < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    pub fn build(&self, metrics: &[Estimated], signature: &Signature) -> Result<Dle, LearnError> {
        let kinds = signature.kinds().iter().copied().chain([Kind::Numeric]).collect();
        let seen = Signature::new(kinds);
        let mut nannies: Vec<Nanny> = Vec::new();
        for (loss, _) in metrics.iter().filter_map(|metric| metric.loss()) {
            if nannies.iter().any(|nanny| nanny.loss == loss) {
                continue;
            }
            let Built::Learner(model) = self.model.build(&seen) else {
                return Err(LearnError::Chain("the nanny must be a model that predicts numbers".into()));
            };
            nannies.push(Nanny { loss, model, rows: 0, sum: 0.0 });
        }
        Ok(Dle {
            metrics: metrics.to_vec(),
            most: self.reference.max(LEAST_REFERENCE),
            nannies: nannies.into(),
            reference: VecDeque::new(),
            begun: None,
            row: Vec::new(),
            room: Predictions::default(),
        })
    }
}

/// The estimator behind [`DleSettings`].
pub struct Dle {
    metrics: Vec<Estimated>,
    most: usize,
    nannies: Box<[Nanny]>,
    /// Truths and predictions.
    reference: VecDeque<(f64, f64)>,
    /// Of the reference as it was when the chunk began: whether there were labels enough, and each metric. None before the
    /// first row of a chunk.
    begun: Option<(bool, Vec<f64>)>,
    row: Vec<f64>,
    room: Predictions,
}

/// A model of one loss, and the sum of what it predicts for the rows of a chunk.
struct Nanny {
    loss: Loss,
    model: Box<dyn Learner>,
    rows: u64,
    sum: f64,
}

stateful!(Dle, "dle", 1: nannies, reference, begun);

impl Stateful for Nanny {
    fn save(&self, to: &mut StateWriter) {
        self.rows.save(to);
        self.sum.save(to);
        self.model.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.rows.load(from)?;
        self.sum.load(from)?;
        self.model.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.model.size()
    }
}

impl Nanny {
    /// Adds the estimated loss of a row to the chunk.
    fn add(&mut self, loss: f64) {
        if loss.is_finite() {
            self.rows += 1;
            self.sum += loss.max(0.0);
        }
    }
}

impl Dle {
    /// Adds a row to the chunk; the first one begins it. A row without a prediction is not counted.
    pub fn scored(&mut self, features: &[f64], prediction: f64) -> Result<(), LearnError> {
        if !prediction.is_finite() {
            return Ok(());
        }
        if self.begun.is_none() {
            let enough = self.reference.len() >= LEAST_REFERENCE;
            self.begun = Some((enough, realised(&self.metrics, self.reference.iter().copied())));
        }
        self.row.clear();
        self.row.extend(features.iter().chain([&prediction]));
        for nanny in &mut self.nannies {
            self.room.clear();
            nanny.model.predict(&Features::row(&self.row), &mut self.room)?;
            nanny.add(self.room.values().first().copied().unwrap_or(f64::NAN));
        }
        Ok(())
    }

    /// Adds a row whose label has become known, with its features and its prediction when it was scored.
    pub fn labelled(&mut self, features: &[f64], prediction: f64, truth: f64) -> Result<(), LearnError> {
        if !prediction.is_finite() || !truth.is_finite() {
            return Ok(());
        }
        if self.reference.len() >= self.most {
            self.reference.pop_front();
        }
        self.reference.push_back((truth, prediction));
        self.row.clear();
        self.row.extend(features.iter().chain([&prediction]));
        for nanny in &mut self.nannies {
            let loss = nanny.loss.of(truth, prediction);
            if loss.is_finite() {
                nanny.model.learn(&Features::row(&self.row), Labels::Values(&[loss]))?;
            }
        }
        Ok(())
    }

    /// Ends the chunk: the estimates for its rows.
    pub fn end(&mut self) -> Ended {
        let (enough, reference) = self.begun.take().unwrap_or_default();
        let estimate = |metric: &Estimated| {
            let (loss, root) = metric.loss()?;
            let nanny = self.nannies.iter().find(|nanny| nanny.loss == loss)?;
            enough.then(|| mean(nanny.sum, nanny.rows, root))
        };
        let estimates = self.metrics.iter().map(|metric| estimate(metric).unwrap_or(f64::NAN)).collect();
        self.nannies.iter_mut().for_each(|nanny| (nanny.rows, nanny.sum) = (0, 0.0));
        Ended { estimates, reference }
    }
}

/// The mean, or the root of it.
fn mean(sum: f64, rows: u64, root: bool) -> f64 {
    let mean = if rows > 0 { sum / rows as f64 } else { f64::NAN };
    if root { mean.sqrt() } else { mean }
}

/// Metrics over truths and predictions.
pub(super) fn realised(metrics: &[Estimated], rows: impl Iterator<Item = (f64, f64)> + Clone) -> Vec<f64> {
    let over = |(loss, root): (Loss, bool)| {
        let losses = rows.clone().map(|(truth, prediction)| loss.of(truth, prediction));
        let (rows, sum) =
            losses.filter(|loss| loss.is_finite()).fold((0, 0.0), |(rows, sum), loss| (rows + 1, sum + loss));
        mean(sum, rows, root)
    };
    metrics.iter().map(|metric| metric.loss().map_or(f64::NAN, over)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `DLE.estimate` of NannyML 0.13.1, whose nannies were replaced by one that says these losses; some are below 0.
    #[test]
    fn estimates_are_nannymls_for_the_same_losses() {
        let metrics =
            [Estimated::Mae, Estimated::Mse, Estimated::Rmse, Estimated::Mape, Estimated::Msle, Estimated::Rmsle];
        let mut dle = DleSettings::default().build(&metrics, &Signature::numeric(1)).unwrap();
        assert_eq!(dle.nannies.len(), 4, "a loss and the root of it have one nanny");
        dle.begun = Some((true, Vec::new()));
        for row in 0..300_u32 {
            let loss = f64::from(row * 53 % 97) / 97.0 * 5.0 - 0.5;
            dle.nannies.iter_mut().for_each(|nanny| nanny.add(loss));
        }
        let (mean, root) = (1.9897594501718212, 1.4105883347638393);
        let expected = [mean, mean, root, mean, mean, root];
        let ended = dle.end();
        assert!(ended.estimates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{ended:?}");
    }

    #[test]
    fn a_nanny_predicts_numbers() {
        let classifier = Component::LogisticRegression(Default::default());
        let settings = DleSettings { model: Box::new(classifier), ..Default::default() };
        assert!(settings.check().unwrap_err().contains("predicts numbers"));
        assert_eq!(DleSettings::default().check(), Ok(()));
    }
}
