//! Scaling to [0, 1].

use super::by_column::{ByColumn, Columns};
use crate::Signature;
use crate::settings::component_settings;

component_settings! {
    /// Scales each column to [0, 1] by the least and the greatest value seen.
    ///
    /// Nominal columns pass unchanged; a column that has not varied yet becomes 0; a value beyond what was seen lies beyond
    /// [0, 1]. Memory: 16 bytes a column. Source: `preprocessing.MinMaxScaler` of River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::MinMaxScalerSettings};
    /// let mut scaler = MinMaxScalerSettings::default().build(&Signature::numeric(1));
    /// [2.0, 6.0].iter().for_each(|x| scaler.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// scaler.transform(&[3.0], &mut out);
    /// assert_eq!(out, [0.25]);
    /// ```
    MinMaxScalerSettings {}
}

impl MinMaxScalerSettings {
    /// The scaler for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Columns<Self> {
        Columns::new(self, signature)
    }
}

impl ByColumn for MinMaxScalerSettings {
    const NAME: &'static str = "min_max_scaler";
    /// The least and the greatest value.
    type Kept = (f64, f64);
    const ABSORB: Option<fn(&mut (f64, f64), &(f64, f64))> =
        Some(|(least, most), (low, high)| (*least, *most) = (least.min(*low), most.max(*high)));

    fn column(&self) -> (f64, f64) {
        (f64::INFINITY, f64::NEG_INFINITY)
    }

    fn learn(&self, (least, most): &mut (f64, f64), x: f64) {
        (*least, *most) = (least.min(x), most.max(x));
    }

    fn transform(&self, (least, most): &(f64, f64), x: f64) -> f64 {
        if most > least { (x - least) / (most - least) } else { 0.0 }
    }
}
