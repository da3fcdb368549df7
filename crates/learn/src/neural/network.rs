//! A sequence of layers, and its training.

use super::layer::{Activation, Layer, NeuralOptimizer};
use crate::random::Random;
use crate::state::stateful;

/// Declares the settings of a network: those that all have, and its own.
macro_rules! network_settings {
    ($(#[$doc:meta])* $settings:ident, $hidden:expr) => {
        $crate::settings::settings! {
            $(#[$doc])*
            $settings {
                /// The units of each hidden layer, up to 10 layers of 1 to 10,000 units.
                hidden_layer_sizes: Vec<usize> = $hidden,
                /// What hidden layers do to their sums: `relu`, `tanh`, `sigmoid` or `identity`. Default `relu`.
                activation: $crate::neural::Activation = Default::default(),
                /// How weights follow the gradient. Default `{adam: {lr: 0.001}}`.
                optimizer: $crate::neural::NeuralOptimizer = Default::default(),
                /// Strength of the penalty on squared weights, 0 or above; not with `adam_w`. Default 0.0001.
                #[schemars(extend("minimum" = 0))]
                alpha: f64 = 1e-4,
                /// The share of hidden units left out at random while a row is learned, in [0, 1). Default 0.
                #[schemars(range(min = 0, max = 1))]
                dropout: f64 = 0.0,
                /// The rows after which the weights take a step, 1 or more. Default 1.
                #[schemars(range(min = 1))]
                batch_size: u64 = 1,
                /// The seed of the first weights and of dropout. Default 42.
                seed: u64 = 42,
            }
        }

        impl $settings {
            /// Whether the settings are consistent; the error names those that are not.
            pub fn check(&self) -> Result<(), String> {
                $crate::neural::network::check(&self.hidden_layer_sizes, self.dropout)
            }

            fn network(&self, inputs: usize, outputs: usize) -> $crate::neural::network::Network {
                let training = $crate::settings::taken!(self, $crate::neural::network::Training {
                    activation, alpha, dropout;
                    optimizer: self.optimizer.clone(), batch_size: self.batch_size.max(1),
                });
                $crate::neural::network::Network::new(inputs, &self.hidden_layer_sizes, outputs, training, self.seed)
            }
        }
    };
}
pub(super) use network_settings;

pub(super) fn check(hidden: &[usize], dropout: f64) -> Result<(), String> {
    if hidden.len() > 10 || hidden.iter().any(|units| !(1..=10_000).contains(units)) {
        return Err("`hidden_layer_sizes` takes up to 10 layers of 1 to 10,000 units".into());
    }
    if !(0.0..1.0).contains(&dropout) {
        return Err("`dropout` must be at least 0 and below 1".into());
    }
    Ok(())
}

/// How a network is trained.
#[derive(Debug, Clone)]
pub(super) struct Training {
    pub(super) activation: Activation,
    pub(super) optimizer: NeuralOptimizer,
    pub(super) alpha: f64,
    pub(super) dropout: f64,
    pub(super) batch_size: u64,
}

/// Dense layers; the last one has no activation.
#[derive(Debug, Clone)]
pub(super) struct Network {
    training: Training,
    random: Random,
    layers: Vec<Layer>,
    rows: u64,
    steps: u64,
    /// The values of each layer, the input first; reused for each row.
    values: Vec<Vec<f64>>,
    asked: Vec<f64>,
    back: Vec<f64>,
}

stateful!(Network: random, layers, rows, steps);

/// Sets the network's input; a missing value is 0.
fn enter(row: &[f64], to: &mut Vec<f64>) {
    to.clear();
    to.extend(row.iter().map(|x| if x.is_finite() { *x } else { 0.0 }));
}

impl Network {
    pub(super) fn new(inputs: usize, hidden: &[usize], outputs: usize, training: Training, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut layers = Vec::new();
        let mut width = inputs;
        for units in hidden.iter().chain([&outputs]) {
            layers.push(Layer::new(width, *units, &mut random));
            width = *units;
        }
        let values = vec![Vec::new(); layers.len() + 1];
        Self { training, random, layers, rows: 0, steps: 0, values, asked: Vec::new(), back: Vec::new() }
    }

    pub(super) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    pub(super) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// Adds an output.
    pub(super) fn add_output(&mut self) {
        if let Some(layer) = self.layers.last_mut() {
            let reach = (6.0 / (layer.inputs + layer.outputs + 1) as f64).sqrt();
            layer.add_unit(reach, &mut self.random);
        }
    }

    fn activation(&self, layer: usize) -> Activation {
        if layer + 1 == self.layers.len() { Activation::Identity } else { self.training.activation }
    }

    /// The sums of the last layer, in `front`.
    pub(super) fn predict(&self, row: &[f64], front: &mut Vec<f64>, back: &mut Vec<f64>) {
        enter(row, front);
        for (index, layer) in self.layers.iter().enumerate() {
            layer.forward(front, self.activation(index), back);
            std::mem::swap(front, back);
        }
    }

    /// Learns a row: `loss` turns the sums of the last layer into the derivative of the loss by each.
    pub(super) fn learn(&mut self, row: &[f64], weight: f64, loss: impl FnOnce(&mut [f64])) {
        let mut values = std::mem::take(&mut self.values);
        if let Some(input) = values.first_mut() {
            enter(row, input);
        }
        let mut kept: Vec<Vec<f64>> = Vec::new();
        for index in 0..self.layers.len() {
            let activation = self.activation(index);
            let (before, after) = values.split_at_mut(index + 1);
            if let (Some(layer), Some(input), Some(out)) = (self.layers.get(index), before.last(), after.first_mut()) {
                layer.forward(input, activation, out);
                if self.training.dropout > 0.0 && index + 1 < self.layers.len() {
                    kept.push(drop_out(out, self.training.dropout, &mut self.random));
                }
            }
        }
        self.asked.clear();
        self.asked.extend(values.last().into_iter().flatten());
        loss(&mut self.asked);
        // One absurd row must not ruin the network for good.
        if self.asked.iter().chain(values.iter().flatten()).all(|value| value.abs() < 1e100) {
            self.asked.iter_mut().for_each(|asked| *asked *= weight);
            self.ask(&values, &kept);
            self.rows += 1;
            if self.rows >= self.training.batch_size {
                self.steps += 1;
                let (rows, step) = (self.rows as f64, self.steps as f64);
                let Training { optimizer, alpha, .. } = &self.training;
                self.layers.iter_mut().for_each(|layer| layer.step(optimizer, *alpha, rows, step));
                self.rows = 0;
            }
        }
        self.values = values;
    }

    /// Adds the row's gradients in each layer, from the last to the first.
    fn ask(&mut self, values: &[Vec<f64>], kept: &[Vec<f64>]) {
        for index in (0..self.layers.len()).rev() {
            let (Some(input), Some(layer)) = (values.get(index), self.layers.get_mut(index)) else { continue };
            layer.backward(input, &self.asked, &mut self.back);
            if index > 0 {
                let activation = self.training.activation;
                self.back.iter_mut().zip(input).for_each(|(back, value)| *back *= activation.slope(*value));
                if let Some(kept) = kept.get(index - 1) {
                    self.back.iter_mut().zip(kept).for_each(|(back, kept)| *back *= kept);
                }
            }
            std::mem::swap(&mut self.asked, &mut self.back);
        }
    }
}

/// Drops units at random and scales the others accordingly; the factor of each unit.
fn drop_out(values: &mut [f64], share: f64, random: &mut Random) -> Vec<f64> {
    let factor = |random: &mut Random| if random.uniform() < share { 0.0 } else { 1.0 / (1.0 - share) };
    let kept: Vec<f64> = values.iter().map(|_| factor(random)).collect();
    values.iter_mut().zip(&kept).for_each(|(value, kept)| *value *= kept);
    kept
}
