//! Naive Bayes with counts.

use super::{answer, grow};
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// Multinomial naive Bayes: columns as counts, such as of words.
    ///
    /// Predicts a probability for each class. A missing value counts as 0, and so does a negative one. Memory: 8 bytes a column
    /// and class. Source: `naive_bayes.MultinomialNB` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, bayes::MultinomialNbSettings};
    /// let mut model = MultinomialNbSettings::default().build(&Signature::numeric(2));
    /// for (row, class) in [([2.0, 0.0], 0), ([1.0, 1.0], 0), ([0.0, 3.0], 1)] {
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[1.0, 0.0]), &mut out)?;
    /// assert!((out.row(0)[0] - (2.0 / 3.0 * 4.0 / 6.0) / (2.0 / 3.0 * 4.0 / 6.0 + 1.0 / 3.0 * 1.0 / 5.0)).abs() < 1e-12);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    MultinomialNbSettings {
        /// Rows imagined for each column, so that nothing is impossible, above 0. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        alpha: f64 = 1.0,
    }
}

impl MultinomialNbSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> MultinomialNb {
        MultinomialNb { settings: self.clone(), width: signature.width(), rows: 0.0, classes: Vec::new() }
    }
}

/// The model behind [`MultinomialNbSettings`].
#[derive(Debug, Clone)]
pub struct MultinomialNb {
    settings: MultinomialNbSettings,
    width: usize,
    rows: f64,
    classes: Vec<Class>,
}

#[derive(Debug, Clone, Default)]
struct Class {
    rows: f64,
    total: f64,
    counts: Vec<f64>,
}

stateful!(MultinomialNb, "multinomial_nb", 1: rows, classes);
stateful!(Class: rows, total, counts);
mergeable!(MultinomialNb);

/// The count of a value.
fn count(x: f64) -> f64 {
    if x.is_finite() { x.clamp(0.0, 1e12) } else { 0.0 }
}

impl Class {
    fn new(width: usize) -> Self {
        Self { rows: 0.0, total: 0.0, counts: vec![0.0; width] }
    }
}

impl MultinomialNb {
    /// Merges both; exact.
    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        grow(&mut self.classes, other.classes.len(), || Class::new(self.width));
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.rows += theirs.rows;
            mine.total += theirs.total;
            mine.counts.iter_mut().zip(&theirs.counts).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    fn log_joint(&self, class: &Class, row: &[f64]) -> f64 {
        let alpha = self.settings.alpha;
        let all = class.total + alpha * self.width as f64;
        let term = |(held, x): (&f64, &f64)| match count(*x) {
            0.0 => 0.0,
            times => times * libm::log((held + alpha) / all),
        };
        libm::log(class.rows / self.rows) + class.counts.iter().zip(row).map(term).sum::<f64>()
    }
}

impl ByRow for MultinomialNb {
    facts!(Classification, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let log_joint = |class: &Class| (class.rows > 0.0).then(|| self.log_joint(class, row));
        out.push_with(|votes| answer(votes, &self.classes, log_joint));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        grow(&mut self.classes, class + 1, || Class::new(self.width));
        self.rows += weight;
        if let Some(class) = self.classes.get_mut(class) {
            class.rows += weight;
            for (held, x) in class.counts.iter_mut().zip(row) {
                *held += weight * count(*x);
                class.total += weight * count(*x);
            }
        }
    }
}
