//! Categories by their mean label.

use std::collections::BTreeMap;

use super::category;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Turns each category into the mean label of its rows so far, drawn towards the mean of all rows while they are few.
    ///
    /// For two classes the label is 1 where the row is positive; among many classes the index of the class, which says little:
    /// use `one_hot_encoder` there. A row is encoded before its label is learned when it is scored, so nothing leaks into the
    /// score. What is unknown is the mean of all rows. Numeric columns pass unchanged. Memory: 24 bytes a category. Source:
    /// `feature_extraction.TargetAgg` with `stats.BayesianMean` of River.
    ///
    /// ```
    /// use gristmill_learn::{Kind, Signature, Transformer, Truth, transform::TargetEncoderSettings};
    /// let settings = TargetEncoderSettings { prior_weight: 1.0, ..Default::default() };
    /// let mut encoder = settings.build(&Signature::new(vec![Kind::Nominal]));
    /// for (category, label) in [(7.0, 1.0), (7.0, 1.0), (3.0, 0.0), (3.0, 0.0)] {
    ///     encoder.learn(&[category], Some(Truth::Value(label)));
    /// }
    /// let mut out = Vec::new();
    /// [7.0, 3.0, 5.0].iter().for_each(|x| encoder.transform(&[*x], &mut out));
    /// assert_eq!(out, [2.5 / 3.0, 0.5 / 3.0, 0.5]);
    /// ```
    TargetEncoderSettings {
        /// The most categories of each column, 1 to 1,000,000; further ones count as unknown. Default 10000.
        #[schemars(range(min = 1, max = 1_000_000))]
        max_categories: usize = 10_000,
        /// The rows that the mean of all rows counts for, 0 or above. Default 10.
        #[schemars(extend("minimum" = 0))]
        prior_weight: f64 = 10.0,
    }
}

impl TargetEncoderSettings {
    /// The encoder for rows of these columns.
    pub fn build(&self, signature: &Signature) -> TargetEncoder {
        let columns = vec![BTreeMap::new(); signature.width()].into();
        TargetEncoder { settings: self.clone(), kinds: signature.kinds().to_vec(), columns, all: (0.0, 0.0) }
    }
}

/// The categories behind [`TargetEncoderSettings`].
#[derive(Debug, Clone)]
pub struct TargetEncoder {
    settings: TargetEncoderSettings,
    kinds: Vec<Kind>,
    /// By column, by category.
    columns: Box<[BTreeMap<u64, (f64, f64)>]>,
    /// The labelled rows and the sum of their labels.
    all: (f64, f64),
}

stateful!(TargetEncoder, "target_encoder", 1: columns, all);
mergeable!(TargetEncoder);

impl TargetEncoder {
    /// Adds rows and sums; exact while there are fewer categories than the limit.
    fn absorb(&mut self, other: &Self) {
        self.all = (self.all.0 + other.all.0, self.all.1 + other.all.1);
        for (known, more) in self.columns.iter_mut().zip(&other.columns) {
            for (category, (more_rows, more_sum)) in more {
                if known.len() < self.settings.max_categories || known.contains_key(category) {
                    let (rows, sum) = known.entry(*category).or_insert((0.0, 0.0));
                    *rows += more_rows;
                    *sum += more_sum;
                }
            }
        }
    }
}

impl Transformer for TargetEncoder {
    fn signature(&self) -> Signature {
        Signature::numeric(self.kinds.len())
    }

    fn learn(&mut self, row: &[f64], truth: Option<Truth>) {
        let Some(y) = truth.map(Truth::number).filter(|y| y.abs() < 1e150) else { return };
        self.all.0 += 1.0;
        self.all.1 += y;
        for ((known, x), _) in
            self.columns.iter_mut().zip(row).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Nominal)
        {
            let Some(category) = category(*x) else { continue };
            if known.len() < self.settings.max_categories || known.contains_key(&category) {
                let (rows, sum) = known.entry(category).or_insert((0.0, 0.0));
                *rows += 1.0;
                *sum += y;
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((known, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Numeric => *x,
            Kind::Nominal => {
                let mean = if self.all.0 > 0.0 { self.all.1 / self.all.0 } else { 0.0 };
                let weight = self.settings.prior_weight;
                match category(*x).and_then(|category| known.get(&category)) {
                    Some((rows, sum)) if rows + weight > 0.0 => (sum + weight * mean) / (rows + weight),
                    _ => mean,
                }
            }
        }));
    }
    facts!(merges);
}
