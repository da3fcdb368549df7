//! Naive Bayes with binary columns.

use super::{answer, grow};
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Truth};

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
    pub fn build(&self, signature: &Signature) -> BernoulliNb {
        BernoulliNb { settings: self.clone(), width: signature.width(), rows: 0.0, classes: Vec::new() }
    }
}

/// The model behind [`BernoulliNbSettings`].
#[derive(Debug, Clone)]
pub struct BernoulliNb {
    settings: BernoulliNbSettings,
    width: usize,
    rows: f64,
    classes: Vec<Class>,
}

#[derive(Debug, Clone, Default)]
struct Class {
    rows: f64,
    /// By column: rows with a value, and rows with a true one.
    counts: Vec<(f64, f64)>,
}

stateful!(BernoulliNb, "bernoulli_nb", 1: rows, classes);
stateful!(Class: rows, counts);
mergeable!(BernoulliNb);

impl Class {
    fn new(width: usize) -> Self {
        Self { rows: 0.0, counts: vec![(0.0, 0.0); width] }
    }
}

impl BernoulliNb {
    /// Merges both; exact.
    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        grow(&mut self.classes, other.classes.len(), || Class::new(self.width));
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.rows += theirs.rows;
            for ((rows, yes), (more_rows, more_yes)) in mine.counts.iter_mut().zip(&theirs.counts) {
                *rows += more_rows;
                *yes += more_yes;
            }
        }
    }

    fn log_joint(&self, class: &Class, row: &[f64]) -> f64 {
        let alpha = self.settings.alpha;
        let known = class.counts.iter().zip(row).filter(|(_, x)| x.is_finite());
        let term = |((rows, yes), x): (&(f64, f64), &f64)| {
            let share = (yes + alpha) / (rows + 2.0 * alpha);
            libm::log(if *x > self.settings.true_threshold { share } else { 1.0 - share })
        };
        libm::log(class.rows / self.rows) + known.map(term).sum::<f64>()
    }
}

impl ByRow for BernoulliNb {
    facts!(Classification, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let log_joint = |class: &Class| (class.rows > 0.0).then(|| self.log_joint(class, row));
        out.push_with(|votes| answer(votes, &self.classes, log_joint));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class).map(|class| class as usize) else { return };
        grow(&mut self.classes, class + 1, || Class::new(self.width));
        self.rows += weight;
        let threshold = self.settings.true_threshold;
        if let Some(class) = self.classes.get_mut(class) {
            class.rows += weight;
            for ((rows, yes), x) in class.counts.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
                *rows += weight;
                *yes += if *x > threshold { weight } else { 0.0 };
            }
        }
    }
}
