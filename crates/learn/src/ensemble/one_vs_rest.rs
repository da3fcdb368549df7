//! Many classes by binary models.

use super::members::{Members, check};
use crate::settings::settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Component, Predictions, Signature, Truth};

settings! {
    /// One against the rest: for each class a model that tells it from all others.
    ///
    /// Makes a classifier for any number of classes of one for two. Predicts a probability for each class: each model's own,
    /// scaled to 1. Memory: that of one model a class. Source: `multiclass.OneVsRestClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, ensemble::OneVsRestSettings};
    /// let mut model = OneVsRestSettings::default().build(&Signature::numeric(2));
    /// for step in 0..6000 {
    ///     let (row, class) = [([1.0, 0.0], 0), ([0.0, 1.0], 1), ([-1.0, -1.0], 2)][step % 3];
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[-1.0, -1.0]), &mut out)?;
    /// assert!(out.row(0)[2] > 0.7);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    OneVsRestSettings {
        /// The model to repeat for each class: one that predicts classes. Default `logistic_regression`.
        model: Box<Component> = Box::new(Component::LogisticRegression(Default::default())),
    }
}

impl OneVsRestSettings {
    /// Whether the settings are consistent; the error names those that are not.
    pub fn check(&self) -> Result<(), String> {
        check(&self.model)
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> OneVsRest {
        let nominal = Members::new(&self.model, signature, 1).takes_nominal();
        OneVsRest { nominal, seen: Vec::new(), members: Members::new(&self.model, signature, 0) }
    }
}

/// The model behind [`OneVsRestSettings`].
pub struct OneVsRest {
    nominal: bool,
    seen: Vec<bool>,
    members: Members,
}

stateful!(OneVsRest, "one_vs_rest", 1: seen, members);

impl ByRow for OneVsRest {
    facts!(Classification; width: members.width());

    fn takes_nominal(&self) -> bool {
        self.nominal
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut room = Predictions::default();
        out.push_with(|sum| {
            sum.clear();
            for (place, seen) in self.seen.iter().enumerate() {
                let own = self.members.positive(place, row, &mut room).filter(|_| *seen);
                sum.push(own.unwrap_or(0.0));
            }
            let all: f64 = sum.iter().sum();
            let even = 1.0 / self.seen.iter().filter(|seen| **seen).count().max(1) as f64;
            for (vote, seen) in sum.iter_mut().zip(&self.seen) {
                *vote = if all > 0.0 { *vote / all } else { f64::from(u8::from(*seen)) * even };
            }
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        while self.seen.len() <= class {
            self.seen.push(false);
            self.members.add();
        }
        self.seen.iter_mut().skip(class).take(1).for_each(|seen| *seen = true);
        for place in (0..self.seen.len()).filter(|place| self.seen.get(*place) == Some(&true)) {
            self.members.teach(place, row, u32::from(place == class), weight);
        }
    }
}
