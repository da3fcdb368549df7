//! Drift detection by the Kolmogorov-Smirnov test.

use std::collections::VecDeque;

use super::{Detector, Signal};
use crate::random::Random;
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// KSWIN: compares the newest values of a window with a random sample of the older ones by the Kolmogorov-Smirnov test.
    ///
    /// For any numbers; finds changes of the whole distribution, not only of the mean. Memory: 8 bytes for each value of
    /// the window. Source: C. Raab, M. Heusinger, F.-M. Schleif, "Reactive Soft Prototype Computing for Concept Drift
    /// Streams", Neurocomputing 416 (2020); `drift.KSWIN` of River, whose sample is another.
    ///
    /// ```
    /// use gristmill_learn::drift::{Detector, KswinSettings, Signal};
    /// let mut kswin = KswinSettings { alpha: 1e-6, ..Default::default() }.build();
    /// let first = (0..2000_u32).position(|index| {
    ///     let value = f64::from(index * 7919 % 1000) / 1000.0;
    ///     kswin.update(if index < 1000 { value } else { value * 3.0 }) == Signal::Drift
    /// });
    /// assert!((1000..1030).contains(&first.unwrap()));
    /// ```
    KswinSettings {
        /// The probability below which the parts count as different, in (0, 1). It is asked at every value, so alarms
        /// without cause come about once in 1/alpha values. Default 0.005, as in River.
        #[schemars(range(min = 0, max = 1))]
        alpha: f64 = 0.005,
        /// The values of the window, 2 to 100,000. Default 100.
        #[schemars(range(min = 2, max = 100_000))]
        window_size: usize = 100,
        /// The newest values, and the sample's, at most half of the window. Default 30.
        #[schemars(range(min = 1, max = 50_000))]
        stat_size: usize = 30,
        /// The seed of the sample. Default 42.
        seed: u64 = 42,
    }
}

impl KswinSettings {
    /// The detector.
    pub fn build(&self) -> Kswin {
        let mut settings = self.clone();
        settings.window_size = settings.window_size.clamp(2, 100_000);
        settings.stat_size = settings.stat_size.clamp(1, settings.window_size / 2);
        Kswin { random: Random::new(settings.seed), settings, window: VecDeque::new() }
    }
}

/// The detector behind [`KswinSettings`].
#[derive(Debug, Clone)]
pub struct Kswin {
    settings: KswinSettings,
    random: Random,
    window: VecDeque<f64>,
}

stateful!(Kswin, "kswin", 1: random, window);

/// The largest distance between two samples of one size, in steps of one value.
fn distance(mut one: Vec<f64>, mut other: Vec<f64>) -> usize {
    one.sort_by(f64::total_cmp);
    other.sort_by(f64::total_cmp);
    let upto = |sorted: &[f64], value: f64| sorted.partition_point(|other| *other <= value);
    let apart = |value: &f64| upto(&one, *value).abs_diff(upto(&other, *value));
    one.iter().chain(&other).map(apart).max().unwrap_or(0)
}

/// The probability of at least this distance between two samples of `size` values of one distribution. Source: the
/// exact formula for equal sizes in `scipy.stats.ks_2samp`.
fn probability(size: usize, distance: usize) -> f64 {
    if distance == 0 {
        return 1.0;
    }
    let mut sum = 0.0;
    for wrap in (0..=size / distance).rev() {
        let reach = (wrap * distance) as f64;
        let terms =
            (0..distance).map(|step| (size as f64 - reach - step as f64) / (size as f64 + reach + step as f64 + 1.0));
        sum = terms.product::<f64>() * (1.0 - sum);
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

impl Detector for Kswin {
    fn watch(&mut self, value: f64) -> Signal {
        let KswinSettings { alpha, window_size, stat_size, .. } = self.settings;
        if self.window.len() == window_size {
            self.window.pop_front();
        }
        self.window.push_back(value);
        if self.window.len() < window_size {
            return Signal::Stable;
        }
        let older = window_size - stat_size;
        let mut sample: Vec<f64> = self.window.iter().take(older).copied().collect();
        self.random.choose(&mut sample, stat_size);
        sample.truncate(stat_size);
        let newest: Vec<f64> = self.window.iter().skip(older).copied().collect();
        let apart = distance(sample, newest.clone());
        if probability(stat_size, apart) <= alpha && apart as f64 > 0.1 * stat_size as f64 {
            self.window = newest.into();
            return Signal::Drift;
        }
        Signal::Stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_the_reference() {
        // scipy.stats.ks_2samp with two samples of 30.
        for (distance, expected) in [(6, 0.594071), (10, 0.070888), (14, 0.002530), (30, 1.69e-17)] {
            let found = probability(30, distance);
            assert!((found / expected - 1.0).abs() < 1e-2, "{distance}: {found} {expected}");
        }
        assert_eq!(distance(vec![1.0, 2.0, 3.0], vec![2.5, 3.5, 4.5]), 2);
    }
}
