//! Drift detection by Hoeffding's bound on averages.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// HDDM-A: compares the average before a moving cut with that of everything, by Hoeffding's bound.
    ///
    /// For numbers in [0, 1]; good at sudden changes. Memory: 64 bytes. Source: I. Frías-Blanco and others, "Online and
    /// Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds", TKDE 27 (2015); `drift.binary.HDDMA` of River.
    ///
    /// ```
    /// use gristmill_learn::drift::{Detector, HddmASettings, Signal};
    /// let mut hddm = HddmASettings::default().build();
    /// let first = (0..2000).position(|index| hddm.update(f64::from(index % 10 == 0 || index >= 1000)) == Signal::Drift);
    /// assert_eq!(first, Some(1004));
    /// ```
    HddmASettings {
        /// The chance of a false alarm, in (0, 1). Default 0.001.
        #[schemars(range(min = 0, max = 1))]
        drift_confidence: f64 = 0.001,
        /// The chance of a false warning, in (0, 1). Default 0.005.
        #[schemars(range(min = 0, max = 1))]
        warning_confidence: f64 = 0.005,
        /// Whether a falling average counts, too. Default false.
        two_sided_test: bool = false,
    }
}

impl HddmASettings {
    /// The detector.
    pub fn build(&self) -> HddmA {
        HddmA { settings: self.clone(), ..HddmA::default() }
    }
}

/// The detector behind [`HddmASettings`].
#[derive(Debug, Clone, Default)]
pub struct HddmA {
    settings: HddmASettings,
    drifted: bool,
    least: Average,
    most: Average,
    all: Average,
}

#[derive(Debug, Clone, Copy, Default)]
struct Average {
    count: f64,
    mean: f64,
}

stateful!(HddmA, "hddm_a", 1: drifted, least, most, all);
stateful!(Average: count, mean);

impl HddmA {
    fn bound(&self, average: Average) -> f64 {
        (1.0 / (2.0 * average.count) * libm::log(1.0 / self.settings.drift_confidence)).sqrt()
    }

    /// Whether `change`, from a cut to everything, exceeds chance.
    fn beyond(&self, cut: Average, change: f64, confidence: f64) -> bool {
        if cut.count == self.all.count {
            return false;
        }
        let share = (self.all.count - cut.count) / cut.count * (1.0 / self.all.count);
        change >= (share / 2.0 * libm::log(2.0 / confidence)).sqrt()
    }
}

impl Detector for HddmA {
    fn watch(&mut self, value: f64) -> Signal {
        if std::mem::take(&mut self.drifted) {
            *self = self.settings.build();
        }
        self.all.count += 1.0;
        self.all.mean += (value - self.all.mean) / self.all.count;
        for cut in [&mut self.least, &mut self.most] {
            if cut.count == 0.0 {
                *cut = self.all;
            }
        }
        let bound = self.bound(self.all);
        if self.least.mean + self.bound(self.least) >= self.all.mean + bound {
            self.least = self.all;
        }
        if self.most.mean - self.bound(self.most) <= self.all.mean - bound {
            self.most = self.all;
        }
        let (up, down) = (self.all.mean - self.least.mean, self.most.mean - self.all.mean);
        let both = self.settings.two_sided_test;
        let beyond = |confidence: f64| {
            self.beyond(self.least, up, confidence) || both && self.beyond(self.most, down, confidence)
        };
        let signal = match () {
            () if beyond(self.settings.drift_confidence) => Signal::Drift,
            () if beyond(self.settings.warning_confidence) => Signal::Warning,
            () => Signal::Stable,
        };
        self.drifted = signal == Signal::Drift;
        signal
    }
}
