//! Isotonic calibration.

use super::Seen;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// Isotonic calibration: the curve over the score in the last column that never falls and fits the labels best.
    ///
    /// Scores from 0 to 1 are counted in bins of equal width with the labels that came with them; the bins are pooled where they
    /// would fall (pool adjacent violators), and between their middles the curve is straight. Each bin begins with `prior` rows
    /// that say the score is right, so that a score stays as it is where no labels have come. A score that is missing is
    /// answered by the share of positives so far, and nothing is learned from it. Memory: 32 bytes a bin; the time of learning
    /// grows with the bins. Sources: B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass
    /// probability estimates", 2002; `CalibratedClassifierCV(method="isotonic")` of scikit-learn, which pools single rows.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature};
    /// use gristmill_learn::calibrate::IsotonicCalibrationSettings;
    /// let mut model = IsotonicCalibrationSettings::default().build(&Signature::numeric(1));
    /// // A score of 0.9 that is right in one case of two.
    /// for label in [1, 0].repeat(200) {
    ///     model.learn(&Features::row(&[0.905]), Labels::Classes(&[label]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[0.905]), &mut out)?;
    /// assert!((out.values()[0] - 0.5).abs() < 0.03);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    IsotonicCalibrationSettings {
        /// The number of bins, from 2 to 10,000. Default 100.
        #[schemars(range(min = 2, max = 10_000))]
        bins: usize = 100,
        /// For how many rows each bin counts before the first label, above 0. Default 1.
        #[schemars(extend("exclusiveMinimum" = 0))]
        prior: f64 = 1.0,
    }
}

impl IsotonicCalibrationSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> IsotonicCalibration {
        let bins = self.bins.max(2);
        let middle = |bin: usize| (bin as f64 + 0.5) / bins as f64;
        IsotonicCalibration {
            width: signature.width(),
            rows: vec![self.prior; bins].into(),
            scores: (0..bins).map(|bin| self.prior * middle(bin)).collect(),
            positives: (0..bins).map(|bin| self.prior * middle(bin)).collect(),
            curve: (0..bins).map(middle).collect(),
            seen: Seen::nothing(),
        }
    }
}

/// The model behind [`IsotonicCalibrationSettings`].
#[derive(Debug, Clone)]
pub struct IsotonicCalibration {
    width: usize,
    /// The weight of each bin's rows, the sum of their scores, and the weight of the positive ones.
    rows: Box<[f64]>,
    scores: Box<[f64]>,
    positives: Box<[f64]>,
    /// The height of the curve at the mean score of each bin.
    curve: Box<[f64]>,
    seen: Seen,
}

stateful!(IsotonicCalibration, "isotonic_calibration", 1: rows, scores, positives, curve, seen);

impl IsotonicCalibration {
    fn bin(&self, score: f64) -> usize {
        ((score * self.rows.len() as f64) as usize).min(self.rows.len() - 1)
    }

    fn middle(&self, bin: usize) -> Option<f64> {
        Some(self.scores.get(bin)? / self.rows.get(bin)?)
    }

    /// The height of the curve at a score.
    fn at(&self, score: f64) -> f64 {
        let bin = self.bin(score);
        let (Some(middle), Some(height)) = (self.middle(bin), self.curve.get(bin)) else { return score };
        let other = if score < middle { bin.checked_sub(1) } else { Some(bin + 1) };
        let point = other.and_then(|other| Some((self.middle(other)?, self.curve.get(other)?)));
        match point {
            Some((beyond, other)) if beyond != middle => {
                height + (other - height) * ((score - middle) / (beyond - middle)).clamp(0.0, 1.0)
            }
            _ => *height,
        }
    }

    /// Pools bins until none is below its predecessor.
    fn pool(&mut self) {
        // The pools so far: their weight, the weight of their positives, and their number of bins.
        let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(self.rows.len());
        for (rows, positives) in self.rows.iter().zip(&self.positives) {
            let mut pool = (*rows, *positives, 1);
            while let Some((rows, positives, bins)) =
                pools.pop_if(|(rows, positives, _)| *positives * pool.0 >= pool.1 * *rows)
            {
                pool = (pool.0 + rows, pool.1 + positives, pool.2 + bins);
            }
            pools.push(pool);
        }
        let heights = pools.into_iter().flat_map(|(rows, positives, bins)| std::iter::repeat_n(positives / rows, bins));
        self.curve.iter_mut().zip(heights).for_each(|(held, height)| *held = height);
    }
}

impl ByRow for IsotonicCalibration {
    facts!(BinaryClassification, takes_nominal; width: width);

    /// The other columns are ignored.
    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let score = row.last().copied().filter(|score| score.is_finite());
        let calibrated = |score: f64| self.at(score.clamp(0.0, 1.0)).clamp(0.0, 1.0);
        out.push(score.map_or_else(|| self.seen.share(), calibrated));
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(label) = self.seen.count(truth, weight, 1.0) else { return };
        let Some(score) = row.last().copied().filter(|score| score.is_finite()) else { return };
        let score = score.clamp(0.0, 1.0);
        let bin = self.bin(score);
        for (sums, added) in [(&mut self.rows, 1.0), (&mut self.scores, score), (&mut self.positives, label)] {
            if let Some(sum) = sums.get_mut(bin) {
                *sum += weight * added;
            }
        }
        self.pool();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Labels, Learner, Model};

    fn answers(model: &IsotonicCalibration) -> Vec<f64> {
        let mut out = Predictions::default();
        for score in 0..=50 {
            model.predict(&Features::row(&[f64::from(score) / 50.0]), &mut out).unwrap();
        }
        out.values().to_vec()
    }

    #[test]
    fn it_begins_as_it_is_and_never_falls() {
        let mut model = IsotonicCalibrationSettings { bins: 10, prior: 0.5 }.build(&Signature::numeric(1));
        let untrained = answers(&model);
        assert!(untrained[3..48].iter().zip(3..).all(|(share, score)| (share - f64::from(score) / 50.0).abs() < 1e-12));
        let mut seed = 7_u32;
        for _ in 0..500 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (score, label) =
                (f64::from(seed >> 8) / f64::from(1 << 24), u32::from(seed.count_ones().is_multiple_of(3)));
            model.learn(&Features::row(&[score]), Labels::Classes(&[label])).unwrap();
            let answers = answers(&model);
            assert!(answers.windows(2).all(|pair| pair[0] <= pair[1]), "{answers:?}");
        }
    }
}
