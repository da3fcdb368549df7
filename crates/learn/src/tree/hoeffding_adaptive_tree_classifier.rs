//! The Hoeffding adaptive tree for classes.

use super::HoeffdingTreeClassifierSettings;
use super::adaptive_tree::AdaptiveTree;
use super::class_tree::Leaf;
use super::settings::adaptive_tree_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, most_probable};
use crate::{Predictions, Signature, Truth};

adaptive_tree_settings! {
    /// The Hoeffding adaptive tree: a Hoeffding tree that watches the errors of each branch, grows an alternate beside one
    /// that drifts, and takes it over when it is better.
    ///
    /// Predicts a probability for each class: of the leaf and of the alternates on the way, the surer ones counting more. Takes nominal columns. Memory: about `max_size` of the tree's settings; beyond it no leaf splits any more.
    /// Source: A. Bifet, R. Gavaldà, "Adaptive Learning from Evolving Data Streams", IDA 2009;
    /// `tree.HoeffdingAdaptiveTreeClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::HoeffdingAdaptiveTreeClassifierSettings};
    /// let mut tree = HoeffdingAdaptiveTreeClassifierSettings::default().build(&Signature::numeric(1));
    /// for step in 0..20000_u32 {
    ///     let x = f64::from(step * 7 % 100) / 100.0;
    ///     let high = (x > 0.5) != (step > 10000); // half way everything turns round
    ///     tree.learn(&Features::row(&[x]), Labels::Classes(&[u32::from(high)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// tree.predict(&Features::new(&[0.2, 0.8], 1), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    HoeffdingAdaptiveTreeClassifierSettings of HoeffdingTreeClassifierSettings, "hoeffding_tree_classifier", Leaf
}

impl HoeffdingAdaptiveTreeClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HoeffdingAdaptiveTreeClassifier {
        HoeffdingAdaptiveTreeClassifier { rows: 0, classes: 0, tree: self.adaptive(signature) }
    }
}

/// The model behind [`HoeffdingAdaptiveTreeClassifierSettings`].
pub struct HoeffdingAdaptiveTreeClassifier {
    rows: u64,
    classes: usize,
    tree: AdaptiveTree<Leaf>,
}

stateful!(HoeffdingAdaptiveTreeClassifier, "hoeffding_adaptive_tree_classifier", 1: rows, classes, tree);

impl ByRow for HoeffdingAdaptiveTreeClassifier {
    facts!(Classification, takes_nominal; width: tree.kinds.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_with(|votes| {
            votes.clear();
            votes.resize(self.classes, 0.0);
            self.tree.answers(row, |answer, error| {
                // As in River a leaf is weighted by the inverse of its squared error.
                let weight = if error > 0.0 { 1.0 / (error * error) } else { 1.0 };
                votes.iter_mut().zip(answer).for_each(|(vote, answer)| *vote += weight * answer);
            });
            crate::density::sum_to_one(votes);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        self.classes = self.classes.max(class as usize + 1);
        let wrong = |answer: &[f64]| f64::from(u8::from(most_probable(answer) != Some(class)));
        self.tree.learn(row, Truth::Class(class), weight, &wrong);
        self.tree.keep_budget(&mut self.rows);
    }
}
