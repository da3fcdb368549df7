//! Categories by their mean label.

use std::collections::BTreeMap;

use super::category;
use crate::settings::component_settings;
use crate::traits::{facts, mergeable};
use crate::{Kind, Signature, StateError, StateReader, StateWriter, Stateful, Transformer, Truth};

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
        /// The weight of the newest label in an exponentially weighted mean, from 0 to 1. Above 0 each category column also gives
        /// this mean of its category's labels, in a column behind all others; of what is unknown it is the mean of all rows.
        /// Source: `feature_extraction.TargetAgg` with `stats.EWMean` of River. Default 0: no such columns.
        #[schemars(range(min = 0, max = 1))]
        fading_factor: f64 = 0.0,
    }
}

impl TargetEncoderSettings {
    /// The encoder for rows of these columns.
    pub fn build(&self, signature: &Signature) -> TargetEncoder {
        let columns = vec![BTreeMap::new(); signature.width()].into();
        let recent = vec![BTreeMap::new(); signature.width()].into();
        TargetEncoder { settings: self.clone(), kinds: signature.kinds().to_vec(), columns, recent, all: (0.0, 0.0) }
    }
}

/// The categories behind [`TargetEncoderSettings`].
#[derive(Debug, Clone)]
pub struct TargetEncoder {
    settings: TargetEncoderSettings,
    kinds: Vec<Kind>,
    /// By column, by category.
    columns: Box<[BTreeMap<u64, (f64, f64)>]>,
    /// Exponentially weighted means, by column, by category.
    recent: Box<[BTreeMap<u64, f64>]>,
    /// The labelled rows and the sum of their labels.
    all: (f64, f64),
}

/// The layout without exponentially weighted means is that of encoders that did not know them.
impl Stateful for TargetEncoder {
    fn save(&self, to: &mut StateWriter) {
        to.begin("target_encoder", 1);
        self.columns.save(to);
        self.all.save(to);
        if self.fades() {
            self.recent.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("target_encoder", 1)?;
        self.columns.load(from)?;
        self.all.load(from)?;
        if self.fades() { self.recent.load(from) } else { Ok(()) }
    }

    fn size(&self) -> usize {
        self.columns.size() + self.all.size() + if self.fades() { self.recent.size() } else { 0 }
    }
}

mergeable!(TargetEncoder);

impl TargetEncoder {
    fn fades(&self) -> bool {
        self.settings.fading_factor > 0.0
    }

    /// Moves the weighted means of a row's categories towards its label.
    fn fade(&mut self, row: &[f64], y: f64) {
        let (most, weight) = (self.settings.max_categories, self.settings.fading_factor);
        let columns = self.recent.iter_mut().zip(row).zip(&self.kinds);
        for ((known, x), _) in columns.filter(|(_, kind)| **kind == Kind::Nominal) {
            let Some(category) = category(*x) else { continue };
            if known.len() < most || known.contains_key(&category) {
                known.entry(category).and_modify(|mean| *mean += weight * (y - *mean)).or_insert(y);
            }
        }
    }

    fn mean(&self) -> f64 {
        if self.all.0 > 0.0 { self.all.1 / self.all.0 } else { 0.0 }
    }

    /// The category columns of a row that are known, with the exponentially weighted mean of each.
    fn recent_means<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let columns = self.recent.iter().zip(row).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Nominal);
        columns.map(|((known, x), _)| match category(*x) {
            _ if !x.is_finite() => f64::NAN,
            found => found.and_then(|category| known.get(&category)).copied().unwrap_or_else(|| self.mean()),
        })
    }

    /// Adds rows and sums, and of weighted means those of categories that are new; exact while there are fewer categories than the limit.
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
        for (known, more) in self.recent.iter_mut().zip(&other.recent) {
            for (category, mean) in more {
                if known.len() < self.settings.max_categories {
                    known.entry(*category).or_insert(*mean);
                }
            }
        }
    }
}

impl Transformer for TargetEncoder {
    fn signature(&self) -> Signature {
        let nominal = self.kinds.iter().filter(|kind| **kind == Kind::Nominal && self.fades()).count();
        Signature::numeric(self.kinds.len() + nominal)
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
        if self.fades() {
            self.fade(row, y);
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((known, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Numeric => *x,
            Kind::Nominal => {
                let mean = self.mean();
                let weight = self.settings.prior_weight;
                match category(*x).and_then(|category| known.get(&category)) {
                    Some((rows, sum)) if rows + weight > 0.0 => (sum + weight * mean) / (rows + weight),
                    _ => mean,
                }
            }
        }));
        if self.fades() {
            out.extend(self.recent_means(row));
        }
    }
    facts!(merges);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// River 0.26.1: `TargetAgg(by="c", how=stats.EWMean(0.25))` after these rows.
    #[test]
    fn exponentially_weighted_means_are_rivers() {
        let settings = TargetEncoderSettings { prior_weight: 0.0, fading_factor: 0.25, ..Default::default() };
        let mut encoder = settings.build(&Signature::new(vec![Kind::Nominal, Kind::Numeric]));
        assert_eq!(encoder.signature().width(), 3);
        for (category, label) in [(1.0, 4.0), (2.0, 9.0), (1.0, 8.0), (1.0, -2.0)] {
            encoder.learn(&[category, 0.5], Some(Truth::Value(label)));
        }
        let mut out = Vec::new();
        encoder.transform(&[1.0, 0.5], &mut out);
        assert_eq!(out, [10.0 / 3.0, 0.5, 3.25]);
        let (mut again, saved) =
            (settings.build(&Signature::new(vec![Kind::Nominal, Kind::Numeric])), StateWriter::of(&encoder));
        StateReader::into(&saved, &mut again).unwrap();
        out.clear();
        again.transform(&[3.0, f64::NAN], &mut out);
        assert_eq!((out[0], out[2], StateWriter::of(&again)), (4.75, 4.75, saved));
    }
}
