//! Gradient boosted trees for classes.

use super::boost::{Boost, boosting_settings};
use super::value_tree::ValueTree;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

boosting_settings! {
    /// Streaming gradient boosted trees: Hoeffding trees that each learn the Newton step which the trees before it left over.
    ///
    /// Predicts a probability for each class: for two classes by one row of trees, for more by one row each. Takes nominal
    /// columns. Memory: `n_models` trees of at most `max_size` for each class (one set for two). Source: N. Gunasekara and
    /// others, "Gradient Boosted Trees for Evolving Data Streams", Machine Learning 113 (2024).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::GradientBoostingClassifierSettings};
    /// let mut model = GradientBoostingClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100) / 100.0, f64::from(step * 13 % 100) / 100.0);
    ///     model.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 0.5 && b > 0.5)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[0.8, 0.8, 0.8, 0.2], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    GradientBoostingClassifierSettings of "trees of each class", held back: true
}

impl GradientBoostingClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> GradientBoostingClassifier {
        GradientBoostingClassifier { boost: self.boost(signature), seen: Vec::new(), sets: Vec::new() }
    }
}

/// The model behind [`GradientBoostingClassifierSettings`].
#[derive(Debug, Clone)]
pub struct GradientBoostingClassifier {
    boost: Boost,
    seen: Vec<bool>,
    /// One set of trees for class 1 while there are two classes, else one for each class.
    sets: Vec<Vec<ValueTree>>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + crate::exponential::exp(-x))
}

impl GradientBoostingClassifier {
    fn sums(&self, row: &[f64]) -> Vec<f64> {
        self.sets.iter().map(|trees| self.boost.predict(trees, row)).collect()
    }

    /// A third class turns one set of trees into one for each class: the existing one continues for class 1, and class
    /// 0 starts over.
    fn know(&mut self, class: usize) {
        while self.seen.len() <= class {
            self.seen.push(false);
        }
        self.seen.iter_mut().skip(class).take(1).for_each(|seen| *seen = true);
        let wanted = if self.seen.len() <= 2 { 1 } else { self.seen.len() };
        if self.sets.len() == 1 && wanted > 1 {
            self.sets.insert(0, self.boost.trees());
        }
        while self.sets.len() < wanted {
            self.sets.push(self.boost.trees());
        }
    }
}

impl ByRow for GradientBoostingClassifier {
    facts!(Classification, takes_nominal; width: boost.kinds.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let sums = self.sums(row);
        out.push_with(|votes| {
            votes.clear();
            match (sums.as_slice(), self.seen.as_slice()) {
                ([sum], [true, true]) => {
                    let positive = sigmoid(*sum);
                    return votes.extend([1.0 - positive, positive]);
                }
                // A single class is certain.
                ([_], seen) => votes.extend(seen.iter().map(|seen| f64::from(u8::from(*seen)))),
                (sums, seen) => {
                    votes.extend(sums.iter().zip(seen).map(|(sum, seen)| if *seen { sigmoid(*sum) } else { 0.0 }));
                }
            }
            crate::density::sum_to_one(votes);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        self.know(class);
        let single = self.sets.len() == 1;
        for (index, trees) in self.sets.iter_mut().enumerate() {
            let y = f64::from(u8::from(class == if single { 1 } else { index }));
            // Curvature is scaled so that an undecided row weighs 1.
            self.boost.learn(trees, row, weight, |sum| {
                let probability = sigmoid(sum);
                (4.0 * (probability - y), 4.0 * probability * (1.0 - probability))
            });
        }
    }
}

impl Stateful for GradientBoostingClassifier {
    fn save(&self, to: &mut StateWriter) {
        to.begin("gradient_boosting_classifier", 1);
        self.seen.save(to);
        to.u64(self.sets.len() as u64);
        self.sets.iter().flatten().for_each(|tree| tree.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("gradient_boosting_classifier", 1)?;
        self.seen.load(from)?;
        let count = from.length(8)?;
        self.sets.clear();
        for _ in 0..count {
            let mut trees = self.boost.trees();
            trees.iter_mut().try_for_each(|tree| tree.load(from))?;
            self.sets.push(trees);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sets.iter().flatten().map(Stateful::size).sum::<usize>()
    }
}
