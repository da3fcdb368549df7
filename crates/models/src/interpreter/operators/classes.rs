//! Shared by classifiers: their classes, and the transformations of scores.

use std::sync::Arc;

use crate::ReadError;
use crate::graph::{Data, Fault, Node, Tensor};
use crate::interpreter::Making;

/// The classes of a classifier, numbers or texts.
#[derive(Debug, Clone)]
pub(super) struct Classes(Data);

impl Classes {
    pub(super) fn of(node: &Node) -> Self {
        let texts = node.texts("classlabels_strings");
        if !texts.is_empty() {
            return Self(Data::Text(texts.iter().map(|text| Arc::from(text.as_str())).collect()));
        }
        // The operators of the set do not agree on a name.
        let ints = [node.ints("classlabels_int64s"), node.ints("classlabels_ints")].concat();
        Self(Data::Int(ints))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The classes at these places, as a list.
    pub(super) fn labels(&self, places: &[usize]) -> Result<Tensor, Fault> {
        let labels = self.0.pick(places.iter().copied());
        Tensor::new(vec![places.len()], labels)
    }

    /// The label and the scores of each row, from its sums: one for each class, or a single one for two classes.
    pub(super) fn decided<'a>(
        &self,
        rows: usize,
        sums: impl Iterator<Item = &'a [f64]>,
        all_positive: bool,
        finish: Finish,
    ) -> Result<Vec<Tensor>, Fault> {
        let (mut labels, mut all) = (Vec::with_capacity(rows), Vec::with_capacity(rows * self.count()));
        for row in sums {
            match row {
                [score] if self.count() == 2 => {
                    let (pair, wins) = both(*score, all_positive, finish);
                    labels.push(wins);
                    all.extend(pair);
                }
                row => {
                    labels.push(largest(row));
                    let start = all.len();
                    all.extend_from_slice(row);
                    finish.apply(all.get_mut(start..).unwrap_or_default());
                }
            }
        }
        Ok(vec![self.labels(&labels)?, scores(rows, self.count(), &all)?])
    }
}

/// The transformation of a row's scores (`post_transform`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    None,
    Softmax,
    SoftmaxZero,
    Logistic,
    Probit,
}

impl Finish {
    pub(super) fn of(making: &Making<'_>) -> Result<Self, ReadError> {
        match making.node.text("post_transform").unwrap_or("NONE") {
            "NONE" => Ok(Self::None),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "LOGISTIC" => Ok(Self::Logistic),
            "PROBIT" => Ok(Self::Probit),
            other => Err(making.wrong(format!("ends with {other:?}, which is not supported"))),
        }
    }

    pub(super) fn apply(self, row: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Softmax => shares(row, |_| true),
            // A class with a score of 0 gets no share.
            Self::SoftmaxZero => shares(row, |x| x != 0.0),
            Self::Logistic => row.iter_mut().for_each(|x| *x = logistic(*x)),
            Self::Probit => row.iter_mut().for_each(|x| *x = probit(*x)),
        }
    }
}

pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn shares(row: &mut [f64], takes_part: impl Fn(f64) -> bool) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().filter(|x| takes_part(**x)).map(|x| (x - most).exp()).sum();
    row.iter_mut().filter(|x| takes_part(**x)).for_each(|x| *x = (*x - most).exp() / sum);
}

/// Winitzki's approximation, which ONNX Runtime uses.
fn probit(x: f64) -> f64 {
    let y = 2.0 * x - 1.0;
    let log = ((1.0 - y) * (1.0 + y)).ln();
    let v = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * log;
    let root = (-v + (v * v - log / 0.147).sqrt()).sqrt();
    std::f64::consts::SQRT_2 * if y < 0.0 { -root } else { root }
}

/// Scores of a classifier that stores one number for two classes: both, and the index of the winning class.
///
/// The signs of its weights determine what the number is: if all are positive, a probability, which wins above a half;
/// else a margin, which wins above zero. ONNX Runtime does this, and converters rely on it.
pub(super) fn both(score: f64, all_positive: bool, finish: Finish) -> ([f64; 2], usize) {
    let wins = usize::from(score > if all_positive { 0.5 } else { 0.0 });
    let scores = match (finish, all_positive) {
        (Finish::Logistic, true) => [1.0 - logistic(score), logistic(score)],
        (Finish::Logistic, false) => [logistic(-score), logistic(score)],
        (Finish::Probit, _) => [probit(-score), probit(score)],
        (_, true) => [1.0 - score, score],
        (_, false) => [-score, score],
    };
    (scores, wins)
}

/// The index of the largest; the first of equal ones.
pub(super) fn largest(row: &[f64]) -> usize {
    let better = |best: usize, place: usize| row.get(place) > row.get(best);
    (0..row.len()).fold(0, |best, place| if better(best, place) { place } else { best })
}

/// Scores in single precision, one row of scores per input row.
pub(super) fn scores(rows: usize, width: usize, scores: &[f64]) -> Result<Tensor, Fault> {
    Tensor::new(vec![rows, width], Data::Float(scores.iter().map(|x| *x as f32).collect()))
}
