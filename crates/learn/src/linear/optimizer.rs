//! Optimisers: how weights follow the gradient.

use crate::settings::{adam, settings};
use crate::state::stateful;

/// How weights follow the gradient. Source: `optim` of River.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent: `w -= lr * gradient`.
    Sgd(Sgd),
    /// A step of its own for each weight, which shrinks with the gradients seen.
    AdaGrad(AdaGrad),
    /// Momentum and a step of its own for each weight.
    Adam(Adam),
    /// Follow the regularised leader, which keeps weights of rare columns at 0.
    FtrlProximal(FtrlProximal),
}

settings! {
    /// Plain stochastic gradient descent with a constant step.
    Sgd {
        /// The learning rate, above 0. Default 0.01.
        #[schemars(extend("exclusiveMinimum" = 0))]
        lr: f64 = 0.01,
    }
}

settings! {
    /// J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    /// JMLR 12 (2011).
    AdaGrad {
        /// The learning rate, above 0. Default 0.1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        lr: f64 = 0.1,
        /// Added to the sum of squared gradients against a division by 0. Default 1e-8.
        #[schemars(extend("exclusiveMinimum" = 0))]
        eps: f64 = 1e-8,
    }
}

adam! {
    /// D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    Adam, lr: 0.1 ", as in River"
}

settings! {
    /// H. B. McMahan and others, "Ad Click Prediction: a View from the Trenches", KDD 2013. As in River the weights of a
    /// step are those that the rows before it gave; where `l1` holds a weight at 0, it is 0 (in River it stays as it was).
    FtrlProximal {
        /// The learning rate, above 0. Default 0.05.
        #[schemars(extend("exclusiveMinimum" = 0))]
        alpha: f64 = 0.05,
        /// Smooths the first steps, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        beta: f64 = 1.0,
        /// Strength of the penalty on absolute weights, 0 or above. Default 0.
        #[schemars(extend("minimum" = 0))]
        l1: f64 = 0.0,
        /// Strength of the penalty on squared weights, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        l2: f64 = 1.0,
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Sgd(Sgd::default())
    }
}

impl Optimizer {
    /// Stochastic gradient descent with this learning rate.
    pub fn sgd(lr: f64) -> Self {
        Self::Sgd(Sgd { lr })
    }

    pub(super) fn lr(&self) -> f64 {
        match self {
            Self::Sgd(Sgd { lr }) | Self::AdaGrad(AdaGrad { lr, .. }) | Self::Adam(Adam { lr, .. }) => *lr,
            Self::FtrlProximal(ftrl) => ftrl.alpha,
        }
    }
}

/// An optimizer and its state for each weight.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    optimizer: Optimizer,
    count: u64,
    first: Box<[f64]>,
    second: Box<[f64]>,
}

stateful!(Steps: count, first, second);

impl Steps {
    pub(crate) fn new(optimizer: &Optimizer, weights: usize) -> Self {
        let (first, second) = match optimizer {
            Optimizer::Sgd(_) => (0, 0),
            Optimizer::AdaGrad(_) => (weights, 0),
            Optimizer::Adam(_) | Optimizer::FtrlProximal(_) => (weights, weights),
        };
        let zeros = |count| vec![0.0; count].into_boxed_slice();
        Self { optimizer: optimizer.clone(), count: 0, first: zeros(first), second: zeros(second) }
    }

    pub(crate) fn lr(&self) -> f64 {
        self.optimizer.lr()
    }

    /// One step of all weights against `gradient(index, weight)`; none for a weight that is left out. A step that would
    /// overflow is skipped, so that one absurd row cannot ruin a model for good.
    pub(crate) fn step(&mut self, weights: &mut [f64], gradient: impl Fn(usize, f64) -> Option<f64>) {
        let memory = self.first.iter_mut().zip(self.second.iter_mut());
        match &self.optimizer {
            Optimizer::Sgd(Sgd { lr }) => {
                for (index, weight) in weights.iter_mut().enumerate() {
                    let Some(gradient) = gradient(index, *weight) else { continue };
                    keep(weight, *weight - lr * gradient);
                }
            }
            Optimizer::AdaGrad(AdaGrad { lr, eps }) => {
                for ((index, weight), squares) in weights.iter_mut().enumerate().zip(&mut self.first) {
                    let Some(gradient) = gradient(index, *weight) else { continue };
                    keep(squares, *squares + gradient * gradient);
                    keep(weight, *weight - lr / (*squares + eps).sqrt() * gradient);
                }
            }
            Optimizer::Adam(Adam { lr, beta_1, beta_2, eps }) => {
                let power = (self.count + 1) as f64;
                let lr = lr * (1.0 - libm::pow(*beta_2, power)).sqrt() / (1.0 - libm::pow(*beta_1, power));
                for ((index, weight), (mean, square)) in weights.iter_mut().enumerate().zip(memory) {
                    let Some(gradient) = gradient(index, *weight) else { continue };
                    keep(mean, beta_1 * *mean + (1.0 - beta_1) * gradient);
                    keep(square, beta_2 * *square + (1.0 - beta_2) * (gradient * gradient));
                    keep(weight, *weight - lr * *mean / (square.sqrt() + eps));
                }
            }
            Optimizer::FtrlProximal(FtrlProximal { alpha, beta, l1, l2 }) => {
                for ((index, weight), (z, squares)) in weights.iter_mut().enumerate().zip(memory) {
                    let Some(gradient) = gradient(index, *weight) else { continue };
                    let strength = (beta + squares.sqrt()) / alpha + l2;
                    *weight = if z.abs() > *l1 { -(*z - z.signum() * l1) / strength } else { 0.0 };
                    let more = *squares + gradient * gradient;
                    let sigma = (more.sqrt() - squares.sqrt()) / alpha;
                    keep(z, *z + (gradient - sigma * *weight));
                    keep(squares, more);
                }
            }
        }
        self.count += 1;
    }
}

fn keep(value: &mut f64, next: f64) {
    if next.is_finite() {
        *value = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps against the gradient of (w - 1)^2 from 0.
    fn check(optimizer: Optimizer, expected: f64) {
        let mut steps = Steps::new(&optimizer, 1);
        let mut weights = [0.0];
        for _ in 0..3 {
            steps.step(&mut weights, |_, weight| Some(2.0 * (weight - 1.0)));
        }
        assert!((weights[0] - expected).abs() < 1e-9, "{optimizer:?}: {} {expected}", weights[0]);
    }

    #[test]
    fn each_takes_its_own_steps() {
        check(Optimizer::sgd(0.1), 0.488);
        // 0.1; 0.1 + 0.1 * 1.8 / sqrt(4 + 3.24); then with the third gradient of its own.
        let second: f64 = 0.1 + 0.1 * 1.8 / 7.24_f64.sqrt();
        let gradient = 2.0 * (second - 1.0);
        check(
            Optimizer::AdaGrad(AdaGrad { lr: 0.1, eps: 0.0 }),
            second - 0.1 * gradient / (7.24 + gradient * gradient).sqrt(),
        );
        check(Optimizer::Adam(Adam::default()), 0.2984136914384021);
        check(Optimizer::FtrlProximal(FtrlProximal { alpha: 0.5, beta: 1.0, l1: 0.0, l2: 0.0 }), 0.5945372082970747);
    }

    #[test]
    fn what_overflows_is_no_step() {
        let mut steps = Steps::new(&Optimizer::sgd(1.0), 2);
        let mut weights = [1.0, 1.0];
        steps.step(&mut weights, |index, _| (index == 0).then_some(f64::INFINITY));
        assert_eq!(weights, [1.0, 1.0]);
    }
}
