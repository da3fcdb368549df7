//! Leaves out columns that do not vary.

use super::by_column::{ByColumn, Columns};
use crate::Signature;
use crate::settings::component_settings;
use crate::state::stateful;

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
    pub fn build(&self, signature: &Signature) -> Columns<Self> {
        Columns::new(self, signature)
    }
}

/// What is kept of a column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    count: u64,
    mean: f64,
    squares: f64,
}

stateful!(Column: count, mean, squares);

impl ByColumn for VarianceThresholdSettings {
    const NAME: &'static str = "variance_threshold";
    type Kept = Column;

    fn column(&self) -> Column {
        Column::default()
    }

    fn learn(&self, column: &mut Column, x: f64) {
        if x.abs() < 1e150 {
            column.count += 1;
            let apart = x - column.mean;
            column.mean += apart / column.count as f64;
            column.squares += apart * (x - column.mean);
        }
    }

    fn transform(&self, column: &Column, x: f64) -> f64 {
        let variance = column.squares / column.count.saturating_sub(1).max(1) as f64;
        let early = column.count < self.min_samples;
        if !early && variance <= self.threshold { 0.0 } else { x }
    }
}
