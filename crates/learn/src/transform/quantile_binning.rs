//! Numbers as bins.

use super::by_column::{ByColumn, Columns};
use super::quantiles::Quantiles;
use crate::Signature;
use crate::settings::component_settings;

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
    pub fn build(&self, signature: &Signature) -> Columns<Self> {
        Columns::new(self, signature)
    }
}

impl QuantileBinningSettings {
    fn bins(&self) -> usize {
        self.n_bins.clamp(2, 100)
    }
}

impl ByColumn for QuantileBinningSettings {
    const NAME: &'static str = "quantile_binning";
    type Kept = Quantiles;

    fn column(&self) -> Quantiles {
        let bins = self.bins();
        Quantiles::new(&(1..bins).map(|end| end as f64 / bins as f64).collect::<Vec<f64>>())
    }

    fn learn(&self, column: &mut Quantiles, x: f64) {
        column.learn_moderate(x);
    }

    fn transform(&self, column: &Quantiles, x: f64) -> f64 {
        (0..self.bins() - 1).filter(|end| column.get(*end).is_some_and(|end| x > end)).count() as f64
    }
}
