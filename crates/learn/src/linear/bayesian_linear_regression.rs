//! Bayesian linear regression.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// Bayesian linear regression with a normal prior, updated exactly with each row.
    ///
    /// Predicts the mean of the posterior. There is no intercept; add a column of ones for it. A missing value counts as
    /// 0. With `smoothing` old rows are forgotten. Memory: 16 bytes a pair of columns; time grows with the square of the
    /// columns, with their cube under `smoothing`. Source: C. M. Bishop, "Pattern Recognition and Machine Learning",
    /// section 3.3; `linear_model.BayesianLinearRegression` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::BayesianLinearRegressionSettings};
    /// let mut model = BayesianLinearRegressionSettings::default().build(&Signature::numeric(1));
    /// for x in [1.0, 2.0, 3.0] {
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[2.0 * x]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[1.0]), &mut out)?;
    /// assert!((out.values()[0] - 28.0 / 15.0).abs() < 1e-12); // sum(xy) / (1 + sum(x²))
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    BayesianLinearRegressionSettings {
        /// The variance of the prior of each weight, above 0, as River takes it. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        alpha: f64 = 1.0,
        /// The precision of the noise, above 0. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        beta: f64 = 1.0,
        /// How much of the past is kept at each row, in (0, 1). Default: all of it.
        #[schemars(range(min = 0, max = 1))]
        smoothing: Option<f64> = None,
    }
}

impl BayesianLinearRegressionSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> BayesianLinearRegression {
        let width = signature.width();
        let diagonal = |index: usize| if index / width.max(1) == index % width.max(1) { 1.0 / self.alpha } else { 0.0 };
        let prior: Box<[f64]> = (0..width * width).map(diagonal).collect();
        BayesianLinearRegression {
            settings: self.clone(),
            precision: if self.smoothing.is_some() { prior.clone() } else { Box::default() },
            covariance: prior,
            natural: vec![0.0; width].into(),
            mean: vec![0.0; width].into(),
        }
    }
}

/// The model behind [`BayesianLinearRegressionSettings`].
#[derive(Debug, Clone)]
pub struct BayesianLinearRegression {
    settings: BayesianLinearRegressionSettings,
    /// Stored only with `smoothing`, which needs it.
    precision: Box<[f64]>,
    covariance: Box<[f64]>,
    natural: Box<[f64]>,
    mean: Box<[f64]>,
}

stateful!(BayesianLinearRegression, "bayesian_linear_regression", 1: precision, covariance, natural, mean);

impl BayesianLinearRegression {
    /// The mean of each weight.
    pub fn weights(&self) -> &[f64] {
        &self.mean
    }

    /// Adds a row to the covariance by the formula of J. Sherman and W. J. Morrison (1950).
    fn add(&mut self, row: &[f64]) {
        let scaled: Vec<f64> = row.iter().map(|x| self.settings.beta * x).collect();
        let left = product(&self.covariance, &scaled);
        let right = product(&self.covariance, row);
        let scale = 1.0 + dot(row, &left);
        for (line, left) in self.covariance.chunks_exact_mut(row.len().max(1)).zip(&left) {
            line.iter_mut().zip(&right).for_each(|(held, right)| *held -= left * right / scale);
        }
    }

    fn blend(&mut self, row: &[f64], keep: f64) {
        let beta = self.settings.beta;
        for (line, x) in self.precision.chunks_exact_mut(row.len().max(1)).zip(row) {
            line.iter_mut().zip(row).for_each(|(held, y)| *held = keep * *held + (1.0 - keep) * (beta * x * y));
        }
        if let Some(inverse) = inverse(&self.precision, row.len()) {
            self.covariance = inverse;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len().max(1)).map(|line| dot(line, vector)).collect()
}

/// The inverse of a positive definite matrix by Gauss-Jordan elimination with partial pivoting; none if it has none.
fn inverse(matrix: &[f64], width: usize) -> Option<Box<[f64]>> {
    let lines = matrix.chunks_exact(width.max(1)).enumerate();
    let mut lines: Vec<Vec<f64>> = lines
        .map(|(index, line)| {
            let unit = (0..width).map(|column| f64::from(u8::from(column == index)));
            line.iter().copied().chain(unit).collect()
        })
        .collect();
    for column in 0..width {
        let size = |line: &Vec<f64>| line.get(column).map_or(0.0, |value| value.abs());
        let pivot = (column..width).max_by(|a, b| {
            let sizes = [a, b].map(|line| lines.get(*line).map_or(0.0, size));
            let [a, b] = sizes;
            a.total_cmp(&b)
        })?;
        lines.swap(column, pivot);
        let mut pivot = lines.get(column)?.clone();
        let divisor = *pivot.get(column)?;
        if divisor == 0.0 || !divisor.is_finite() {
            return None;
        }
        pivot.iter_mut().for_each(|value| *value /= divisor);
        for (index, line) in lines.iter_mut().enumerate() {
            let factor = line.get(column).copied()?;
            if index != column {
                line.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
        *lines.get_mut(column)? = pivot;
    }
    Some(lines.into_iter().flat_map(|line| line.into_iter().skip(width)).collect())
}

impl ByRow for BayesianLinearRegression {
    facts!(Regression; width: mean.len());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push(super::dot(&self.mean, row));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let y = truth.map_or(f64::NAN, Truth::number);
        // A row of weight w is w rows in one: both sums grow by w times as much.
        let root = weight.sqrt();
        let row: Vec<f64> = row.iter().map(|x| if x.is_finite() { x * root } else { 0.0 }).collect();
        let length = dot(&row, &row);
        if !(length * length).is_finite() || !(length * y).is_finite() {
            return;
        }
        let keep = self.settings.smoothing;
        match keep {
            None => self.add(&row),
            Some(keep) => self.blend(&row, keep),
        }
        let (old, new) = keep.map_or((1.0, 1.0), |keep| (keep, 1.0 - keep));
        for (natural, x) in self.natural.iter_mut().zip(&row) {
            *natural = old * *natural + new * (self.settings.beta * x * (y * root));
        }
        self.mean = product(&self.covariance, &self.natural).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = [4.0, 2.0, 0.5, 2.0, 3.0, 1.0, 0.5, 1.0, 2.0];
        let inverse = inverse(&matrix, 3).unwrap();
        for (index, line) in matrix.chunks_exact(3).enumerate() {
            for column in 0..3 {
                let sum: f64 = (0..3).map(|at| line[at] * inverse[at * 3 + column]).sum();
                assert!((sum - f64::from(u8::from(index == column))).abs() < 1e-12);
            }
        }
        assert_eq!(super::inverse(&[1.0, 1.0, 1.0, 1.0], 2), None);
    }
}
