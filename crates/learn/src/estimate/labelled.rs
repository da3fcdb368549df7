//! Rows with their labels, the newest of them.

use std::collections::VecDeque;

use super::one_class::{OneClass, Seen};
use crate::state::stateful;
use crate::traits::Prediction;

/// What a classifier said of a row: the score of the positive class, or of each class.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    pub(super) scores: Vec<f64>,
    pub(super) predicted: u32,
}

stateful!(Said: scores, predicted);

impl Said {
    /// What was said; nothing of a row without a prediction.
    pub(super) fn of(prediction: Prediction<'_>) -> Option<Self> {
        let scores = match prediction {
            _ if !is_said(prediction) => return None,
            Prediction::Number(score) => vec![score],
            other => other.numbers().to_vec(),
        };
        Some(Self { scores, predicted: prediction.class()? })
    }

    fn score(&self, class: usize) -> f64 {
        self.scores.get(class).copied().unwrap_or(0.0)
    }
}

/// Whether there is a prediction that can be estimated.
pub(super) fn is_said(prediction: Prediction<'_>) -> bool {
    match prediction {
        Prediction::Number(number) => number.is_finite(),
        Prediction::Classes(scores) => !scores.is_empty() && scores.iter().all(|score| score.is_finite()),
        Prediction::Distances(_) => false,
    }
}

/// A row and its class.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Labelled {
    pub(super) said: Said,
    pub(super) truth: u32,
}

stateful!(Labelled: said, truth);

/// How many classes there are among rows, and which they are: one score a row is that of class 1 against class 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Classes(usize);

impl Classes {
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a Said>) -> Self {
        Self(rows.map(|row| row.scores.len()).max().unwrap_or(0))
    }

    pub(super) fn number(self) -> usize {
        self.0
    }

    /// Whether each class has a score.
    pub(super) fn many(self) -> bool {
        self.0 > 1
    }

    /// The class whose score is at this place.
    fn class(self, place: usize) -> u32 {
        if self.many() { place as u32 } else { 1 }
    }

    /// Rows as each class sees them, with the probability of each class.
    pub(super) fn see<'a>(self, rows: impl Iterator<Item = (&'a Said, Vec<f64>)>) -> Vec<OneClass> {
        let mut classes = vec![OneClass::default(); self.0];
        for (said, chances) in rows {
            for (place, class) in classes.iter_mut().enumerate() {
                let chance = chances.get(place).copied().unwrap_or(0.0);
                let predicted = said.predicted == self.class(place);
                class.push(Seen { score: said.score(place), chance, predicted });
            }
        }
        classes
    }

    /// Rows whose labels are known: the probability of a class is 1 or 0.
    pub(super) fn known<'a>(self, rows: impl Iterator<Item = &'a Labelled>) -> Vec<OneClass> {
        let chances = |truth: u32| (0..self.0).map(|place| f64::from(u8::from(self.class(place) == truth))).collect();
        self.see(rows.map(|row| (&row.said, chances(row.truth))))
    }
}

/// The scores of a class in rows with labels, and whether each is of it, in the order in which the rows came.
pub(super) fn column(rows: &VecDeque<Labelled>, classes: Classes, place: usize) -> Vec<(f64, bool)> {
    rows.iter().map(|row| (row.said.score(place), row.truth == classes.class(place))).collect()
}
