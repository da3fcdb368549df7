//! Scaling to mean 0 and variance 1.

use crate::{StateError, StateReader, StateWriter, Stateful, Transformer};

/// Scales each column to mean 0 and variance 1 with the running mean and the running population variance.
///
/// A column that has not varied yet becomes 0; a missing value is not learned from and stays missing; one so large
/// that its square overflows is not learned from. Memory: 24 bytes a column. Source: `preprocessing.StandardScaler`
/// of River; B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics
/// 4 (1962).
///
/// ```
/// use gristmill_learn::{Transformer, transform::StandardScalerSettings};
/// let mut scaler = StandardScalerSettings::default().build(1);
/// [1.0, 2.0, 3.0].iter().for_each(|x| scaler.learn(&[*x]));
/// let mut out = Vec::new();
/// scaler.transform(&[3.0], &mut out);
/// assert_eq!(out, [1.224744871391589]); // (3 - 2) / sqrt(2/3)
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StandardScalerSettings {
    /// Whether to divide by the standard deviation; without it columns are only centred. Default true.
    pub with_std: bool,
}

impl Default for StandardScalerSettings {
    fn default() -> Self {
        Self { with_std: true }
    }
}

impl StandardScalerSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The scaler for rows of `width` columns.
    pub fn build(&self, width: usize) -> StandardScaler {
        StandardScaler { with_std: self.with_std, columns: vec![Column::default(); width] }
    }
}

/// The running statistics behind [`StandardScalerSettings`].
#[derive(Debug, Clone)]
pub struct StandardScaler {
    with_std: bool,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    count: f64,
    mean: f64,
    variance: f64,
}

const NAME: &str = "standard_scaler";

impl Transformer for StandardScaler {
    fn width(&self) -> usize {
        self.columns.len()
    }

    fn learn(&mut self, row: &[f64]) {
        for (column, x) in self.columns.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            let count = column.count + 1.0;
            let mean = column.mean + (x - column.mean) / count;
            let variance = column.variance + ((x - column.mean) * (x - mean) - column.variance) / count;
            if variance.is_finite() {
                *column = Column { count, mean, variance };
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        out.extend(self.columns.iter().zip(row).map(|(column, x)| {
            let centred = x - column.mean;
            if !x.is_finite() {
                f64::NAN
            } else if !self.with_std {
                centred
            } else if column.variance > 0.0 {
                centred / column.variance.sqrt()
            } else {
                0.0
            }
        }));
    }
}

impl Stateful for StandardScaler {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.u64(self.columns.len() as u64);
        for column in &self.columns {
            to.f64(column.count);
            to.f64(column.mean);
            to.f64(column.variance);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        let width = from.length(24)?;
        if width != self.columns.len() {
            let why = format!("it has {width} columns, this model has {}", self.columns.len());
            return Err(StateError::Unfit { component: NAME.into(), why });
        }
        for column in &mut self.columns {
            *column = Column { count: from.f64()?, mean: from.f64()?, variance: from.f64()? };
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.columns.len() * size_of::<Column>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: StandardScalerSettings, learn: &[f64], x: f64, expected: f64) {
        let mut scaler = settings.build(1);
        learn.iter().for_each(|value| scaler.learn(&[*value]));
        let mut out = Vec::new();
        scaler.transform(&[x], &mut out);
        assert!(out[0].to_bits() == expected.to_bits() || (out[0] - expected).abs() < 1e-12, "{out:?} {expected}");
    }

    #[test]
    fn scales_by_what_it_has_seen() {
        let on = StandardScalerSettings::default;
        check(on(), &[], 5.0, 0.0);
        check(on(), &[4.0, 4.0], 5.0, 0.0);
        check(on(), &[1.0, 3.0], 4.0, 2.0);
        check(on(), &[1.0, f64::NAN, f64::INFINITY, 3.0], 4.0, 2.0);
        check(on(), &[1.0, 3.0], f64::NAN, f64::NAN);
        check(StandardScalerSettings { with_std: false }, &[1.0, 3.0], 4.0, 2.0);
        check(StandardScalerSettings { with_std: false }, &[1.0, 5.0], 4.0, 1.0);
    }
}
