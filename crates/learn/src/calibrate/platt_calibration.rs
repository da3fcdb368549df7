//! Platt's calibration.

use super::Seen;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// Platt's calibration: a logistic curve over the score in the last column, fitted as labels come.
    ///
    /// Predicts 1 / (1 + exp(-(a s + b))), where s is the log odds of the score, or the score itself where that is a margin.
    /// It begins with a = 1 and b = 0, so that a probability stays as it is until labels say otherwise, and learns a and b by
    /// one Newton step for each label (the extended Kalman filter of a logistic regression). A score that is missing is
    /// answered by the share of positives so far, and nothing is learned from it. Memory: 64 bytes. Sources: J. Platt,
    /// "Probabilistic outputs for support vector machines", 1999; W. D. Penny and S. J. Roberts, "Dynamic logistic
    /// regression", 1999; `CalibratedClassifierCV(method="sigmoid")` of scikit-learn fits the same curve to all rows at once.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, calibrate::PlattCalibrationSettings};
    /// let mut model = PlattCalibrationSettings::default().build(&Signature::numeric(1));
    /// // A score of 0.9 that is right in one case of two.
    /// for label in [1, 0].repeat(200) {
    ///     model.learn(&Features::row(&[0.9]), Labels::Classes(&[label]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[0.9]), &mut out)?;
    /// assert!((out.values()[0] - 0.5).abs() < 0.01);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    PlattCalibrationSettings {
        /// What the score is: `probability` (default), a number from 0 to 1, or `margin`, any number.
        score: ScoreKind = ScoreKind::Probability,
        /// The variance that a and b have before the first label, above 0: the larger, the sooner labels count. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        prior_variance: f64 = 1.0,
        /// How much of what was learned is kept at each row, in (0, 1]: below 1, old rows are forgotten. Default 1.
        #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
        forgetting: f64 = 1.0,
    }
}

/// What a score is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// A number from 0 to 1.
    #[default]
    Probability,
    /// Any number; the larger, the more it is the positive class.
    Margin,
}

/// Probabilities nearer to 0 or 1 are clamped to these.
const NEAREST: f64 = 1e-12;
/// The limit of the variance that forgetting restores: a and b stay finite if nothing is learned for long.
const MOST_VARIANCE: f64 = 1e6;

impl PlattCalibrationSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> PlattCalibration {
        PlattCalibration {
            settings: self.clone(),
            width: signature.width(),
            curve: vec![1.0, 0.0].into(),
            variance: vec![self.prior_variance, 0.0, self.prior_variance].into(),
            seen: Seen::nothing(),
        }
    }
}

/// The model behind [`PlattCalibrationSettings`].
#[derive(Debug, Clone)]
pub struct PlattCalibration {
    settings: PlattCalibrationSettings,
    width: usize,
    /// a and b.
    curve: Box<[f64]>,
    /// Of a, of a with b, of b.
    variance: Box<[f64]>,
    seen: Seen,
}

stateful!(PlattCalibration, "platt_calibration", 1: curve, variance, seen);

impl PlattCalibration {
    /// The slope and the shift of the curve.
    pub fn curve(&self) -> (f64, f64) {
        match *self.curve {
            [a, b] => (a, b),
            _ => (1.0, 0.0),
        }
    }

    /// The argument of the curve; none if the score is missing.
    fn score(&self, row: &[f64]) -> Option<f64> {
        let score = row.last().copied().filter(|score| score.is_finite())?;
        Some(match self.settings.score {
            ScoreKind::Margin => score.clamp(-1e9, 1e9),
            ScoreKind::Probability => {
                let share = score.clamp(NEAREST, 1.0 - NEAREST);
                libm::log(share / (1.0 - share))
            }
        })
    }

    fn at(&self, score: f64) -> f64 {
        let (a, b) = self.curve();
        1.0 / (1.0 + libm::exp(-(a * score + b)))
    }
}

impl ByRow for PlattCalibration {
    facts!(BinaryClassification, takes_nominal; width: width);

    /// The other columns are ignored.
    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(self.score(row).map_or_else(|| self.seen.share(), |score| self.at(score)));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(label) = self.seen.count(truth, weight, self.settings.forgetting) else { return };
        let Some(score) = self.score(row) else { return };
        let probability = self.at(score);
        let ([a, b], [of_a, of_both, of_b]) = (&mut *self.curve, &mut *self.variance) else { return };
        for variance in [&mut *of_a, &mut *of_both, &mut *of_b] {
            *variance = (*variance / self.settings.forgetting).clamp(-MOST_VARIANCE, MOST_VARIANCE);
        }
        // The gain of each: the share of this row's uncertainty that it explains.
        let (toward_a, toward_b) = (*of_a * score + *of_both, *of_both * score + *of_b);
        let steepness = weight * probability * (1.0 - probability);
        let shrink = steepness / (1.0 + steepness * (score * toward_a + toward_b));
        *of_a -= shrink * toward_a * toward_a;
        *of_both -= shrink * toward_a * toward_b;
        *of_b -= shrink * toward_b * toward_b;
        let wrong = weight * (label - probability);
        *a += (*of_a * score + *of_both) * wrong;
        *b += (*of_both * score + *of_b) * wrong;
    }
}
