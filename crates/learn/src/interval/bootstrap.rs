//! The interval of any metric.

use super::Interval;
use crate::metric::Metric;
use crate::random::{Poisson, Random};
use crate::settings::settings;
use crate::{Prediction, StateError, StateReader, StateWriter, Stateful, Truth};

settings! {
    /// The bootstrap: what a metric would be on other rows like these.
    ///
    /// Each of `replicates` copies of the metric counts each row as often as a Poisson number of mean 1 says, so it is a
    /// sample of the rows with replacement that need not know their number. Memory: that of `replicates` metrics. Source: N.
    /// Chamandy, O. Muralidharan, A. Najmi, S. Naidu, "Estimating Uncertainty for Massive Data Streams", Google, 2012;
    /// `scipy.stats.bootstrap(method="percentile")` draws a fixed number of rows instead.
    BootstrapSettings {
        /// The number of copies of the metric, 20 to 10,000; more are more exact and slower. Default 200.
        #[schemars(range(min = 20, max = 10_000))]
        replicates: usize = 200,
        /// The seed of everything random. Default 42.
        seed: u64 = 42,
    }
}

/// Copies of one metric, each over its own sample of the rows.
pub struct Bootstrap {
    random: Random,
    poisson: Poisson,
    rows: u64,
    replicates: Box<[Box<dyn Metric>]>,
}

impl BootstrapSettings {
    /// The bootstrap of a metric.
    ///
    /// ```
    /// use gristmill_learn::{Truth, interval::BootstrapSettings, metric::AccuracySettings};
    /// let mut bootstrap = BootstrapSettings::default().build(&|| Box::new(AccuracySettings::default().whole()));
    /// for row in 0..1000 {
    ///     bootstrap.update(Truth::Class(u32::from(row % 10 < 8)), 0.9.into());
    /// }
    /// let interval = bootstrap.interval(0.95);
    /// assert!(0.76 < interval.low && interval.low < 0.8 && 0.8 < interval.high && interval.high < 0.84);
    /// ```
    pub fn build(&self, make: &dyn Fn() -> Box<dyn Metric>) -> Bootstrap {
        let replicates = (0..self.replicates.max(1)).map(|_| make()).collect();
        Bootstrap { random: Random::new(self.seed), poisson: Poisson::new(1.0), rows: 0, replicates }
    }
}

impl Bootstrap {
    /// Counts a row in each sample as often as it is drawn. Two models are compared by two bootstraps of one seed that are
    /// given the same rows: then the samples are the same.
    pub fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        self.rows += 1;
        for metric in &mut self.replicates {
            let times = self.poisson.draw(&mut self.random);
            (0..times).for_each(|_| metric.update(truth, prediction));
        }
    }

    /// The rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The metric's value in each sample; NaN in one without rows.
    pub fn values(&self) -> Vec<f64> {
        let value = |metric: &dyn Metric| if metric.rows() == 0 { f64::NAN } else { metric.value() };
        self.replicates.iter().map(|metric| value(metric.as_ref())).collect()
    }

    /// The middle part of the values, at a level of confidence in (0, 1).
    pub fn interval(&self, level: f64) -> Interval {
        percentiles(self.values(), level)
    }

    /// The middle part of the differences to another model's values over the same rows; unknown if they are not the same.
    pub fn difference(&self, other: &Self, level: f64) -> Interval {
        if self.random != other.random || self.rows != other.rows || self.replicates.len() != other.replicates.len() {
            return Interval::UNKNOWN;
        }
        let values = self.values().into_iter().zip(other.values());
        percentiles(values.map(|(one, other)| one - other).collect(), level)
    }
}

/// Where the middle part of values begins and ends, between two values by interpolation; those that are not finite do not
/// count.
fn percentiles(mut values: Vec<f64>, level: f64) -> Interval {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share.clamp(0.0, 1.0) * values.len().saturating_sub(1) as f64;
        let below = values.get(place.floor() as usize).copied().unwrap_or(f64::NAN);
        let above = values.get(place.ceil() as usize).copied().unwrap_or(f64::NAN);
        below + (above - below) * place.fract()
    };
    Interval { low: at((1.0 - level) / 2.0), high: at((1.0 + level) / 2.0) }
}

impl Stateful for Bootstrap {
    fn save(&self, to: &mut StateWriter) {
        to.begin("bootstrap", 1);
        self.random.save(to);
        self.rows.save(to);
        to.u64(self.replicates.len() as u64);
        self.replicates.iter().for_each(|metric| metric.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("bootstrap", 1)?;
        self.random.load(from)?;
        self.rows.load(from)?;
        let replicates = from.u64()?;
        if replicates != self.replicates.len() as u64 {
            let why = format!("it has {replicates} replicates, this one has {}", self.replicates.len());
            return Err(StateError::Unfit { component: "bootstrap".into(), why });
        }
        self.replicates.iter_mut().try_for_each(|metric| metric.load(from))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.replicates.iter().map(|metric| metric.size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::delong::tests::rows;
    use super::*;
    use crate::metric::{AccuracySettings, RocAucSettings};

    fn pair(make: &dyn Fn() -> Box<dyn Metric>) -> [Bootstrap; 2] {
        let settings = BootstrapSettings { replicates: 2_000, seed: 7 };
        let mut both = [settings.build(make), settings.build(make)];
        for (first, second, positive) in rows() {
            for (bootstrap, score) in both.iter_mut().zip([first, second]) {
                bootstrap.update(Truth::Class(u32::from(positive)), score.into());
            }
        }
        both
    }

    fn close(found: Interval, low: f64, high: f64) {
        // 2,000 samples place the ends within a few hundredths of the width, and a Poisson number of rows widens it a little.
        let most = 0.1 * (high - low);
        assert!((found.low - low).abs() < most && (found.high - high).abs() < most, "{found:?}, {low} {high}");
    }

    /// `scipy.stats.bootstrap(…, n_resamples=9999, method="percentile")` of SciPy 1.17.1, of each metric and of the
    /// difference of two models on the same rows (`paired=True`).
    #[test]
    fn intervals_are_near_scipys() {
        let [first, second] = pair(&|| Box::new(RocAucSettings::default().whole()));
        close(first.interval(0.95), 0.640480, 0.782813);
        close(first.difference(&second, 0.95), -0.061158, 0.156993);
        let [first, second] = pair(&|| Box::new(AccuracySettings::default().whole()));
        close(first.interval(0.95), 0.58, 0.71);
        close(first.difference(&second, 0.95), -0.07, 0.13);
    }

    #[test]
    fn a_saved_one_goes_on_and_other_rows_are_not_compared() {
        let make: &dyn Fn() -> Box<dyn Metric> = &|| Box::new(AccuracySettings::default().whole());
        let [mut first, second] = pair(make);
        let saved = StateWriter::of(&first);
        let mut loaded = BootstrapSettings { replicates: 2_000, seed: 7 }.build(make);
        StateReader::into(&saved, &mut loaded).unwrap();
        for bootstrap in [&mut first, &mut loaded] {
            bootstrap.update(Truth::Class(1), 0.9.into());
        }
        assert_eq!(StateWriter::of(&first), StateWriter::of(&loaded));
        assert!(first.difference(&second, 0.95).low.is_nan());
        assert!(StateReader::into(&saved, &mut BootstrapSettings::default().build(make)).is_err());
        assert!(BootstrapSettings::default().build(make).interval(0.95).low.is_nan());
    }
}
