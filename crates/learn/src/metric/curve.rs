//! Metrics over the rows ordered by score.

use std::collections::BTreeMap;

use super::Metric;
use crate::{Prediction, StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// Bins of one power of two.
const PAGE: usize = 256;
/// Scores nearer to 0 or 1 than 2^-60 share the last page.
const SMALLEST: i32 = -60;
/// The number of rows that are stored individually.
const EXACT: usize = 2_000;

type Pages = BTreeMap<i32, Box<[[u64; 2]; PAGE]>>;
/// A formula over groups of rows with equal scores, ascending: for each the negatives and the positives.
type Formula = fn(&mut dyn Iterator<Item = [f64; 2]>) -> f64;

/// Positive and negative rows by score: individually while they are few, then in narrow bins.
#[derive(Debug, Clone)]
pub struct Curve {
    name: &'static str,
    formula: Formula,
    /// Score and whether positive, in order of arrival; empty once there are pages.
    exact: Vec<(f64, bool)>,
    /// By page number, ascending with the score: in each bin the negatives and the positives.
    pages: Pages,
    rows: u64,
}

/// The page and the bin of a score: below a half by the bits of the score itself, above by those of its distance to 1,
/// so that both ends are fine-grained.
fn place(score: f64) -> (i32, usize) {
    let score = score.clamp(0.0, 1.0);
    let (small, upper) = if score <= 0.5 { (score, false) } else { (1.0 - score, true) };
    let bits = small.to_bits();
    let exponent = ((bits >> 52) as i32 - 1023).max(SMALLEST);
    let bin = if small < libm::exp2(f64::from(SMALLEST)) { 0 } else { ((bits >> 44) & 0xff) as usize };
    // Pages of the lower half ascend from -61 to -1, those of the upper half from 1 to 61.
    if upper { (-exponent, PAGE - 1 - bin) } else { (exponent - 1, bin) }
}

impl Curve {
    pub(super) fn new(name: &'static str, formula: Formula) -> Self {
        Self { name, formula, exact: Vec::new(), pages: Pages::new(), rows: 0 }
    }

    fn add(&mut self, score: f64, positive: bool) {
        self.rows += 1;
        if self.pages.is_empty() && self.exact.len() < EXACT {
            self.exact.push((score, positive));
            return;
        }
        self.bin();
        self.count(place(score), if positive { [0, 1] } else { [1, 0] });
    }

    /// Switches to bins.
    fn bin(&mut self) {
        for (score, positive) in std::mem::take(&mut self.exact) {
            self.count(place(score), if positive { [0, 1] } else { [1, 0] });
        }
    }

    fn count(&mut self, (page, bin): (i32, usize), counts: [u64; 2]) {
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

    /// Rows of equal score, ascending.
    fn groups(&self) -> Vec<[f64; 2]> {
        let mut sorted = self.exact.clone();
        sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let count = |group: &[(f64, bool)]| {
            let positives = group.iter().filter(|(_, positive)| *positive).count() as f64;
            [group.len() as f64 - positives, positives]
        };
        sorted.chunk_by(|(a, _), (b, _)| a == b).map(count).collect()
    }
}

impl Metric for Curve {
    fn accepts(&self, task: Task) -> bool {
        matches!(task, Task::BinaryClassification | Task::AnomalyDetection)
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        if !prediction.is_missing() {
            self.add(prediction.number(), truth.number() == 1.0);
        }
    }

    fn value(&self) -> f64 {
        if self.pages.is_empty() {
            return (self.formula)(&mut self.groups().into_iter());
        }
        (self.formula)(&mut self.bins().map(|(_, _, counts)| counts.map(|count| count as f64)))
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = Self::new(self.name, self.formula);
        other.load(saved)?;
        if other.pages.is_empty() && self.pages.is_empty() && self.exact.len() + other.exact.len() <= EXACT {
            self.exact.extend(&other.exact);
        } else {
            self.bin();
            other.bin();
            other.bins().for_each(|(page, bin, counts)| self.count((page, bin), counts));
        }
        self.rows += other.rows;
        Ok(())
    }
}

impl Stateful for Curve {
    fn save(&self, to: &mut StateWriter) {
        to.begin(self.name, 1);
        self.rows.save(to);
        self.exact.save(to);
        to.u64(self.bins().count() as u64);
        for (page, bin, [negative, positive]) in self.bins() {
            to.u64(page as u64);
            to.u64(bin as u64);
            to.u64(negative);
            to.u64(positive);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(self.name, 1)?;
        self.rows.load(from)?;
        self.exact.load(from)?;
        self.pages.clear();
        for _ in 0..from.length(32)? {
            let place = (from.u64()? as i32, from.u64()? as usize);
            let counts = [from.u64()?, from.u64()?];
            self.count(place, counts);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.exact.len() * 16 + self.pages.len() * size_of::<[[u64; 2]; PAGE]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{AveragePrecisionSettings, RocAucSettings};
    use crate::random::Random;

    fn metrics() -> [Curve; 2] {
        [RocAucSettings::default().whole(), AveragePrecisionSettings::default().whole()]
    }

    #[test]
    fn bins_ascend_with_the_score() {
        let scores = [0.0, 1e-300, 1e-12, 0.1, 0.49, 0.5, 0.51, 0.9, 1.0 - 1e-9, 1.0];
        assert!(scores.windows(2).all(|pair| place(pair[0]) <= place(pair[1])), "{:?}", scores.map(place));
        assert!(place(0.5) < place(0.51) && place(0.1) < place(0.101) && place(0.99) < place(0.9901));
    }

    #[test]
    fn bins_are_close_to_the_exact_value() {
        let mut random = Random::new(7);
        for mut exact in metrics() {
            let mut binned = exact.clone();
            for _ in 0..EXACT {
                let class = random.uniform() < 0.2;
                let score = libm::pow(random.uniform() * 0.9 + f64::from(u8::from(class)) * 0.1, 3.0);
                exact.update(Truth::Class(u32::from(class)), score.into());
                binned.update(Truth::Class(u32::from(class)), score.into());
            }
            binned.bin();
            assert!(!binned.pages.is_empty() && exact.pages.is_empty());
            assert!((exact.value() - binned.value()).abs() < 2e-3, "{} {}", exact.value(), binned.value());
        }
    }

    #[test]
    fn halves_absorbed_are_the_whole() {
        for rows in [6, 3 * EXACT] {
            for [mut whole, mut left, mut right] in metrics().map(|metric| std::array::from_fn(|_| metric.clone())) {
                let mut random = Random::new(3);
                for row in 0..rows {
                    let (class, score) = (random.below(2) as u32, random.uniform());
                    whole.update(Truth::Class(class), score.into());
                    if row < rows / 2 { &mut left } else { &mut right }.update(Truth::Class(class), score.into());
                }
                left.absorb(&mut StateReader::new(&StateWriter::of(&right))).unwrap();
                assert_eq!(StateWriter::of(&left), StateWriter::of(&whole));
            }
        }
    }
}
