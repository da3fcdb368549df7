//! A network that detects unusual rows by their reconstruction error.

use super::network::{Network, network_settings};
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

network_settings! {
    /// An autoencoder for anomalies: a network with a narrow middle that learns to give back its input. What it gives back
    /// badly is unusual.
    ///
    /// Scores in [0, 1): e / (1 + e), where e is the mean squared error over the columns that are there. Scale the columns
    /// first. Memory: 40 bytes a weight. `hidden_layer_sizes` is `[2]` unless set. Source: M. Sakurada, T. Yairi, "Anomaly
    /// Detection Using Autoencoders with Nonlinear Dimensionality Reduction", MLSDA 2014.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, neural::{Activation, AutoencoderSettings}};
    /// let settings = AutoencoderSettings { hidden_layer_sizes: vec![1], activation: Activation::Tanh, ..Default::default() };
    /// let mut model = settings.build(&Signature::numeric(2));
    /// for step in 0..20000 {
    ///     let x = f64::from(step % 21) / 10.0 - 1.0;
    ///     model.learn(&Features::row(&[x, x]), Labels::None)?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[0.5, 0.5, 0.9, -0.9], 2), &mut out)?;
    /// assert!(out.values()[0] < 0.05 && out.values()[1] > 0.3);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    AutoencoderSettings, vec![2]
}

impl AutoencoderSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Autoencoder {
        Autoencoder { network: self.network(signature.width(), signature.width()) }
    }
}

/// The model behind [`AutoencoderSettings`].
#[derive(Debug, Clone)]
pub struct Autoencoder {
    network: Network,
}

stateful!(Autoencoder, "autoencoder", 1: network);

impl ByRow for Autoencoder {
    facts!(AnomalyDetection; width: network.inputs());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let (mut given, mut room) = (Vec::new(), Vec::new());
        self.network.predict(row, &mut given, &mut room);
        let known = given.iter().zip(row).filter(|(_, x)| x.is_finite());
        let (sum, count) =
            known.fold((0.0, 0.0), |(sum, count), (given, x)| (sum + (given - x) * (given - x), count + 1.0));
        let error: f64 = if count > 0.0 { sum / count } else { 0.0 };
        out.push(if error.is_finite() { error / (1.0 + error) } else { 1.0 });
    }

    fn learn_row(&mut self, row: &[f64], _: Option<Truth>, weight: f64) {
        self.network.learn(row, weight, |given| {
            // A missing value causes no gradient.
            given.iter_mut().zip(row).for_each(|(given, x)| *given = if x.is_finite() { *given - x } else { 0.0 });
        });
    }
}
