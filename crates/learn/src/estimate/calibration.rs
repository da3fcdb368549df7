//! Whether scores should be calibrated.

use super::Estimated;
use super::isotonic::IsotonicCurve;
use super::one_class::{OneClass, Seen, Ties, value};
use crate::random::Random;

/// Each of so many parts of the rows is calibrated by the others.
const FOLDS: usize = 10;
/// Which rows are in which part.
const SEED: u64 = 42;
/// Rows are compared in so many groups of nearly equal size.
const BINS: usize = 10;

/// Whether isotonic calibration brings scores nearer to the shares of positive rows, as NannyML's `needs_calibration` asks:
/// the expected calibration error of rows that were calibrated by the other rows is below that of the scores as they are.
///
/// Scores that separate the classes (an area under the ROC curve above 0.999) need none, and rows of one class tell nothing.
/// NannyML draws the parts with a seed of NumPy's, so near the border its answer may be another one.
pub fn needs_calibration(rows: &[(f64, bool)]) -> bool {
    let ranked = |(score, positive): &(f64, bool)| Seen {
        score: *score,
        chance: f64::from(u8::from(*positive)),
        predicted: false,
    };
    let mut whole = OneClass::default();
    rows.iter().for_each(|row| whole.push(ranked(row)));
    let area = value(Estimated::RocAuc, &mut [whole], Ties::Together);
    if area.is_nan() || area > 0.999 {
        return false;
    }
    let sorted = folds(rows);
    let plain: Vec<(f64, bool)> = sorted.iter().map(|(row, _)| *row).collect();
    let mut calibrated = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let others = sorted.iter().filter(|(_, of)| *of != fold).map(|((score, positive), _)| {
            let label = f64::from(u8::from(*positive));
            (*score, label)
        });
        let curve = IsotonicCurve::fit(others);
        let own = sorted.iter().filter(|(_, of)| *of == fold);
        calibrated.extend(own.map(|((score, positive), _)| (curve.at(*score), *positive)));
    }
    calibrated.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    error(&plain) > error(&calibrated)
}

/// The rows ascending by score, each with the part that it belongs to: every part has its share of each class.
fn folds(rows: &[(f64, bool)]) -> Vec<((f64, bool), usize)> {
    let mut random = Random::new(SEED);
    let mut sorted: Vec<((f64, bool), usize)> = Vec::with_capacity(rows.len());
    for class in [false, true] {
        let mut of_class: Vec<(f64, bool)> = rows.iter().copied().filter(|(_, positive)| *positive == class).collect();
        // Taking turns in the order of arrival would give rows that come in cycles the same part.
        random.shuffle(&mut of_class);
        sorted.extend(of_class.into_iter().zip((0..FOLDS).cycle()));
    }
    sorted.sort_by(|((one, _), _), ((other, _), _)| one.total_cmp(other));
    sorted
}

/// The expected calibration error of rows that ascend by probability: the mean distance between the mean probability and the
/// share of positive rows of each group. M. P. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities
/// Using Bayesian Binning", AAAI 2015.
fn error(ascending: &[(f64, bool)]) -> f64 {
    let rows = ascending.len();
    let bins = if rows <= 2 * BINS { rows / 2 } else { BINS };
    let Some(width) = rows.checked_div(bins) else { return 0.0 };
    // The last group takes in what is left over, as in NannyML.
    let groups = rows / width;
    let apart = |group: usize| {
        let end = if group + 1 == groups { rows } else { (group + 1) * width };
        let within = ascending.get(group * width..end).unwrap_or_default();
        let scores: f64 = within.iter().map(|(score, _)| score).sum();
        let positives = within.iter().filter(|(_, positive)| *positive).count() as f64;
        (scores - positives).abs() / rows as f64
    };
    (0..groups).map(apart).sum()
}
