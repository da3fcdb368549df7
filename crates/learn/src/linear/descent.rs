//! Shared by the models with gradient descent: settings, weights, an intercept and one step.

use super::optimizer::{Optimizer, Steps};
use crate::state::stateful;

/// Declares the settings of a linear model that learns by gradient descent, and its model: weights, and what is minimised.
macro_rules! descent_settings {
    (
        $(#[$doc:meta])*
        $settings:ident => $model:ident, $name:literal, { $($(#[$about:meta])* $field:ident: $kind:ty)? }
        defaults: $optimizer:expr, $intercept_lr:literal
        minimises: $loss:ty = |$given:ident| $minimised:expr
    ) => {
        $crate::settings::settings! {
            $(#[$doc])*
            $settings {
                /// How weights follow the gradient; the default is the model's own.
                optimizer: $crate::linear::Optimizer = $optimizer,
                $($(#[$about])* $field: $kind = <$kind>::default(),)?
                /// Strength of the penalty on squared weights, 0 or above. Default 0.
                #[schemars(extend("minimum" = 0))]
                l2: f64 = 0.0,
                /// Strength of the penalty on absolute weights, 0 or above; not together with `l2`. Default 0.
                #[schemars(extend("minimum" = 0))]
                l1: f64 = 0.0,
                /// The intercept to start from. Default 0.
                intercept_init: f64 = 0.0,
                /// The learning rate of the intercept, 0 or above; 0 keeps it where it is.
                #[schemars(extend("minimum" = 0))]
                intercept_lr: f64 = $intercept_lr,
                /// The largest absolute gradient of the loss that is followed. Default 1e12.
                #[schemars(extend("exclusiveMinimum" = 0))]
                clip_gradient: f64 = 1e12,
            }
        }

        impl $settings {
            /// Whether the settings are consistent; the error names those that are not.
            pub fn check(&self) -> Result<(), String> {
                $crate::linear::descent::check_penalties(self.l1, self.l2)
            }

            /// The model for rows of these columns.
            pub fn build(&self, signature: &$crate::Signature) -> $model {
                let restraint = $crate::settings::taken!(self, $crate::linear::descent::Restraint {
                    l1, l2, clip_gradient, intercept_lr;
                });
                let (width, intercept) = (signature.width(), self.intercept_init);
                let descent = $crate::linear::descent::Descent::new(width, &self.optimizer, restraint, intercept);
                let $given = self;
                $model { loss: $minimised, descent }
            }
        }

        #[doc = concat!("The model behind [`", stringify!($settings), "`].")]
        #[derive(Debug, Clone)]
        pub struct $model {
            loss: $loss,
            descent: $crate::linear::descent::Descent,
        }

        $crate::state::stateful!($model, $name, 1: descent);
        $crate::traits::mergeable!($model);

        impl $model {
            /// The weight of each column.
            pub fn weights(&self) -> &[f64] {
                self.descent.weights()
            }

            /// What a row of zeros adds up to.
            pub fn intercept(&self) -> f64 {
                self.descent.intercept()
            }

            /// The mean of both, weighted by the rows each has seen (McDonald, Hall, Mann, "Distributed Training
            /// Strategies for the Structured Perceptron", NAACL 2010); what an optimizer remembers stays mine.
            fn absorb(&mut self, other: &Self) {
                self.descent.absorb(&other.descent);
            }
        }

        impl $crate::ByRow for $model {
            fn task(&self) -> $crate::Task {
                <$loss as $crate::linear::loss::Loss>::TASK
            }

            fn width(&self) -> usize {
                self.weights().len()
            }

            fn predict_row(&self, row: &[f64], out: &mut $crate::Predictions) {
                out.push(<$loss as $crate::linear::loss::Loss>::predicted(self.descent.dot(row)));
            }

            fn learn_row(&mut self, row: &[f64], truth: Option<$crate::Truth>, weight: f64) {
                let gradient = $crate::linear::loss::Loss::slope(&self.loss, truth, self.descent.dot(row));
                self.descent.step(row, gradient * weight);
            }

            $crate::traits::facts!(merges);
        }
    };
}
pub(super) use descent_settings;

/// Regularises weights towards 0 and bounds steps.
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
    restraint: Restraint,
    steps: Steps,
    rows: f64,
    intercept: f64,
    weights: Box<[f64]>,
    /// The cumulative penalty of Tsuruoka, Tsujii and Ananiadou (ACL 2009), stored only with `l1`.
    penalty: f64,
    penalties: Box<[f64]>,
}

stateful!(Descent: steps, rows, intercept, weights, penalty, penalties);

impl Descent {
    pub(crate) fn new(width: usize, optimizer: &Optimizer, restraint: Restraint, intercept: f64) -> Self {
        let zeros = |count: usize| vec![0.0; count].into_boxed_slice();
        let penalties = zeros(if restraint.l1 > 0.0 { width } else { 0 });
        let steps = Steps::new(optimizer, width);
        Self { restraint, steps, rows: 0.0, intercept, weights: zeros(width), penalty: 0.0, penalties }
    }

    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub(crate) fn intercept(&self) -> f64 {
        self.intercept
    }

    /// The weighted sum; a missing value is left out.
    pub(crate) fn dot(&self, row: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(row).map(|(weight, x)| if x.is_finite() { weight * x } else { 0.0 });
        terms.sum::<f64>() + self.intercept
    }

    /// One step against the gradient of the loss by the weighted sum. A gradient that is not a number causes no step.
    pub(crate) fn step(&mut self, row: &[f64], gradient: f64) {
        if gradient.is_nan() {
            return;
        }
        let gradient = gradient.clamp(-self.restraint.clip_gradient, self.restraint.clip_gradient);
        let l2 = self.restraint.l2;
        self.rows += 1.0;
        self.intercept -= self.restraint.intercept_lr * gradient;
        let by_weight = |index: usize, weight: f64| {
            let x = row.get(index).copied().filter(|x| x.is_finite())?;
            Some(if l2 == 0.0 { gradient * x } else { gradient * x + l2 * weight })
        };
        self.steps.step(&mut self.weights, by_weight);
        if self.restraint.l1 > 0.0 {
            self.penalty += self.restraint.l1 * self.steps.lr();
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

    /// The mean of both sets of weights by the rows that each has seen.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let rows = self.rows + other.rows;
        if rows > 0.0 {
            let share = other.rows / rows;
            let blend = |mine: &mut f64, theirs: f64| *mine += (theirs - *mine) * share;
            blend(&mut self.intercept, other.intercept);
            self.weights.iter_mut().zip(&other.weights).for_each(|(mine, theirs)| blend(mine, *theirs));
            self.rows = rows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descent(l1: f64, l2: f64) -> Descent {
        let restraint = Restraint { l1, l2, clip_gradient: 10.0, intercept_lr: 0.0 };
        Descent::new(2, &Optimizer::sgd(0.5), restraint, 0.0)
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

    #[test]
    fn merged_weights_are_means_by_rows() {
        let (mut once, mut thrice) = (descent(0.0, 0.0), descent(0.0, 0.0));
        once.step(&[1.0, 0.0], -8.0);
        (0..3).for_each(|_| thrice.step(&[0.0, 1.0], -8.0));
        once.absorb(&thrice);
        assert_eq!(once.weights(), [1.0, 9.0]);
    }
}
