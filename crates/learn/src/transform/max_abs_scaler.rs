//! Scaling to [-1, 1].

use super::by_column::{ByColumn, Columns};
use crate::Signature;
use crate::settings::component_settings;

component_settings! {
    /// Scales each column to [-1, 1] by the greatest absolute value seen; 0 stays 0.
    ///
    /// Nominal columns pass unchanged. Memory: 8 bytes a column. Source: `preprocessing.MaxAbsScaler` of River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::MaxAbsScalerSettings};
    /// let mut scaler = MaxAbsScalerSettings::default().build(&Signature::numeric(1));
    /// [2.0, -8.0].iter().for_each(|x| scaler.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// scaler.transform(&[2.0], &mut out);
    /// assert_eq!(out, [0.25]);
    /// ```
    MaxAbsScalerSettings {}
}

impl MaxAbsScalerSettings {
    /// The scaler for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Columns<Self> {
        Columns::new(self, signature)
    }
}

impl ByColumn for MaxAbsScalerSettings {
    const NAME: &'static str = "max_abs_scaler";
    /// The greatest absolute value.
    type Kept = f64;
    const ABSORB: Option<fn(&mut f64, &f64)> = Some(|mine, theirs| *mine = mine.max(*theirs));

    fn column(&self) -> f64 {
        0.0
    }

    fn learn(&self, most: &mut f64, x: f64) {
        *most = most.max(x.abs());
    }

    fn transform(&self, most: &f64, x: f64) -> f64 {
        if *most > 0.0 { x / most } else { 0.0 }
    }
}
