//! What the linear models share: weights, an intercept and one step of gradient descent.

use crate::{StateError, StateReader, StateWriter};

/// How weights follow the gradient.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent: `w -= lr * gradient`.
    Sgd(Sgd),
}

/// Plain stochastic gradient descent with a constant step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// The learning rate, above 0. Default 0.01.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { lr: 0.01 }
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

    fn lr(&self) -> f64 {
        match self {
            Self::Sgd(sgd) => sgd.lr,
        }
    }
}

/// What pulls weights towards 0 and keeps steps bounded.
#[derive(Debug, Clone)]
pub(crate) struct Restraint {
    pub(crate) l1: f64,
    pub(crate) l2: f64,
    pub(crate) clip_gradient: f64,
    pub(crate) intercept_lr: f64,
}

/// The two penalties exclude each other, as in River.
pub(crate) fn check_penalties(l1: f64, l2: f64) -> Result<(), String> {
    if l1 != 0.0 && l2 != 0.0 {
        return Err("`l1` and `l2` cannot be used together: set one of them to 0".into());
    }
    Ok(())
}

/// Weights and intercept of a linear model.
#[derive(Debug, Clone)]
pub(crate) struct Descent {
    optimizer: Optimizer,
    restraint: Restraint,
    weights: Vec<f64>,
    intercept: f64,
    /// The cumulative penalty of Tsuruoka, Tsujii and Ananiadou (ACL 2009), only kept with `l1`.
    penalty: f64,
    penalties: Vec<f64>,
}

impl Descent {
    pub(crate) fn new(width: usize, optimizer: Optimizer, restraint: Restraint, intercept: f64) -> Self {
        let penalties = vec![0.0; if restraint.l1 > 0.0 { width } else { 0 }];
        Self { optimizer, restraint, weights: vec![0.0; width], intercept, penalty: 0.0, penalties }
    }

    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub(crate) fn intercept(&self) -> f64 {
        self.intercept
    }

    /// The weighted sum; a missing value takes no part.
    pub(crate) fn dot(&self, row: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(row).filter(|(_, x)| x.is_finite());
        terms.map(|(weight, x)| weight * x).sum::<f64>() + self.intercept
    }

    /// One step against the gradient of the loss by the weighted sum. What is not a number or would overflow is no
    /// step, so that one absurd row cannot ruin a model for good.
    pub(crate) fn step(&mut self, row: &[f64], gradient: f64) {
        if gradient.is_nan() {
            return;
        }
        let gradient = gradient.clamp(-self.restraint.clip_gradient, self.restraint.clip_gradient);
        let lr = self.optimizer.lr();
        let l2 = self.restraint.l2;
        self.intercept -= self.restraint.intercept_lr * gradient;
        for (weight, x) in self.weights.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            let stepped = *weight - lr * (gradient * x + l2 * *weight);
            if stepped.is_finite() {
                *weight = stepped;
            }
        }
        if self.restraint.l1 > 0.0 {
            self.penalty += self.restraint.l1 * lr;
            self.shrink(row);
        }
    }

    fn shrink(&mut self, row: &[f64]) {
        let columns = self.weights.iter_mut().zip(&mut self.penalties).zip(row);
        for ((weight, paid), _) in columns.filter(|(_, x)| x.is_finite()) {
            let before = *weight;
            if before > 0.0 {
                *weight = (before - (self.penalty + *paid)).max(0.0);
            } else if before < 0.0 {
                *weight = (before + (self.penalty - *paid)).min(0.0);
            }
            *paid += *weight - before;
        }
    }

    pub(crate) fn save(&self, name: &str, to: &mut StateWriter) {
        to.begin(name, 1);
        to.f64(self.intercept);
        to.f64s(&self.weights);
        to.f64(self.penalty);
        to.f64s(&self.penalties);
    }

    pub(crate) fn load(&mut self, name: &str, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(name, 1)?;
        self.intercept = from.f64()?;
        from.f64s_into(name, &mut self.weights)?;
        self.penalty = from.f64()?;
        from.f64s_into(name, &mut self.penalties)
    }

    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + (self.weights.len() + self.penalties.len()) * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descent(l1: f64, l2: f64) -> Descent {
        let restraint = Restraint { l1, l2, clip_gradient: 10.0, intercept_lr: 0.0 };
        Descent::new(2, Optimizer::sgd(0.5), restraint, 0.0)
    }

    #[test]
    fn a_step_follows_the_gradient_and_is_clipped() {
        let mut plain = descent(0.0, 0.0);
        plain.step(&[1.0, f64::NAN], -2.0);
        assert_eq!(plain.weights(), [1.0, 0.0]);
        plain.step(&[1.0, 1.0], -1e9);
        assert_eq!(plain.weights(), [6.0, 5.0]);
        plain.step(&[1.0, 1.0], f64::NAN);
        assert_eq!(plain.weights(), [6.0, 5.0]);
    }

    #[test]
    fn penalties_shrink_and_stop_at_zero() {
        let mut ridge = descent(0.0, 0.1);
        ridge.step(&[1.0, 0.0], -2.0);
        ridge.step(&[1.0, 0.0], 0.0);
        assert_eq!(ridge.weights(), [0.95, 0.0]);
        let mut lasso = descent(0.2, 0.0);
        lasso.step(&[1.0, 1.0], -2.0);
        assert_eq!(lasso.weights(), [0.9, 0.9]);
        for _ in 0..20 {
            lasso.step(&[1.0, 1.0], 0.0);
        }
        assert_eq!(lasso.weights(), [0.0, 0.0]);
    }
}
