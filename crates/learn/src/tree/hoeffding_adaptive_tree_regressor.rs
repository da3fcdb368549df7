//! The Hoeffding adaptive tree for values.

use super::HoeffdingTreeRegressorSettings;
use super::adaptive_tree::AdaptiveTree;
use super::settings::adaptive_tree_settings;
use super::value_tree::Leaf;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

adaptive_tree_settings! {
    /// The Hoeffding adaptive tree: a Hoeffding tree that watches the errors of each branch, grows an alternate beside one
    /// that drifts, and takes it over when it is better.
    ///
    /// Predicts a number: the mean of the leaf and of the alternates on the way. Scale the columns first, or use
    /// `tree: {leaf_prediction: mean}`. Takes nominal columns. Memory: about `max_size` of the tree's settings; beyond it no leaf splits any more.
    /// Source: A. Bifet, R. Gavaldà, "Adaptive Learning from Evolving Data Streams", IDA 2009;
    /// `tree.HoeffdingAdaptiveTreeRegressor` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, tree::HoeffdingAdaptiveTreeRegressorSettings};
    /// let mut tree = HoeffdingAdaptiveTreeRegressorSettings::default().build(&Signature::numeric(1));
    /// for step in 0..20000_u32 {
    ///     let x = f64::from(step * 7 % 100) / 100.0;
    ///     let high = (x > 0.5) != (step > 10000); // half way everything turns round
    ///     tree.learn(&Features::row(&[x]), Labels::Values(&[if high { 20.0 } else { 10.0 }]))?;
    /// }
    /// let mut out = Predictions::default();
    /// tree.predict(&Features::new(&[0.2, 0.8], 1), &mut out)?;
    /// assert!(out.values()[0] > 18.0 && out.values()[1] < 12.0);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    HoeffdingAdaptiveTreeRegressorSettings of HoeffdingTreeRegressorSettings, "hoeffding_tree_regressor", Leaf
}

impl HoeffdingAdaptiveTreeRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> HoeffdingAdaptiveTreeRegressor {
        HoeffdingAdaptiveTreeRegressor { rows: 0, record: (0.0, (0.0, 0.0)), tree: self.adaptive(signature) }
    }
}

/// The model behind [`HoeffdingAdaptiveTreeRegressorSettings`].
pub struct HoeffdingAdaptiveTreeRegressor {
    rows: u64,
    /// Count, mean and sum of squares of the absolute errors.
    record: (f64, (f64, f64)),
    tree: AdaptiveTree<Leaf>,
}

stateful!(HoeffdingAdaptiveTreeRegressor, "hoeffding_adaptive_tree_regressor", 1: rows, record, tree);

impl ByRow for HoeffdingAdaptiveTreeRegressor {
    facts!(Regression, takes_nominal; width: tree.kinds.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let (mut sum, mut count) = (0.0, 0.0);
        self.tree.answers(row, |answer, _| {
            sum += answer.first().copied().unwrap_or(0.0);
            count += 1.0;
        });
        out.push(if count > 0.0 { sum / count } else { 0.0 });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(Truth::Value(y)) = truth else { return };
        let mut answer = 0.0;
        self.tree.answers(row, |values, _| answer = values.first().copied().unwrap_or(0.0));
        let (count, (mean, squares)) = &mut self.record;
        let error = (answer - y).abs().min(1e150);
        *count += 1.0;
        let apart = error - *mean;
        *mean += apart / *count;
        *squares += apart * (error - *mean);
        let deviation = if *count > 1.0 { (*squares / (*count - 1.0)).sqrt() } else { 0.0 };
        // Three standard deviations about the mean error are mapped to 0 to 1.
        let (low, reach) = (*mean - 3.0 * deviation, 6.0 * deviation);
        let judge = move |values: &[f64]| {
            let error = (values.first().copied().unwrap_or(0.0) - y).abs();
            if reach > 0.0 && error.is_finite() { ((error - low) / reach).clamp(0.0, 1.0) } else { 0.5 }
        };
        self.tree.learn(row, Truth::Value(y), weight, &judge);
        self.tree.keep_budget(&mut self.rows);
    }
}
