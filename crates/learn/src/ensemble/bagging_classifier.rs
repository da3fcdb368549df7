//! Online bagging.

use super::members::{Members, classify_by_members, ensemble_settings};
use crate::random::{Poisson, Random};
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{LearnError, Merge, Predictions, Signature, StateReader, Truth};

ensemble_settings! {
    /// Online bagging: each model learns each row as often as a Poisson number of mean 1 has it.
    ///
    /// Predicts a probability for each class, the mean of all models'. Memory: that of `n_models` models. Source: N. C. Oza,
    /// S. Russell, "Online Bagging and Boosting", AISTATS 2001; `ensemble.BaggingClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, ensemble::BaggingClassifierSettings};
    /// let mut ensemble = BaggingClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     ensemble.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// ensemble.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    BaggingClassifierSettings {}
}

impl BaggingClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> BaggingClassifier {
        let members = Members::new(&self.model, signature, self.n_models);
        BaggingClassifier { random: Random::new(self.seed), poisson: Poisson::new(1.0), members }
    }
}

/// The model behind [`BaggingClassifierSettings`].
pub struct BaggingClassifier {
    random: Random,
    poisson: Poisson,
    members: Members,
}

stateful!(BaggingClassifier, "bagging_classifier", 1: random, members);

impl Merge for BaggingClassifier {
    /// Merges the models.
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError> {
        let mut other = Self { random: Random::new(0), poisson: Poisson::new(1.0), members: self.members.like() };
        StateReader::into(saved, &mut other)?;
        self.members.join(other.members);
        Ok(())
    }
}

impl ByRow for BaggingClassifier {
    classify_by_members!();

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        self.members.vote(row, |_| 1.0, out);
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        for place in 0..self.members.models.len() {
            let times = self.poisson.draw(&mut self.random);
            self.members.teach_times(place, row, class, weight, times);
        }
    }

    facts!(merges);
}
