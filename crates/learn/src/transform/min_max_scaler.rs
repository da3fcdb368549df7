//! Scaling to [0, 1].

use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, Transformer, Truth};

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
    pub fn build(&self, signature: &Signature) -> MinMaxScaler {
        let ends = vec![(f64::INFINITY, f64::NEG_INFINITY); signature.width()].into();
        MinMaxScaler { kinds: signature.kinds().to_vec(), ends }
    }
}

/// The ends behind [`MinMaxScalerSettings`].
#[derive(Debug, Clone)]
pub struct MinMaxScaler {
    kinds: Vec<Kind>,
    ends: Box<[(f64, f64)]>,
}

stateful!(MinMaxScaler, "min_max_scaler", 1: ends);
mergeable!(MinMaxScaler);

impl MinMaxScaler {
    /// Merges both; exact.
    fn absorb(&mut self, other: &Self) {
        for ((least, most), (low, high)) in self.ends.iter_mut().zip(&other.ends) {
            (*least, *most) = (least.min(*low), most.max(*high));
        }
    }
}

impl Transformer for MinMaxScaler {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for ((least, most), x) in self.ends.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            (*least, *most) = (least.min(*x), most.max(*x));
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.ends.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|(((least, most), x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Nominal => *x,
            Kind::Numeric if most > least => (x - least) / (most - least),
            Kind::Numeric => 0.0,
        }));
    }

    facts!(merges);
}
