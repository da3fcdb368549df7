//! Scaling to mean 0 and variance 1.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Scales each column to mean 0 and variance 1 with the running mean and the running population variance.
    ///
    /// Nominal columns pass unchanged. A column that has not varied yet becomes 0; a missing value is not learned from and stays missing; one so large
    /// that its square overflows is not learned from. Memory: 24 bytes a column. Source: `preprocessing.StandardScaler`
    /// of River; B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics
    /// 4 (1962).
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::StandardScalerSettings};
    /// let mut scaler = StandardScalerSettings::default().build(&Signature::numeric(1));
    /// [1.0, 2.0, 3.0].iter().for_each(|x| scaler.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// scaler.transform(&[3.0], &mut out);
    /// assert_eq!(out, [1.224744871391589]); // (3 - 2) / sqrt(2/3)
    /// ```
    StandardScalerSettings {
        /// Whether to divide by the standard deviation; without it columns are only centred. Default true.
        with_std: bool = true,
    }
}

impl StandardScalerSettings {
    /// The scaler for rows of these columns.
    pub fn build(&self, signature: &Signature) -> StandardScaler {
        let column = |kind: &Kind| Column { nominal: *kind == Kind::Nominal, ..Column::default() };
        StandardScaler { with_std: self.with_std, columns: signature.kinds().iter().map(column).collect() }
    }
}

/// The running statistics behind [`StandardScalerSettings`].
#[derive(Debug, Clone)]
pub struct StandardScaler {
    with_std: bool,
    columns: Box<[Column]>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    nominal: bool,
    count: f64,
    mean: f64,
    variance: f64,
}

const NAME: &str = "standard_scaler";

impl Transformer for StandardScaler {
    fn signature(&self) -> Signature {
        let kind = |column: &Column| if column.nominal { Kind::Nominal } else { Kind::Numeric };
        Signature::new(self.columns.iter().map(kind).collect())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        let learned = |(column, x): &(&mut Column, &f64)| x.is_finite() && !column.nominal;
        for (column, x) in self.columns.iter_mut().zip(row).filter(learned) {
            let count = column.count + 1.0;
            let mean = column.mean + (x - column.mean) / count;
            let variance = column.variance + ((x - column.mean) * (x - mean) - column.variance) / count;
            if variance.is_finite() {
                *column = Column { nominal: false, count, mean, variance };
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        out.extend(self.columns.iter().zip(row).map(|(column, x)| {
            let centred = x - column.mean;
            if !x.is_finite() {
                f64::NAN
            } else if column.nominal {
                *x
            } else if !self.with_std {
                centred
            } else if column.variance > 0.0 {
                centred / column.variance.sqrt()
            } else {
                0.0
            }
        }));
    }

    facts!(merges);
}

stateful!(StandardScaler, NAME, 1: columns);
stateful!(Column: count, mean, variance);
mergeable!(StandardScaler);

impl StandardScaler {
    /// Merges both: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    /// Sample Variances", 1979. Exact but for rounding.
    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns).filter(|(_, theirs)| theirs.count > 0.0) {
            let count = mine.count + theirs.count;
            let apart = theirs.mean - mine.mean;
            let (share, rest) = (theirs.count / count, mine.count / count);
            mine.variance = mine.variance * rest + theirs.variance * share + apart * apart * share * rest;
            mine.mean += apart * share;
            mine.count = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: StandardScalerSettings, learn: &[f64], x: f64, expected: f64) {
        let mut scaler = settings.build(&Signature::numeric(1));
        learn.iter().for_each(|value| scaler.learn(&[*value], None));
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
