//! Online boosting.

use super::members::{Members, classify_by_members, ensemble_settings};
use crate::random::{Poisson, Random};
use crate::state::stateful;
use crate::traits::ByRow;
use crate::{Predictions, Signature, Truth};

ensemble_settings! {
    /// Online AdaBoost: what a model gets wrong, the next one learns more often.
    ///
    /// Predicts a probability for each class: the models' votes, weighted by the logarithm of the odds that each is right.
    /// Memory: that of `n_models` models. Source: N. C. Oza, S. Russell, "Online Bagging and Boosting", AISTATS 2001;
    /// `ensemble.AdaBoostClassifier` of River. A row that is to be learned k times is learned once with weight k.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, ensemble::AdaBoostClassifierSettings};
    /// let mut ensemble = AdaBoostClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     ensemble.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// ensemble.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    AdaBoostClassifierSettings {}
}

impl AdaBoostClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> AdaBoostClassifier {
        let members = Members::new(&self.model, signature, self.n_models);
        let records = vec![(0.0, 0.0); self.n_models].into();
        AdaBoostClassifier { random: Random::new(self.seed), members, records }
    }
}

/// The model behind [`AdaBoostClassifierSettings`].
pub struct AdaBoostClassifier {
    random: Random,
    members: Members,
    /// The weight that each model has predicted right and wrong.
    records: Box<[(f64, f64)]>,
}

stateful!(AdaBoostClassifier, "ada_boost_classifier", 1: random, members, records);

/// The maximum number of times that a row counts: its weight may grow without bound along the models.
const MOST: f64 = 100.0;

impl ByRow for AdaBoostClassifier {
    classify_by_members!();

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let weight = |place: usize| {
            let (right, wrong) = self.records.get(place).copied().unwrap_or_default();
            let error = (wrong + 1e-16) / (right + wrong + 1e-16);
            if error > 0.5 { 1.0 } else { libm::log((1.0 - error) / error) }
        };
        self.members.vote(row, weight, out);
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        let mut rate = 1.0;
        for (place, (right, wrong)) in self.records.iter_mut().enumerate() {
            let times = Poisson::new(rate).draw(&mut self.random) as f64;
            self.members.teach(place, row, class, weight * times);
            let held = if self.members.class(place, row) == Some(class) { &mut *right } else { &mut *wrong };
            *held += rate;
            let held = *held;
            rate = (rate * (*right + *wrong) / (2.0 * held)).clamp(0.0, MOST);
        }
    }
}
