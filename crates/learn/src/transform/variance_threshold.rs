//! Leaves out columns that do not vary.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Sets columns whose variance is not above a threshold to 0, so that a model does not see them.
    ///
    /// The number of columns stays, so a column comes back when it begins to vary. Until `min_samples` values came a column
    /// passes. Nominal columns pass unchanged. Memory: 24 bytes a column. Source: `feature_selection.VarianceThreshold` of
    /// River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::VarianceThresholdSettings};
    /// let mut threshold = VarianceThresholdSettings::default().build(&Signature::numeric(2));
    /// [1.0, 2.0].iter().for_each(|x| threshold.learn(&[*x, 7.0], None));
    /// let mut out = Vec::new();
    /// threshold.transform(&[2.0, 7.0], &mut out);
    /// assert_eq!(out, [2.0, 0.0]);
    /// ```
    VarianceThresholdSettings {
        /// The variance that a column must exceed, 0 or above. Default 0.
        #[schemars(extend("minimum" = 0))]
        threshold: f64 = 0.0,
        /// The values that must have come before a column is left out. Default 2.
        min_samples: u64 = 2,
    }
}

impl VarianceThresholdSettings {
    /// The threshold for rows of these columns.
    pub fn build(&self, signature: &Signature) -> VarianceThreshold {
        let columns = vec![Column::default(); signature.width()].into();
        VarianceThreshold { settings: self.clone(), kinds: signature.kinds().to_vec(), columns }
    }
}

/// The variances behind [`VarianceThresholdSettings`].
#[derive(Debug, Clone)]
pub struct VarianceThreshold {
    settings: VarianceThresholdSettings,
    kinds: Vec<Kind>,
    columns: Box<[Column]>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    count: u64,
    mean: f64,
    squares: f64,
}

stateful!(VarianceThreshold, "variance_threshold", 1: columns);
stateful!(Column: count, mean, squares);

impl Transformer for VarianceThreshold {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for (column, x) in self.columns.iter_mut().zip(row).filter(|(_, x)| x.abs() < 1e150) {
            column.count += 1;
            let apart = x - column.mean;
            column.mean += apart / column.count as f64;
            column.squares += apart * (x - column.mean);
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((column, x), kind)| {
            let variance = column.squares / column.count.saturating_sub(1).max(1) as f64;
            let early = column.count < self.settings.min_samples;
            match kind {
                _ if !x.is_finite() => f64::NAN,
                Kind::Numeric if !early && variance <= self.settings.threshold => 0.0,
                _ => *x,
            }
        }));
    }
}
