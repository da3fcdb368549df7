//! What the naive Bayes models share.

use crate::density::{from_logarithms, sum_to_one};
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Stateful, Truth};

/// What is kept of each class, and how probable it makes a row: the settings of a model say so.
pub trait Likelihood: Clone + Send + Sync {
    /// The name of the model.
    const NAME: &'static str;
    /// What is kept of a class.
    type Class: Stateful + Default + Clone + Send + Sync;
    /// A class without rows.
    fn class(width: usize) -> Self::Class;
    /// Learns a row of a class.
    fn learn(&self, class: &mut Self::Class, row: &[f64], weight: f64);
    /// Adds what another model has kept of a class.
    fn absorb(class: &mut Self::Class, other: &Self::Class);
    /// The probability of each class for a row, after so many rows.
    fn vote(&self, classes: &[Self::Class], rows: f64, row: &[f64], votes: &mut Vec<f64>);
}

/// The probability of each class, from the logarithm of its joint probability with the row; an unseen class has none.
pub(super) fn answer<Class>(votes: &mut Vec<f64>, classes: &[Class], log_joint: impl Fn(&Class) -> Option<f64>) {
    votes.clear();
    votes.extend(classes.iter().map(|class| log_joint(class).unwrap_or(f64::NEG_INFINITY)));
    from_logarithms(votes);
    sum_to_one(votes);
}

/// The model behind its settings.
#[derive(Debug, Clone)]
pub struct NaiveBayes<S: Likelihood> {
    settings: S,
    width: usize,
    rows: f64,
    classes: Vec<S::Class>,
}

stateful!(where [S: Likelihood] NaiveBayes<S>, S::NAME, 1: rows, classes);
mergeable!(where [S: Likelihood] NaiveBayes<S>);

impl<S: Likelihood> NaiveBayes<S> {
    pub(super) fn new(settings: &S, signature: &Signature) -> Self {
        Self { settings: settings.clone(), width: signature.width(), rows: 0.0, classes: Vec::new() }
    }

    fn grow(&mut self, count: usize) {
        if self.classes.len() < count {
            self.classes.resize_with(count, || S::class(self.width));
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        self.grow(other.classes.len());
        self.classes.iter_mut().zip(&other.classes).for_each(|(mine, theirs)| S::absorb(mine, theirs));
    }
}

impl<S: Likelihood> ByRow for NaiveBayes<S> {
    facts!(Classification, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_with(|votes| self.settings.vote(&self.classes, self.rows, row, votes));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        self.grow(class + 1);
        self.rows += weight;
        if let Some(class) = self.classes.get_mut(class) {
            self.settings.learn(class, row, weight);
        }
    }
}
