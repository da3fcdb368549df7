//! Naive Bayes with binary columns.

use super::naive_bayes::{Likelihood, NaiveBayes, answer};
use crate::Signature;
use crate::settings::component_settings;
use crate::state::stateful;

component_settings! {
    /// Bernoulli naive Bayes: columns as yes or no.
    ///
    /// Predicts a probability for each class. A missing value takes no part. Memory: 16 bytes a column
    /// and class. Source: `naive_bayes.BernoulliNB` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, bayes::BernoulliNbSettings};
    /// let mut model = BernoulliNbSettings::default().build(&Signature::numeric(2));
    /// for (row, class) in [([1.0, 0.0], 0), ([1.0, 1.0], 0), ([0.0, 1.0], 1)] {
    ///     model.learn(&Features::row(&row), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[1.0, 0.0]), &mut out)?;
    /// let (zero, one) = (2.0 / 3.0 * 3.0 / 4.0 * 2.0 / 4.0, 1.0 / 3.0 * 1.0 / 3.0 * 1.0 / 3.0);
    /// assert!((out.row(0)[0] - zero / (zero + one)).abs() < 1e-12);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    BernoulliNbSettings {
        /// Rows imagined for each column, so that nothing is impossible, above 0. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        alpha: f64 = 1.0,
        /// The value above which a column counts as yes. Default 0.
        true_threshold: f64 = 0.0,
    }
}

impl BernoulliNbSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> NaiveBayes<Self> {
        NaiveBayes::new(self, signature)
    }
}

/// What is kept of a class.
#[derive(Debug, Clone, Default)]
pub struct Class {
    rows: f64,
    /// By column: rows with a value, and rows with a true one.
    counts: Vec<(f64, f64)>,
}

stateful!(Class: rows, counts);

impl Likelihood for BernoulliNbSettings {
    const NAME: &'static str = "bernoulli_nb";
    type Class = Class;

    fn class(width: usize) -> Class {
        Class { rows: 0.0, counts: vec![(0.0, 0.0); width] }
    }

    fn learn(&self, class: &mut Class, row: &[f64], weight: f64) {
        class.rows += weight;
        for ((rows, yes), x) in class.counts.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            *rows += weight;
            *yes += if *x > self.true_threshold { weight } else { 0.0 };
        }
    }

    fn absorb(class: &mut Class, other: &Class) {
        class.rows += other.rows;
        for ((rows, yes), (more_rows, more_yes)) in class.counts.iter_mut().zip(&other.counts) {
            *rows += more_rows;
            *yes += more_yes;
        }
    }

    fn vote(&self, classes: &[Class], rows: f64, row: &[f64], votes: &mut Vec<f64>) {
        let log_joint = |class: &Class| {
            let known = class.counts.iter().zip(row).filter(|(_, x)| x.is_finite());
            let term = |((rows, yes), x): (&(f64, f64), &f64)| {
                let share = (yes + self.alpha) / (rows + 2.0 * self.alpha);
                libm::log(if *x > self.true_threshold { share } else { 1.0 - share })
            };
            libm::log(class.rows / rows) + known.map(term).sum::<f64>()
        };
        answer(votes, classes, |class| (class.rows > 0.0).then(|| log_joint(class)));
    }
}
