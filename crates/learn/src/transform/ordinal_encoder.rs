//! Categories as numbers.

use std::collections::BTreeMap;

use super::category;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Turns each category into a number: 1 for the first one learned, 2 for the next, and so on.
    ///
    /// What is unknown or beyond the cap is 0; what is missing stays missing. Numeric columns pass unchanged. Memory: 16 bytes
    /// a category. Source: `preprocessing.OrdinalEncoder` of River.
    ///
    /// ```
    /// use gristmill_learn::{Kind, Signature, Transformer, transform::OrdinalEncoderSettings};
    /// let mut encoder = OrdinalEncoderSettings::default().build(&Signature::new(vec![Kind::Nominal]));
    /// [7.0, 3.0].iter().for_each(|x| encoder.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// [7.0, 3.0, 5.0].iter().for_each(|x| encoder.transform(&[*x], &mut out));
    /// assert_eq!(out, [1.0, 2.0, 0.0]);
    /// ```
    OrdinalEncoderSettings {
        /// The most categories of each column, 1 to 1,000,000; further ones count as unknown. Default 10000.
        #[schemars(range(min = 1, max = 1_000_000))]
        max_categories: usize = 10_000,
    }
}

impl OrdinalEncoderSettings {
    /// The encoder for rows of these columns.
    pub fn build(&self, signature: &Signature) -> OrdinalEncoder {
        let columns = vec![BTreeMap::new(); signature.width()].into();
        OrdinalEncoder { settings: self.clone(), kinds: signature.kinds().to_vec(), columns }
    }
}

/// The categories behind [`OrdinalEncoderSettings`].
#[derive(Debug, Clone)]
pub struct OrdinalEncoder {
    settings: OrdinalEncoderSettings,
    kinds: Vec<Kind>,
    /// By column, by category.
    columns: Box<[BTreeMap<u64, f64>]>,
}

stateful!(OrdinalEncoder, "ordinal_encoder", 1: columns);

impl Transformer for OrdinalEncoder {
    fn signature(&self) -> Signature {
        Signature::numeric(self.kinds.len())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for ((known, x), _) in
            self.columns.iter_mut().zip(row).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Nominal)
        {
            let Some(category) = category(*x) else { continue };
            if known.len() < self.settings.max_categories || known.contains_key(&category) {
                let next = known.len() as f64 + 1.0;
                known.entry(category).or_insert(next);
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((known, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Numeric => *x,
            Kind::Nominal => category(*x).and_then(|category| known.get(&category)).copied().unwrap_or(0.0),
        }));
    }
}
