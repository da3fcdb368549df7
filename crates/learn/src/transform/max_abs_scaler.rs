//! Scaling to [-1, 1].

use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, Transformer, Truth};

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
    pub fn build(&self, signature: &Signature) -> MaxAbsScaler {
        MaxAbsScaler { kinds: signature.kinds().to_vec(), most: vec![0.0; signature.width()].into() }
    }
}

/// The greatest absolute values behind [`MaxAbsScalerSettings`].
#[derive(Debug, Clone)]
pub struct MaxAbsScaler {
    kinds: Vec<Kind>,
    most: Box<[f64]>,
}

stateful!(MaxAbsScaler, "max_abs_scaler", 1: most);
mergeable!(MaxAbsScaler);

impl MaxAbsScaler {
    /// Merges both; exact.
    fn absorb(&mut self, other: &Self) {
        self.most.iter_mut().zip(&other.most).for_each(|(mine, theirs)| *mine = mine.max(*theirs));
    }
}

impl Transformer for MaxAbsScaler {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for (most, x) in self.most.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            *most = most.max(x.abs());
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.most.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((most, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Nominal => *x,
            Kind::Numeric if *most > 0.0 => x / most,
            Kind::Numeric => 0.0,
        }));
    }

    facts!(merges);
}
