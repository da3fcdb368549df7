//! The area under the ROC curve.

use std::collections::BTreeMap;

use super::{Metric, metric_settings};
use crate::{StateError, StateReader, StateWriter, Stateful, Task, Truth};

metric_settings! {
    /// The probability that a positive row scores higher than a negative one, in [0, 1]; higher is better, 0.5 is
    /// guessing.
    ///
    /// Scores are counted in bins 0.4 % wide relative to the distance from the nearer end of [0, 1]; two scores in
    /// one bin count as equal. The error is at most half the share of (positive, negative) pairs that fall into one
    /// bin, in practice below 0.001. At most 122 pages of 4 KiB. River's `metrics.ROCAUC` uses ten thresholds
    /// instead, so its values differ in the third decimal.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, RocAucSettings}};
    /// let mut roc_auc = RocAucSettings::whole();
    /// for (class, score) in [(0, 0.1), (0, 0.4), (1, 0.35), (1, 0.8)] {
    ///     roc_auc.update(Truth::Class(class), score);
    /// }
    /// assert_eq!(roc_auc.value(), 0.75);
    /// ```
    RocAucSettings, "roc_auc", RocAuc,
    RocAuc::default()
}

const NAME: &str = "roc_auc";
/// Bins of one power of two.
const PAGE: usize = 256;
/// Scores nearer to 0 or 1 than 2^-60 share the last page.
const SMALLEST: i32 = -60;

/// Counts of positive and negative rows by score, in narrow bins.
#[derive(Debug, Clone, Default)]
pub struct RocAuc {
    /// By page number, ascending with the score: in each bin the negatives and the positives.
    pages: BTreeMap<i32, Box<[[u64; 2]; PAGE]>>,
    rows: u64,
}

/// The page and the bin of a score: below a half by the bits of the score itself, above by those of what is left
/// to 1, so that both ends are fine-grained.
fn place(score: f64) -> (i32, usize) {
    let score = score.clamp(0.0, 1.0);
    let (small, upper) = if score <= 0.5 { (score, false) } else { (1.0 - score, true) };
    let bits = small.to_bits();
    let exponent = ((bits >> 52) as i32 - 1023).max(SMALLEST);
    let bin = if small < libm::exp2(f64::from(SMALLEST)) { 0 } else { ((bits >> 44) & 0xff) as usize };
    // Pages of the lower half ascend from -61 to -1, those of the upper half from 1 to 61.
    if upper { (-exponent, PAGE - 1 - bin) } else { (exponent - 1, bin) }
}

impl RocAuc {
    fn read(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        from.begin(NAME, 1)?;
        let mut read = Self { pages: BTreeMap::new(), rows: from.u64()? };
        for _ in 0..from.length(32)? {
            let page = from.u64()? as i32;
            let bin = from.u64()? as usize;
            let counts = [from.u64()?, from.u64()?];
            read.add(page, bin, counts);
        }
        Ok(read)
    }

    fn add(&mut self, page: i32, bin: usize, counts: [u64; 2]) {
        let page = self.pages.entry(page).or_insert_with(|| Box::new([[0; 2]; PAGE]));
        if let Some(bin) = page.get_mut(bin) {
            bin.iter_mut().zip(counts).for_each(|(held, more)| *held += more);
        }
    }

    fn bins(&self) -> impl Iterator<Item = (i32, usize, [u64; 2])> {
        self.pages.iter().flat_map(|(page, bins)| {
            let filled = bins.iter().enumerate().filter(|(_, counts)| **counts != [0, 0]);
            filled.map(|(bin, counts)| (*page, bin, *counts))
        })
    }
}

impl Metric for RocAuc {
    fn accepts(&self, task: Task) -> bool {
        task == Task::BinaryClassification
    }

    fn update(&mut self, truth: Truth, prediction: f64) {
        if !prediction.is_nan() {
            let (page, bin) = place(prediction);
            self.rows += 1;
            self.add(page, bin, if truth.number() == 1.0 { [0, 1] } else { [1, 0] });
        }
    }

    fn value(&self) -> f64 {
        let (mut below, mut positives, mut pairs) = (0.0, 0.0, 0.0);
        for (_, _, [negative, positive]) in self.bins() {
            let (negative, positive) = (negative as f64, positive as f64);
            pairs += positive * (below + negative / 2.0);
            below += negative;
            positives += positive;
        }
        let all = below * positives;
        if all > 0.0 { pairs / all } else { 0.0 }
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let other = Self::read(saved)?;
        self.rows += other.rows;
        other.bins().for_each(|(page, bin, counts)| self.add(page, bin, counts));
        Ok(())
    }
}

impl Stateful for RocAuc {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.u64(self.rows);
        to.u64(self.bins().count() as u64);
        for (page, bin, [negative, positive]) in self.bins() {
            to.u64(page as u64);
            to.u64(bin as u64);
            to.u64(negative);
            to.u64(positive);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = Self::read(from)?;
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.pages.len() * size_of::<[[u64; 2]; PAGE]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(rows: &[(u32, f64)]) -> f64 {
        let mut pairs = (0.0, 0.0);
        for (_, positive) in rows.iter().filter(|(class, _)| *class == 1) {
            for (_, negative) in rows.iter().filter(|(class, _)| *class == 0) {
                pairs.1 += 1.0;
                pairs.0 += if positive > negative { 1.0 } else { f64::from(u8::from(positive == negative)) / 2.0 };
            }
        }
        pairs.0 / pairs.1
    }

    #[test]
    fn bins_ascend_with_the_score() {
        let scores = [0.0, 1e-300, 1e-12, 0.1, 0.49, 0.5, 0.51, 0.9, 1.0 - 1e-9, 1.0];
        assert!(scores.windows(2).all(|pair| place(pair[0]) <= place(pair[1])), "{:?}", scores.map(place));
        assert!(place(0.5) < place(0.51) && place(0.1) < place(0.101) && place(0.99) < place(0.9901));
    }

    #[test]
    fn close_to_the_exact_area() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let rows: Vec<(u32, f64)> = (0..2000)
            .map(|_| {
                let class = u32::from(random() < 0.2);
                (class, (random() * 0.9 + f64::from(class) * 0.1).powi(3))
            })
            .collect();
        let mut metric = RocAucSettings::whole();
        rows.iter().for_each(|(class, score)| metric.update(Truth::Class(*class), *score));
        assert!((metric.value() - exact(&rows)).abs() < 1e-3, "{} {}", metric.value(), exact(&rows));
    }

    #[test]
    fn halves_absorbed_are_the_whole() {
        let rows = [(0, 0.1), (1, 0.7), (0, 0.7), (1, 0.99), (0, 0.3), (1, 0.2)];
        let [mut whole, mut left, mut right] = std::array::from_fn(|_| RocAucSettings::whole());
        for (index, (class, score)) in rows.iter().enumerate() {
            whole.update(Truth::Class(*class), *score);
            if index < 3 { &mut left } else { &mut right }.update(Truth::Class(*class), *score);
        }
        left.absorb(&mut StateReader::new(&StateWriter::of(&right))).unwrap();
        assert_eq!(StateWriter::of(&left), StateWriter::of(&whole));
    }
}
