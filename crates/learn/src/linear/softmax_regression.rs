//! Softmax regression: logistic regression for many classes.

use super::optimizer::Steps;
use super::{Optimizer, dot};
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

component_settings! {
    /// Softmax regression, also called multinomial logistic regression, by gradient descent on the cross-entropy.
    ///
    /// Predicts a probability for each class seen. Scale the columns first (`standard_scaler`). There is no intercept; add
    /// a column of ones for it. Memory: 8 bytes a column and class, 8 to 16 more with an optimizer other than `sgd`.
    /// Source: `linear_model.SoftmaxRegression` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::SoftmaxRegressionSettings};
    /// let mut model = SoftmaxRegressionSettings::default().build(&Signature::numeric(2));
    /// for step in 0..3000 {
    ///     let (row, class) = [([1.0, 0.0], 0), ([0.0, 1.0], 1), ([-1.0, -1.0], 2)][step % 3];
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[-1.0, -1.0]), &mut out)?;
    /// assert!(out.row(0)[2] > 0.9);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    SoftmaxRegressionSettings {
        /// How weights follow the gradient. Default `{sgd: {lr: 0.01}}`.
        optimizer: Optimizer = Optimizer::default(),
        /// Strength of the penalty on squared weights, 0 or above. Default 0.
        #[schemars(extend("minimum" = 0))]
        l2: f64 = 0.0,
    }
}

impl SoftmaxRegressionSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> SoftmaxRegression {
        SoftmaxRegression { settings: self.clone(), width: signature.width(), classes: Vec::new() }
    }
}

/// The model behind [`SoftmaxRegressionSettings`].
#[derive(Debug, Clone)]
pub struct SoftmaxRegression {
    settings: SoftmaxRegressionSettings,
    width: usize,
    /// By class; none if it has not been seen.
    classes: Vec<Option<Class>>,
}

#[derive(Debug, Clone)]
struct Class {
    weights: Box<[f64]>,
    steps: Steps,
}

stateful!(Class: weights, steps);

/// Avoids a certainty that could never be revised, as in River.
const SURE: f64 = 1e-15;

impl SoftmaxRegression {
    fn class(&self) -> Class {
        Class { weights: vec![0.0; self.width].into(), steps: Steps::new(&self.settings.optimizer, self.width) }
    }

    fn probabilities(&self, row: &[f64]) -> Vec<f64> {
        // An absurd value makes no sum infinite: a class keeps its share.
        let sum = |class: &Option<Class>| Some(finite(dot(&class.as_ref()?.weights, row)));
        let sums: Vec<Option<f64>> = self.classes.iter().map(sum).collect();
        let most = sums.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = sums.iter().map(|sum| sum.map_or(0.0, |sum| crate::exponential::exp(sum - most)));
        let mut powers: Vec<f64> = powers.collect();
        crate::density::sum_to_one(&mut powers);
        powers
    }
}

fn finite(sum: f64) -> f64 {
    if sum.is_nan() { 0.0 } else { sum.clamp(-1e300, 1e300) }
}

impl ByRow for SoftmaxRegression {
    facts!(Classification; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_row(self.probabilities(row));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(truth) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        let probabilities = self.probabilities(row);
        if truth >= self.classes.len() {
            self.classes.resize(truth + 1, None);
        }
        let fresh = self.class();
        let l2 = self.settings.l2;
        for (index, class) in self.classes.iter_mut().enumerate() {
            if index == truth {
                class.get_or_insert_with(|| fresh.clone());
            }
            let Some(class) = class else { continue };
            let probability = probabilities.get(index).copied().unwrap_or(0.0).clamp(SURE, 1.0 - SURE);
            let gradient = (probability - f64::from(u8::from(index == truth))) * weight;
            class.steps.step(&mut class.weights, |column, held| {
                let x = row.get(column).copied().filter(|x| x.is_finite())?;
                Some(if l2 == 0.0 { gradient * x } else { gradient * x + l2 * held })
            });
        }
    }
}

impl Stateful for SoftmaxRegression {
    fn save(&self, to: &mut StateWriter) {
        to.begin("softmax_regression", 1);
        to.u64(self.classes.len() as u64);
        for class in &self.classes {
            class.is_some().save(to);
            class.iter().for_each(|class| class.save(to));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("softmax_regression", 1)?;
        self.classes.clear();
        for _ in 0..from.length(8)? {
            let mut class = (from.u64()? != 0).then(|| self.class());
            class.iter_mut().try_for_each(|class| class.load(from))?;
            self.classes.push(class);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.classes.iter().map(|class| class.as_ref().map_or(8, Stateful::size)).sum::<usize>()
    }
}
