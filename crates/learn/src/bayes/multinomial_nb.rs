//! Naive Bayes with counts.

use super::naive_bayes::{Likelihood, NaiveBayes, answer};
use crate::Signature;
use crate::settings::component_settings;
use crate::state::stateful;

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
    pub fn build(&self, signature: &Signature) -> NaiveBayes<Self> {
        NaiveBayes::new(self, signature)
    }
}

/// What is kept of a class.
#[derive(Debug, Clone, Default)]
pub struct Class {
    rows: f64,
    total: f64,
    counts: Vec<f64>,
}

stateful!(Class: rows, total, counts);

/// The count of a value.
fn count(x: f64) -> f64 {
    if x.is_finite() { x.clamp(0.0, 1e12) } else { 0.0 }
}

impl Likelihood for MultinomialNbSettings {
    const NAME: &'static str = "multinomial_nb";
    type Class = Class;

    fn class(width: usize) -> Class {
        Class { rows: 0.0, total: 0.0, counts: vec![0.0; width] }
    }

    fn learn(&self, class: &mut Class, row: &[f64], weight: f64) {
        class.rows += weight;
        for (held, x) in class.counts.iter_mut().zip(row) {
            *held += weight * count(*x);
            class.total += weight * count(*x);
        }
    }

    fn absorb(class: &mut Class, other: &Class) {
        class.rows += other.rows;
        class.total += other.total;
        class.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
    }

    fn vote(&self, classes: &[Class], rows: f64, row: &[f64], votes: &mut Vec<f64>) {
        let log_joint = |class: &Class| {
            let all = class.total + self.alpha * class.counts.len() as f64;
            let term = |(held, x): (&f64, &f64)| match count(*x) {
                0.0 => 0.0,
                times => times * libm::log((held + self.alpha) / all),
            };
            libm::log(class.rows / rows) + class.counts.iter().zip(row).map(term).sum::<f64>()
        };
        answer(votes, classes, |class| (class.rows > 0.0).then(|| log_joint(class)));
    }
}
