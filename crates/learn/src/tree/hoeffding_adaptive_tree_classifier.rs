//! The Hoeffding adaptive tree for classes.

use super::HoeffdingTreeClassifierSettings;
use super::class_tree::Leaf;
use super::forest::adwin;
use super::sprout::{Adaption, AdaptiveTree};
use crate::state::stateful;
use crate::traits::{ByRow, most_probable};
use crate::{DetectorKind, Predictions, Signature, Task, Truth};

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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoeffdingAdaptiveTreeClassifierSettings {
    /// How the tree grows: the settings of `hoeffding_tree_classifier`.
    pub tree: HoeffdingTreeClassifierSettings,
    /// Whether each row is learned as often as a Poisson number of mean 1 has it, at least once. Default true.
    pub bootstrap_sampling: bool,
    /// The rows that a branch and its alternate must have answered before they are compared. Default 300.
    pub drift_window_threshold: f64,
    /// What finds that a branch has drifted. Default `{adwin: {delta: 0.002}}`.
    pub drift_detector: DetectorKind,
    /// The chance of taking a worse alternate, in (0, 1). Default 0.05.
    #[schemars(range(min = 0, max = 1))]
    pub switch_significance: f64,
    /// The seed of the sampling. Default 42.
    pub seed: u64,
}

impl Default for HoeffdingAdaptiveTreeClassifierSettings {
    fn default() -> Self {
        Self {
            tree: Default::default(),
            bootstrap_sampling: true,
            drift_window_threshold: 300.0,
            drift_detector: adwin(0.002),
            switch_significance: 0.05,
            seed: 42,
        }
    }
}

impl HoeffdingAdaptiveTreeClassifierSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HoeffdingAdaptiveTreeClassifier {
        let adaption = Adaption {
            bootstrap_sampling: self.bootstrap_sampling,
            drift_window_threshold: self.drift_window_threshold,
            drift_detector: self.drift_detector.clone(),
            switch_significance: self.switch_significance,
        };
        let tree = AdaptiveTree::new(self.tree.growth(), signature.kinds(), adaption, self.seed);
        HoeffdingAdaptiveTreeClassifier { rows: 0, classes: 0, tree }
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
    fn task(&self) -> Task {
        Task::Classification
    }

    fn width(&self) -> usize {
        self.tree.kinds.len()
    }

    fn takes_nominal(&self) -> bool {
        true
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_with(|votes| {
            votes.clear();
            votes.resize(self.classes, 0.0);
            self.tree.answers(row, |answer, error| {
                // As in River a leaf counts by the inverse of its squared error.
                let weight = if error > 0.0 { 1.0 / (error * error) } else { 1.0 };
                votes.iter_mut().zip(answer).for_each(|(vote, answer)| *vote += weight * answer);
            });
            let all: f64 = votes.iter().sum();
            votes.iter_mut().for_each(|vote| *vote = if all > 0.0 { *vote / all } else { 0.0 });
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
