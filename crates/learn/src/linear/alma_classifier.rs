//! The approximate large margin algorithm.

use super::dot;
use super::loss::sigmoid;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// ALMA: approximates the separating plane of the largest margin for two classes.
    ///
    /// Predicts the sigmoid of the margin, which is no calibrated probability. There is no intercept. Scale the columns
    /// first. Memory: 8 bytes a column. Source: C. Gentile, "A New Approximate Maximal Margin Classification Algorithm",
    /// JMLR 2 (2001); `linear_model.ALMAClassifier` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Signature, linear::AlmaClassifierSettings};
    /// let mut model = AlmaClassifierSettings::default().build(&Signature::numeric(2));
    /// model.learn(&Features::row(&[3.0, 4.0]), Labels::Classes(&[1]))?;
    /// assert!((model.weights()[0] - 0.6).abs() < 1e-12); // scaled back to length 1
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    AlmaClassifierSettings {
        /// The norm, above 1. Default 2.
        #[schemars(extend("exclusiveMinimum" = 1))]
        p: f64 = 2.0,
        /// How near to the largest margin, in (0, 1]. Default 0.9.
        #[schemars(range(min = 0, max = 1))]
        alpha: f64 = 0.9,
        /// Scales the margin asked for, above 0. Default 1/0.9.
        #[schemars(extend("exclusiveMinimum" = 0))]
        b: f64 = 1.0 / 0.9,
        /// Scales the steps, above 0. Default √2.
        #[schemars(extend("exclusiveMinimum" = 0))]
        c: f64 = std::f64::consts::SQRT_2,
    }
}

impl AlmaClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> AlmaClassifier {
        AlmaClassifier { settings: self.clone(), weights: vec![0.0; signature.width()].into(), mistakes: 1.0 }
    }
}

/// The model behind [`AlmaClassifierSettings`].
#[derive(Debug, Clone)]
pub struct AlmaClassifier {
    settings: AlmaClassifierSettings,
    weights: Box<[f64]>,
    /// Counted from 1.
    mistakes: f64,
}

stateful!(AlmaClassifier, "alma_classifier", 1: weights, mistakes);

impl AlmaClassifier {
    /// The weight of each column.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    fn dot(&self, row: &[f64]) -> f64 {
        dot(&self.weights, row)
    }

    fn norm(&self) -> f64 {
        let p = self.settings.p;
        if p == 2.0 {
            return self.weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        }
        libm::pow(self.weights.iter().map(|weight| libm::pow(weight.abs(), p)).sum(), 1.0 / p)
    }
}

impl ByRow for AlmaClassifier {
    facts!(BinaryClassification; width: weights.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(sigmoid(self.dot(row)));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let y = if truth == Some(Truth::Class(1)) { 1.0 } else { -1.0 };
        let AlmaClassifierSettings { p, alpha, b, c } = self.settings;
        let (root, mistakes) = ((p - 1.0).sqrt(), self.mistakes.sqrt());
        let gamma = b * root / mistakes;
        if y * self.dot(row) >= (1.0 - alpha) * gamma {
            return;
        }
        let step = y * weight * c / (root * mistakes);
        let length = row.iter().filter(|x| x.is_finite()).map(|x| (step * x) * (step * x)).sum::<f64>();
        if !length.is_finite() {
            return;
        }
        for (held, x) in self.weights.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            *held += step * x;
        }
        let norm = self.norm().max(1.0);
        for (held, _) in self.weights.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            *held /= norm;
        }
        self.mistakes += 1.0;
    }
}
