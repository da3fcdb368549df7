//! Naive Bayes with normal distributions.

use std::f64::consts::FRAC_1_PI;

use super::naive_bayes::{Likelihood, NaiveBayes, answer};
use crate::density::{Scale, distance, in_proportion, sum_to_one};
use crate::features::is_complete;
use crate::settings::component_settings;
use crate::{Signature, Stateful};

component_settings! {
    /// Gaussian naive Bayes: each column of each class as a normal distribution.
    ///
    /// Predicts a probability for each class. A missing value takes no part. Memory: 40 bytes a column and class. Source:
    /// `naive_bayes.GaussianNB` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, bayes::GaussianNbSettings};
    /// let mut model = GaussianNbSettings::default().build(&Signature::numeric(1));
    /// for (x, class) in [(1.0, 0), (2.0, 0), (3.0, 0), (11.0, 1), (12.0, 1), (13.0, 1)] {
    ///     model.learn(&Features::row(&[x]), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[2.0, 7.0], 1), &mut out)?;
    /// assert!(out.row(0)[0] > 0.999);
    /// assert_eq!(out.row(1), [0.5, 0.5]); // half way between
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    GaussianNbSettings {
        /// Added to each density, 0 or above, so that one column cannot rule a class out. With 0 a column that has not varied
        /// within a class takes no part, which is faster and often better. Default 1e-9, as in River.
        #[schemars(extend("minimum" = 0))]
        floor: f64 = 1e-9,
    }
}

impl GaussianNbSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> NaiveBayes<Self> {
        NaiveBayes::new(self, signature)
    }
}

/// The moments of each column, and the quantities derived from them for the density.
#[derive(Debug, Clone, Default)]
pub struct Class {
    rows: f64,
    count: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    /// 1/(2 variance), or 0 if it is undefined; derived from the others.
    inverse: Vec<f64>,
    /// Whether no value was missing so far, so that every count is the number of rows; derived from the others.
    whole: bool,
    /// The common factor of the densities; derived from the others.
    scale: Scale,
}

impl Stateful for Class {
    fn save(&self, to: &mut crate::StateWriter) {
        self.rows.save(to);
        [&self.count, &self.mean, &self.squares].into_iter().for_each(|list| list.save(to));
    }

    fn load(&mut self, from: &mut crate::StateReader<'_>) -> Result<(), crate::StateError> {
        self.rows.load(from)?;
        for list in [&mut self.count, &mut self.mean, &mut self.squares] {
            list.load(from)?;
        }
        self.inverse = vec![0.0; self.count.len()];
        self.whole = self.is_whole();
        self.scale();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.count.len() * 32
    }
}

/// ½ ln 2π.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

impl Class {
    fn new(width: usize) -> Self {
        let zeros = || vec![0.0; width];
        let (count, mean, squares, inverse) = (zeros(), zeros(), zeros(), zeros());
        Self { rows: 0.0, count, mean, squares, inverse, whole: true, scale: Scale::default() }
    }

    fn learn(&mut self, row: &[f64], weight: f64) {
        self.rows += weight;
        self.whole &= is_complete(row);
        if self.whole {
            self.learn_whole(row, weight);
        } else {
            self.learn_present(row, weight);
        }
        self.scale();
    }

    fn is_whole(&self) -> bool {
        self.count.iter().all(|count| *count == self.rows)
    }

    /// Without missing values all columns have the same count, and so the same share.
    fn learn_whole(&mut self, row: &[f64], weight: f64) {
        let share = if self.rows > 0.0 { weight / self.rows } else { 0.0 };
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(row) {
            let apart = x - *mean;
            *mean += share * apart;
            *squares += weight * apart * (x - *mean);
        }
        self.count.fill(self.rows);
    }

    fn learn_present(&mut self, row: &[f64], weight: f64) {
        let moments = self.count.iter_mut().zip(&mut self.mean).zip(&mut self.squares);
        // Columns without missing values have the same count, and so the same share.
        let (mut counted, mut share) = (0.0, 0.0);
        for (((count, mean), squares), x) in moments.zip(row).filter(|(_, x)| x.is_finite()) {
            *count += weight;
            if *count != counted {
                (counted, share) = (*count, weight / *count);
            }
            let apart = x - *mean;
            *mean += share * apart;
            *squares += weight * apart * (x - *mean);
        }
    }

    /// One division per column and one root for all of them: both are needed for every row.
    fn scale(&mut self) {
        for ((count, squares), inverse) in self.count.iter().zip(&self.squares).zip(&mut self.inverse) {
            let half = 0.5 * count / squares;
            *inverse = if half > 0.0 && half < f64::INFINITY { half } else { 0.0 };
        }
        self.scale = Scale::of(&self.inverse);
    }

    /// The logarithm of the density times the rows of the class.
    fn log_joint(&self, row: &[f64], complete: bool) -> f64 {
        if complete {
            return libm::log(self.rows) + self.scale.logarithm() - distance(row, &self.mean, &self.inverse);
        }
        let columns = row.iter().zip(&self.mean).zip(&self.inverse);
        let known = columns.filter(|((x, _), inverse)| x.is_finite() && **inverse > 0.0);
        let density = |((x, mean), inverse): ((&f64, &f64), &f64)| {
            0.5 * libm::log(2.0 * inverse) - HALF_LOG_TAU - (x - mean) * (x - mean) * inverse
        };
        libm::log(self.rows) + known.map(density).sum::<f64>()
    }

    /// The same with a term added to each density: one logarithm for as many columns as a product can hold.
    fn log_joint_above(&self, row: &[f64], floor: f64) -> f64 {
        let (mut product, mut sum) = (self.rows, 0.0);
        for ((x, mean), inverse) in row.iter().zip(&self.mean).zip(&self.inverse).filter(|((x, _), _)| x.is_finite()) {
            let exponent = (x - mean) * (x - mean) * inverse;
            // sqrt(inverse / pi) is 1 / sqrt(2 pi variance).
            product *= floor + crate::exponential::exp(-exponent) * (inverse * FRAC_1_PI).sqrt();
            if !(1e-250..=1e250).contains(&product) {
                sum += libm::log(product);
                product = 1.0;
            }
        }
        sum + libm::log(product)
    }

    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        let mine = self.count.iter_mut().zip(&mut self.mean).zip(&mut self.squares);
        let theirs = other.count.iter().zip(&other.mean).zip(&other.squares);
        for (((count, mean), squares), ((more, their_mean), their_squares)) in mine.zip(theirs) {
            let both = *count + more;
            if both > 0.0 {
                let apart = their_mean - *mean;
                *squares += their_squares + apart * apart * *count * more / both;
                *mean += apart * more / both;
                *count = both;
            }
        }
        self.whole = self.is_whole();
        self.scale();
    }
}

/// The densities for a complete row without a logarithm, up to a common factor; false if they exceed the range of floats.
fn joint(classes: &[Class], row: &[f64], votes: &mut Vec<f64>) -> bool {
    votes.clear();
    votes.extend(classes.iter().map(|class| match class.rows > 0.0 {
        true => distance(row, &class.mean, &class.inverse),
        false => f64::INFINITY,
    }));
    let factor = |class: &Class| class.scale.number().map(|scale| scale * class.rows);
    in_proportion(votes, |class| classes.get(class).and_then(factor))
}

impl Likelihood for GaussianNbSettings {
    const NAME: &'static str = "gaussian_nb";
    type Class = Class;

    fn class(width: usize) -> Class {
        Class::new(width)
    }

    fn learn(&self, class: &mut Class, row: &[f64], weight: f64) {
        class.learn(row, weight);
    }

    /// Merges both (Chan, Golub, LeVeque, 1979). Exact but for rounding.
    fn absorb(class: &mut Class, other: &Class) {
        class.absorb(other);
    }

    fn vote(&self, classes: &[Class], _: f64, row: &[f64], votes: &mut Vec<f64>) {
        let complete = is_complete(row);
        if self.floor == 0.0 && complete && joint(classes, row, votes) {
            return sum_to_one(votes);
        }
        let log_joint = |class: &Class| match self.floor {
            0.0 => class.log_joint(row, complete),
            floor => class.log_joint_above(row, floor),
        };
        answer(votes, classes, |class| (class.rows > 0.0).then(|| log_joint(class)));
    }
}
