//! Passive-aggressive learning: the smallest change of the weights that corrects the last mistake.

use super::dot;
use super::loss::sigmoid;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Truth};

/// How large a step may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Whatever mends the mistake (PA).
    Pa,
    /// At most `c` (PA-I).
    #[default]
    PaI,
    /// Softened by `c` (PA-II).
    PaII,
}

component_settings! {
    /// Passive-aggressive classification into two classes.
    ///
    /// Predicts the sigmoid of the margin, which is no calibrated probability. Scale the columns first. Memory: 8 bytes a
    /// column. Source: K. Crammer and others, "Online Passive-Aggressive Algorithms", JMLR 7 (2006);
    /// `linear_model.PAClassifier` of River, whose `mode` 0, 1, 2 is `pa`, `pa_i`, `pa_i_i` here.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Signature, linear::PassiveAggressiveClassifierSettings};
    /// let mut model = PassiveAggressiveClassifierSettings::default().build(&Signature::numeric(1));
    /// model.learn(&Features::row(&[2.0]), Labels::Classes(&[1]))?;
    /// assert_eq!((model.weights(), model.intercept()), (&[0.5][..], 0.25)); // loss 1 over a squared length of 4
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    PassiveAggressiveClassifierSettings {
        /// The aggressiveness, above 0: the largest step of `pa_i`, the stiffness of `pa_i_i`. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        c: f64 = 1.0,
        /// How large a step may be. Default `pa_i`.
        mode: Mode = Mode::PaI,
        /// Whether to learn an intercept. Default true.
        learn_intercept: bool = true,
    }
}

impl PassiveAggressiveClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> PassiveAggressiveClassifier {
        PassiveAggressiveClassifier(Margin::new(self.c, self.mode, self.learn_intercept, signature.width()))
    }
}

component_settings! {
    /// Passive-aggressive regression.
    ///
    /// Predicts a number. Scale the columns first. Memory: 8 bytes a column. Source: as
    /// `passive_aggressive_classifier`; `linear_model.PARegressor` of River, whose loss takes the label as a class and
    /// doubles it; this one follows the paper.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Signature, linear::PassiveAggressiveRegressorSettings};
    /// let mut model = PassiveAggressiveRegressorSettings { c: 9.0, eps: 0.0, ..Default::default() }.build(&Signature::numeric(1));
    /// model.learn(&Features::row(&[2.0]), Labels::Values(&[4.0]))?;
    /// assert_eq!((model.weights(), model.intercept()), (&[2.0][..], 1.0)); // an error of 4 over a squared length of 4
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    PassiveAggressiveRegressorSettings {
        /// The aggressiveness, above 0: the largest step of `pa_i`, the stiffness of `pa_i_i`. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        c: f64 = 1.0,
        /// How large a step may be. Default `pa_i`.
        mode: Mode = Mode::PaI,
        /// The error that costs nothing, 0 or above. Default 0.1.
        #[schemars(extend("minimum" = 0))]
        eps: f64 = 0.1,
        /// Whether to learn an intercept. Default true.
        learn_intercept: bool = true,
    }
}

impl PassiveAggressiveRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> PassiveAggressiveRegressor {
        let margin = Margin::new(self.c, self.mode, self.learn_intercept, signature.width());
        PassiveAggressiveRegressor { margin, eps: self.eps }
    }
}

/// The model behind [`PassiveAggressiveClassifierSettings`].
#[derive(Debug, Clone)]
pub struct PassiveAggressiveClassifier(Margin);

/// The model behind [`PassiveAggressiveRegressorSettings`].
#[derive(Debug, Clone)]
pub struct PassiveAggressiveRegressor {
    margin: Margin,
    eps: f64,
}

/// Weights that move as far as the loss requires.
#[derive(Debug, Clone)]
struct Margin {
    c: f64,
    mode: Mode,
    learn_intercept: bool,
    rows: f64,
    weights: Box<[f64]>,
    intercept: f64,
}

stateful!(Margin: rows, weights, intercept);

impl Margin {
    fn new(c: f64, mode: Mode, learn_intercept: bool, width: usize) -> Self {
        Self { c, mode, learn_intercept, rows: 0.0, weights: vec![0.0; width].into(), intercept: 0.0 }
    }

    fn dot(&self, row: &[f64]) -> f64 {
        dot(&self.weights, row) + self.intercept
    }

    fn step(&mut self, row: &[f64], loss: f64, sign: f64) {
        let length = row.iter().filter(|x| x.is_finite()).map(|x| x * x).sum::<f64>();
        let size = match self.mode {
            Mode::PaII => loss / (length + 0.5 / self.c),
            _ if length <= 0.0 => 0.0,
            Mode::Pa => loss / length,
            Mode::PaI => (loss / length).min(self.c),
        };
        self.rows += 1.0;
        let step = sign * size;
        if !(step * length).is_finite() {
            return;
        }
        for (weight, x) in self.weights.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            *weight += step * x;
        }
        if self.learn_intercept {
            self.intercept += step;
        }
    }

    /// The mean of both by rows.
    fn absorb(&mut self, other: &Self) {
        let rows = self.rows + other.rows;
        if rows > 0.0 {
            let share = other.rows / rows;
            self.weights.iter_mut().zip(&other.weights).for_each(|(mine, theirs)| *mine += (theirs - *mine) * share);
            self.intercept += (other.intercept - self.intercept) * share;
            self.rows = rows;
        }
    }
}

impl PassiveAggressiveClassifier {
    /// The weight of each column.
    pub fn weights(&self) -> &[f64] {
        &self.0.weights
    }

    /// The margin of a row of zeros.
    pub fn intercept(&self) -> f64 {
        self.0.intercept
    }

    fn absorb(&mut self, other: &Self) {
        self.0.absorb(&other.0);
    }
}

impl PassiveAggressiveRegressor {
    /// The weight of each column.
    pub fn weights(&self) -> &[f64] {
        &self.margin.weights
    }

    /// The prediction for a row of zeros.
    pub fn intercept(&self) -> f64 {
        self.margin.intercept
    }

    fn absorb(&mut self, other: &Self) {
        self.margin.absorb(&other.margin);
    }
}

stateful!(PassiveAggressiveClassifier, "passive_aggressive_classifier", 1: 0);
stateful!(PassiveAggressiveRegressor, "passive_aggressive_regressor", 1: margin);
mergeable!(PassiveAggressiveClassifier);
mergeable!(PassiveAggressiveRegressor);

impl ByRow for PassiveAggressiveClassifier {
    facts!(BinaryClassification, merges; width: 0.weights.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(sigmoid(self.0.dot(row)));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let y = if truth == Some(Truth::Class(1)) { 1.0 } else { -1.0 };
        let loss = (1.0 - y * self.0.dot(row)).max(0.0);
        self.0.step(row, loss * weight, y);
    }
}

impl ByRow for PassiveAggressiveRegressor {
    facts!(Regression, merges; width: margin.weights.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(self.margin.dot(row));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let error = truth.map_or(f64::NAN, Truth::number) - self.margin.dot(row);
        let loss = (error.abs() - self.eps).max(0.0);
        self.margin.step(row, loss * weight, if error > 0.0 { 1.0 } else { -1.0 });
    }
}
