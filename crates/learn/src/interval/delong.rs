//! The variance of the area under a ROC curve, and of the difference of two.

use std::collections::VecDeque;

use super::{Interval, reach};
use crate::state::stateful;

/// An area under a ROC curve, or a difference of two, with its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucEstimate {
    /// The area or the difference; NaN without rows of both classes.
    pub value: f64,
    /// Its variance; NaN without two rows of each class.
    pub variance: f64,
}

impl AucEstimate {
    /// Where the true value may lie, at a level of confidence in (0, 1).
    pub fn interval(&self, level: f64) -> Interval {
        Interval::around(self.value, reach(level) * self.variance.sqrt())
    }
}

/// The area under the ROC curve of scores, with its variance. Rows beyond the shorter list do not count.
///
/// Sources: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
/// Operating Characteristic Curves", Biometrics 44 (1988); the ranks instead of pairs: X. Sun, W. Xu, "Fast Implementation
/// of DeLong's Algorithm", IEEE Signal Processing Letters 21 (2014).
///
/// ```
/// use gristmill_learn::interval::delong;
/// let auc = delong(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
/// assert_eq!(auc.value, 0.75);
/// ```
pub fn delong(scores: &[f64], positive: &[bool]) -> AucEstimate {
    let placed = placements(scores, positive);
    let [value, variance] = moments(placed.iter().copied(), positive);
    AucEstimate { value, variance }
}

/// By how much the area of the first scores is larger than that of the second ones, which are of the same rows.
pub fn delong_difference(first: &[f64], second: &[f64], positive: &[bool]) -> AucEstimate {
    let (first, second) = (placements(first, positive), placements(second, positive));
    let apart = first.iter().zip(&second).map(|(first, second)| first - second);
    let [value, variance] = moments(apart, positive);
    AucEstimate { value, variance }
}

/// For each row the share of the rows of the other class that are on its right side: below it for a positive row, above it
/// for a negative one; an equal score counts half.
fn placements(scores: &[f64], positive: &[bool]) -> Vec<f64> {
    let mut sorted: Vec<(usize, f64, bool)> =
        scores.iter().zip(positive).enumerate().map(|(row, (score, positive))| (row, *score, *positive)).collect();
    sorted.sort_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
    let positives = sorted.iter().filter(|(_, _, positive)| *positive).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    let mut placed = vec![0.0; sorted.len()];
    let mut below = [0.0, 0.0];
    for tied in sorted.chunk_by(|(_, one, _), (_, other, _)| one == other) {
        let yes = tied.iter().filter(|(_, _, positive)| *positive).count() as f64;
        let no = tied.len() as f64 - yes;
        for (row, _, positive) in tied {
            let share = if *positive {
                (below[0] + no / 2.0) / negatives
            } else {
                (positives - below[1] - yes / 2.0) / positives
            };
            if let Some(place) = placed.get_mut(*row) {
                *place = share;
            }
        }
        below = [below[0] + no, below[1] + yes];
    }
    placed
}

/// The mean over the positive rows, and the sum of both classes' variances of the mean.
fn moments(placed: impl Iterator<Item = f64> + Clone, positive: &[bool]) -> [f64; 2] {
    let of = |class: bool| placed.clone().zip(positive).filter(move |(_, is)| **is == class).map(|(value, _)| value);
    let mean = |class: bool| of(class).sum::<f64>() / of(class).count() as f64;
    let variance = |class: bool| {
        let (mean, rows) = (mean(class), of(class).count() as f64);
        of(class).map(|value| (value - mean) * (value - mean)).sum::<f64>() / (rows - 1.0) / rows
    };
    [mean(true), variance(true) + variance(false)]
}

/// Two models' scores of the last rows: the area under each ROC curve, and the difference, with their intervals.
///
/// For one model alone its scores are given twice. Memory: 24 bytes a row.
#[derive(Debug, Clone)]
pub struct PairedAuc {
    most: usize,
    rows: VecDeque<Scored>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Scored {
    first: f64,
    second: f64,
    positive: bool,
}

stateful!(PairedAuc, "paired_auc", 1: rows);
stateful!(Scored: first, second, positive);

impl PairedAuc {
    /// Over the last `most` rows, at least 1.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), rows: VecDeque::new() }
    }

    /// Counts a row; one that a model has not scored is not counted.
    pub fn update(&mut self, positive: bool, first: f64, second: f64) {
        if first.is_nan() || second.is_nan() {
            return;
        }
        if self.rows.len() >= self.most {
            self.rows.pop_front();
        }
        self.rows.push_back(Scored { first, second, positive });
    }

    fn column<T>(&self, of: impl Fn(&Scored) -> T) -> Vec<T> {
        self.rows.iter().map(of).collect()
    }

    /// The first model's area.
    pub fn first(&self) -> AucEstimate {
        delong(&self.column(|row| row.first), &self.column(|row| row.positive))
    }

    /// The second model's area.
    pub fn second(&self) -> AucEstimate {
        delong(&self.column(|row| row.second), &self.column(|row| row.positive))
    }

    /// The first model's area less the second's.
    pub fn difference(&self) -> AucEstimate {
        let positive = self.column(|row| row.positive);
        delong_difference(&self.column(|row| row.first), &self.column(|row| row.second), &positive)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{StateReader, StateWriter};

    /// 200 rows of two models' scores, and their labels.
    pub(crate) fn rows() -> Vec<(f64, f64, bool)> {
        let row = |i: u32| {
            let (first, second) = (f64::from(i * 37 % 101) / 101.0, f64::from(i * 53 % 97) / 97.0);
            (first, second, 0.6 * first + 0.4 * second + f64::from(i * 71 % 89) / 89.0 > 1.1)
        };
        (0..200).map(row).collect()
    }

    fn close(found: AucEstimate, value: f64, variance: f64) {
        let same = (found.value - value).abs() < 1e-12 && (found.variance - variance).abs() < 1e-14;
        assert!(same, "{found:?}, expected {value} {variance}");
    }

    /// The definition, pair by pair, in NumPy 2.4.6; the areas are `roc_auc_score` of scikit-learn 1.9.1.
    #[test]
    fn areas_variances_and_the_difference_are_those_of_the_definition() {
        let mut paired = PairedAuc::new(200);
        paired.update(true, 0.0, 1.0);
        rows().iter().for_each(|(first, second, positive)| paired.update(*positive, *first, *second));
        close(paired.first(), 0.714375788146280, 1.337537381780695e-3);
        close(paired.second(), 0.666771752837326, 1.492833048824089e-3);
        close(paired.difference(), 0.047604035308953, 3.069964284827761e-3);
        let ends = paired.first().interval(0.95);
        assert!((ends.low - 0.642695283312).abs() < 1e-11 && (ends.high - 0.786056292980).abs() < 1e-11, "{ends:?}");
        let ends = paired.difference().interval(0.95);
        assert!((ends.low + 0.060992195662).abs() < 1e-11 && (ends.high - 0.156200266280).abs() < 1e-11, "{ends:?}");
        let saved = StateWriter::of(&paired);
        let mut other = PairedAuc::new(200);
        StateReader::into(&saved, &mut other).unwrap();
        assert_eq!((other.difference(), StateWriter::of(&other)), (paired.difference(), saved));
    }

    /// The same with many equal scores.
    #[test]
    fn equal_scores_count_half() {
        let mut paired = PairedAuc::new(1_000);
        let eighths = |score: f64| (score * 8.0).floor() / 8.0;
        rows().iter().for_each(|row| paired.update(row.2, eighths(row.0), eighths(row.1)));
        close(paired.first(), 0.708911307271963, 1.334410632046616e-3);
        close(paired.second(), 0.661937788986969, 1.486650410355032e-3);
        close(paired.difference(), 0.046973518284994, 3.051262222301476e-3);
    }

    #[test]
    fn one_class_has_no_area() {
        assert!(delong(&[0.1, 0.2], &[true, true]).value.is_nan());
        assert!(delong(&[], &[]).value.is_nan());
        let one_of_each = delong(&[0.1, 0.2], &[false, true]);
        assert_eq!((one_of_each.value, one_of_each.variance.is_nan()), (1.0, true));
    }
}
