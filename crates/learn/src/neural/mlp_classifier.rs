//! A multi-layer perceptron for classes.

use super::network::{Network, network_settings};
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

network_settings! {
    /// A multi-layer perceptron that predicts classes: dense layers, then softmax; learns by the cross-entropy.
    ///
    /// Predicts a probability for each class; a class that was unknown gets an output of its own. Scale the columns first;
    /// a missing value is 0. Memory: 40 bytes a weight. `hidden_layer_sizes` is `[100]` unless set. Source: D. E.
    /// Rumelhart, G. E. Hinton, R. J. Williams, "Learning Representations by Back-Propagating Errors", 1986;
    /// `neural_network.MLPClassifier` of scikit-learn (which learns 200 rows at a time).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, neural::MlpClassifierSettings};
    /// let settings = MlpClassifierSettings { hidden_layer_sizes: vec![16], ..Default::default() };
    /// let mut model = settings.build(&Signature::numeric(2));
    /// for step in 0..20000 {
    ///     let (row, class) = [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)][step % 4];
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?; // no line separates these
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[0.0, 1.0, 1.0, 1.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.9 && out.row(1)[0] > 0.9);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    MlpClassifierSettings, vec![100]
}

impl MlpClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> MlpClassifier {
        MlpClassifier { seen: Vec::new(), network: self.network(signature.width(), 0) }
    }
}

/// The model behind [`MlpClassifierSettings`].
#[derive(Debug, Clone)]
pub struct MlpClassifier {
    /// Which classes have occurred.
    seen: Vec<bool>,
    network: Network,
}

stateful!(MlpClassifier, "mlp_classifier", 1: seen, network);

/// Turns sums into probabilities; a class that never occurred has none.
fn softmax(sums: &mut [f64], seen: &[bool]) {
    let most = sums.iter().zip(seen).filter(|(_, seen)| **seen).map(|(sum, _)| *sum).fold(f64::NEG_INFINITY, f64::max);
    for (sum, seen) in sums.iter_mut().zip(seen) {
        *sum = if *seen { crate::exponential::exp(*sum - most) } else { 0.0 };
    }
    crate::density::sum_to_one(sums);
}

impl ByRow for MlpClassifier {
    facts!(Classification; width: network.inputs());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut room = Vec::new();
        out.push_with(|sums| {
            self.network.predict(row, sums, &mut room);
            softmax(sums, &self.seen);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        while self.network.outputs() <= class {
            self.network.add_output();
            self.seen.push(false);
        }
        self.seen.iter_mut().skip(class).take(1).for_each(|seen| *seen = true);
        let seen = &self.seen;
        self.network.learn(row, weight, |sums| {
            softmax(sums, seen);
            sums.iter_mut().skip(class).take(1).for_each(|probability| *probability -= 1.0);
        });
    }
}
