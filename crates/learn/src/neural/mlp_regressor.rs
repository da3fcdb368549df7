//! A multi-layer perceptron for values.

use super::network::{Network, network_settings};
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

network_settings! {
    /// A multi-layer perceptron that predicts a number: dense layers; learns by half the squared error.
    ///
    /// Scale the columns first; a missing value is 0. Memory: 40 bytes a weight. `hidden_layer_sizes` is `[100]` unless
    /// set. Source: `neural_network.MLPRegressor` of scikit-learn (which learns 200 rows at a time).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, neural::MlpRegressorSettings};
    /// let settings = MlpRegressorSettings { hidden_layer_sizes: vec![16], ..Default::default() };
    /// let mut model = settings.build(&Signature::numeric(1));
    /// for step in 0..40000 {
    ///     let x = f64::from(step % 21) / 10.0 - 1.0;
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[x * x]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[-1.0, 0.0, 1.0], 1), &mut out)?;
    /// assert!((out.values()[0] - 1.0).abs() < 0.1 && out.values()[1].abs() < 0.1 && (out.values()[2] - 1.0).abs() < 0.1);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    MlpRegressorSettings, vec![100]
}

impl MlpRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> MlpRegressor {
        MlpRegressor { network: self.network(signature.width(), 1) }
    }
}

/// The model behind [`MlpRegressorSettings`].
#[derive(Debug, Clone)]
pub struct MlpRegressor {
    network: Network,
}

stateful!(MlpRegressor, "mlp_regressor", 1: network);

impl ByRow for MlpRegressor {
    facts!(Regression; width: network.inputs());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let mut room = Vec::new();
        out.push_with(|sums| self.network.predict(row, sums, &mut room));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        if let Some(Truth::Value(y)) = truth {
            self.network.learn(row, weight, |sums| sums.iter_mut().for_each(|sum| *sum -= y));
        }
    }
}
