//! Numbers as bins.

use super::quantiles::Quantiles;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Turns each numeric column into the number of its bin, where all bins get about as many rows.
    ///
    /// Bins are numbered from 0; their ends are estimates (P²) that go on moving. Nominal columns pass unchanged. Memory: 32
    /// bytes a bin and column. Source: `preprocessing.KBinsDiscretizer(strategy="quantile")` of scikit-learn.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::QuantileBinningSettings};
    /// let mut binning = QuantileBinningSettings { n_bins: 4 }.build(&Signature::numeric(1));
    /// (0..1000).for_each(|x| binning.learn(&[f64::from(x * 7 % 1000)], None));
    /// let mut out = Vec::new();
    /// [10.0, 400.0, 990.0].iter().for_each(|x| binning.transform(&[*x], &mut out));
    /// assert_eq!(out, [0.0, 1.0, 3.0]);
    /// ```
    QuantileBinningSettings {
        /// The number of bins, 2 to 100. Default 10.
        #[schemars(range(min = 2, max = 100))]
        n_bins: usize = 10,
    }
}

impl QuantileBinningSettings {
    /// The bins for rows of these columns.
    pub fn build(&self, signature: &Signature) -> QuantileBinning {
        let bins = self.n_bins.clamp(2, 100);
        let wanted: Vec<f64> = (1..bins).map(|end| end as f64 / bins as f64).collect();
        let columns = vec![Quantiles::new(&wanted); signature.width()].into();
        QuantileBinning { bins, kinds: signature.kinds().to_vec(), columns }
    }
}

/// The quantiles behind [`QuantileBinningSettings`].
#[derive(Debug, Clone)]
pub struct QuantileBinning {
    bins: usize,
    kinds: Vec<Kind>,
    columns: Box<[Quantiles]>,
}

stateful!(QuantileBinning, "quantile_binning", 1: columns);

impl Transformer for QuantileBinning {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for (column, x) in self.columns.iter_mut().zip(row).filter(|(_, x)| x.abs() < 1e150) {
            column.learn(*x);
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((column, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Nominal => *x,
            Kind::Numeric => {
                (0..self.bins - 1).filter(|end| column.get(*end).is_some_and(|end| *x > end)).count() as f64
            }
        }));
    }
}
