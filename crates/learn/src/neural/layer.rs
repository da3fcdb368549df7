//! A dense layer: weights, their gradients, and their updates.

use crate::random::Random;
use crate::settings::{adam, settings};
use crate::state::stateful;

/// What a hidden layer does to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// Nothing.
    Identity,
}

impl Activation {
    pub(super) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Tanh => libm::tanh(x),
            Self::Sigmoid => 1.0 / (1.0 + crate::exponential::exp(-x)),
            Self::Identity => x,
        }
    }

    /// The derivative, from the value.
    pub(super) fn slope(self, value: f64) -> f64 {
        match self {
            Self::Relu => f64::from(u8::from(value > 0.0)),
            Self::Tanh => 1.0 - value * value,
            Self::Sigmoid => value * (1.0 - value),
            Self::Identity => 1.0,
        }
    }
}

/// How weights follow the mean gradient of a batch.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NeuralOptimizer {
    /// Stochastic gradient descent with momentum.
    Sgd(SgdOptimizer),
    /// Adam (Kingma, Ba, 2015); a penalty is part of the gradient.
    Adam(AdamOptimizer),
    /// AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019).
    AdamW(AdamWOptimizer),
}

impl Default for NeuralOptimizer {
    fn default() -> Self {
        Self::Adam(AdamOptimizer::default())
    }
}

settings! {
    /// Stochastic gradient descent with momentum.
    SgdOptimizer {
        /// The learning rate, above 0. Default 0.01.
        #[schemars(extend("exclusiveMinimum" = 0))]
        lr: f64 = 0.01,
        /// How much of the last step is kept, in [0, 1). Default 0.9.
        #[schemars(range(min = 0, max = 1))]
        momentum: f64 = 0.9,
    }
}

adam! {
    /// Adam.
    AdamOptimizer, lr: 0.001
}

adam! {
    /// Adam with weight decay of its own.
    AdamWOptimizer, lr: 0.001,
    /// How much of each weight is taken away at each step, times the learning rate, 0 or above. Default 0.01.
    weight_decay = 0.01
}

/// A dense layer of `outputs` units; the weights of a unit are contiguous.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    weights: Vec<f64>,
    biases: Vec<f64>,
    weight_sums: Vec<f64>,
    bias_sums: Vec<f64>,
    /// The optimizer's state: for each weight, then for each bias.
    first: Vec<f64>,
    second: Vec<f64>,
}

stateful!(Layer: inputs, outputs, weights, biases, weight_sums, bias_sums, first, second);

impl Layer {
    /// Weights are initialised as X. Glorot and Y. Bengio (2010) advise.
    pub(super) fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let mut layer = Self { inputs, ..Self::default() };
        let reach = (6.0 / (inputs + outputs).max(1) as f64).sqrt();
        (0..outputs).for_each(|_| layer.add_unit(reach, random));
        layer
    }

    /// Adds an output, such as for a new class.
    pub(super) fn add_unit(&mut self, reach: f64, random: &mut Random) {
        self.outputs += 1;
        let mut weight = || reach * (2.0 * random.uniform() - 1.0);
        self.weights.extend((0..self.inputs).map(|_| weight()));
        self.biases.push(weight());
        self.weight_sums.resize(self.weights.len(), 0.0);
        self.bias_sums.resize(self.outputs, 0.0);
        // Weights come before biases in the optimizer's state: a new unit starts without any.
        let total = self.weights.len() + self.outputs;
        self.first = vec![0.0; total];
        self.second = vec![0.0; total];
    }

    pub(super) fn forward(&self, input: &[f64], activation: Activation, out: &mut Vec<f64>) {
        out.clear();
        let units = self.weights.chunks_exact(self.inputs.max(1)).zip(&self.biases);
        out.extend(units.map(|(weights, bias)| activation.apply(dot(weights, input) + bias)));
    }

    /// Adds a row's gradients: `asked` is the derivative of the loss by each unit's sum. The derivative by each input
    /// is written to `back`.
    pub(super) fn backward(&mut self, input: &[f64], asked: &[f64], back: &mut Vec<f64>) {
        back.clear();
        back.resize(self.inputs, 0.0);
        let width = self.inputs.max(1);
        let units = self.weights.chunks_exact(width).zip(self.weight_sums.chunks_exact_mut(width));
        for (((weights, sums), bias_sum), asked) in units.zip(&mut self.bias_sums).zip(asked) {
            *bias_sum += asked;
            sums.iter_mut().zip(input).for_each(|(sum, x)| *sum += asked * x);
            back.iter_mut().zip(weights).for_each(|(back, weight)| *back += asked * weight);
        }
    }

    /// One step by the mean of `rows` rows; `step` counts from 1.
    pub(super) fn step(&mut self, optimizer: &NeuralOptimizer, alpha: f64, rows: f64, step: f64) {
        let weights = self.weights.iter_mut().zip(&mut self.weight_sums).map(|(weight, sum)| (weight, sum, alpha));
        // Biases are not regularised.
        let biases = self.biases.iter_mut().zip(&mut self.bias_sums).map(|(bias, sum)| (bias, sum, 0.0));
        let memory = self.first.iter_mut().zip(&mut self.second);
        let all = weights.chain(biases).zip(memory);
        match optimizer {
            NeuralOptimizer::Sgd(SgdOptimizer { lr, momentum }) => {
                for ((held, sum, alpha), (velocity, _)) in all {
                    let gradient = std::mem::take(sum) / rows + alpha * *held / rows;
                    *velocity = momentum * *velocity - lr * gradient;
                    keep(held, *held + *velocity);
                }
            }
            NeuralOptimizer::Adam(AdamOptimizer { lr, beta_1, beta_2, eps }) => {
                let lr = lr * (1.0 - libm::pow(*beta_2, step)).sqrt() / (1.0 - libm::pow(*beta_1, step));
                for ((held, sum, alpha), (mean, square)) in all {
                    let gradient = std::mem::take(sum) / rows + alpha * *held / rows;
                    *mean = beta_1 * *mean + (1.0 - beta_1) * gradient;
                    *square = beta_2 * *square + (1.0 - beta_2) * (gradient * gradient);
                    keep(held, *held - lr * *mean / (square.sqrt() + eps));
                }
            }
            NeuralOptimizer::AdamW(AdamWOptimizer { lr, beta_1, beta_2, eps, weight_decay }) => {
                let scaled = lr * (1.0 - libm::pow(*beta_2, step)).sqrt() / (1.0 - libm::pow(*beta_1, step));
                for ((held, sum, _), (mean, square)) in all {
                    let gradient = std::mem::take(sum) / rows;
                    *mean = beta_1 * *mean + (1.0 - beta_1) * gradient;
                    *square = beta_2 * *square + (1.0 - beta_2) * (gradient * gradient);
                    keep(held, *held - lr * weight_decay * *held - scaled * *mean / (square.sqrt() + eps));
                }
            }
        }
    }
}

fn keep(value: &mut f64, next: f64) {
    if next.is_finite() {
        *value = next;
    }
}

/// The product of two vectors in eight sums, which a processor adds at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (whole, rest) = (a.chunks_exact(8), a.len() / 8 * 8);
    for (a, b) in whole.zip(b.chunks_exact(8)) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    let tail: f64 = a.iter().zip(b).skip(rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + tail
}
