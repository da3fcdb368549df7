//! Categories by their frequency.

use std::collections::BTreeMap;

use super::category;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Turns each category into the share of rows that have it, in [0, 1].
    ///
    /// What is unknown or beyond the cap is 0; what is missing stays missing. Numeric columns pass unchanged. Memory: 16 bytes
    /// a category. Source: `CountFrequencyEncoder` of feature-engine.
    ///
    /// ```
    /// use gristmill_learn::{Kind, Signature, Transformer, transform::FrequencyEncoderSettings};
    /// let mut encoder = FrequencyEncoderSettings::default().build(&Signature::new(vec![Kind::Nominal]));
    /// [7.0, 7.0, 7.0, 3.0].iter().for_each(|x| encoder.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// [7.0, 3.0, 5.0].iter().for_each(|x| encoder.transform(&[*x], &mut out));
    /// assert_eq!(out, [0.75, 0.25, 0.0]);
    /// ```
    FrequencyEncoderSettings {
        /// The most categories of each column, 1 to 1,000,000; further ones count as unknown. Default 10000.
        #[schemars(range(min = 1, max = 1_000_000))]
        max_categories: usize = 10_000,
    }
}

impl FrequencyEncoderSettings {
    /// The encoder for rows of these columns.
    pub fn build(&self, signature: &Signature) -> FrequencyEncoder {
        let columns = vec![BTreeMap::new(); signature.width()].into();
        FrequencyEncoder { settings: self.clone(), kinds: signature.kinds().to_vec(), columns, rows: 0.0 }
    }
}

/// The categories behind [`FrequencyEncoderSettings`].
#[derive(Debug, Clone)]
pub struct FrequencyEncoder {
    settings: FrequencyEncoderSettings,
    kinds: Vec<Kind>,
    /// By column, by category.
    columns: Box<[BTreeMap<u64, f64>]>,
    rows: f64,
}

stateful!(FrequencyEncoder, "frequency_encoder", 1: columns, rows);
mergeable!(FrequencyEncoder);

impl FrequencyEncoder {
    /// Adds the counts; exact while there are fewer categories than the limit.
    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        for (known, more) in self.columns.iter_mut().zip(&other.columns) {
            for (category, count) in more {
                if known.len() < self.settings.max_categories || known.contains_key(category) {
                    *known.entry(*category).or_insert(0.0) += count;
                }
            }
        }
    }
}

impl Transformer for FrequencyEncoder {
    fn signature(&self) -> Signature {
        Signature::numeric(self.kinds.len())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        self.rows += 1.0;
        for ((known, x), _) in
            self.columns.iter_mut().zip(row).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Nominal)
        {
            let Some(category) = category(*x) else { continue };
            if known.len() < self.settings.max_categories || known.contains_key(&category) {
                *known.entry(category).or_insert(0.0) += 1.0;
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((known, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Numeric => *x,
            Kind::Nominal => {
                category(*x).and_then(|category| known.get(&category)).map_or(0.0, |count| count / self.rows)
            }
        }));
    }
    facts!(merges);
}
