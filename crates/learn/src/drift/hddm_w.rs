//! Drift detection by McDiarmid's bound on weighted averages.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// HDDM-W: compares exponentially weighted averages before and after a moving cut, by McDiarmid's bound.
    ///
    /// For numbers in [0, 1]; good at slow changes. Memory: 160 bytes. Source: as `hddm_a`; `drift.binary.HDDMW` of River.
    ///
    /// ```
    /// use gristmill_learn::drift::{Detector, HddmWSettings, Signal};
    /// let mut hddm = HddmWSettings::default().build();
    /// let first = (0..2000).position(|index| hddm.update(f64::from(index % 10 == 0 || index >= 1000)) == Signal::Drift);
    /// assert_eq!(first, Some(1011));
    /// ```
    HddmWSettings {
        /// The chance of a false alarm, in (0, 1). Default 0.001.
        #[schemars(range(min = 0, max = 1))]
        drift_confidence: f64 = 0.001,
        /// The chance of a false warning, in (0, 1). Default 0.005.
        #[schemars(range(min = 0, max = 1))]
        warning_confidence: f64 = 0.005,
        /// The weight of the newest value, in (0, 1). Default 0.05.
        #[schemars(range(min = 0, max = 1))]
        lambda_val: f64 = 0.05,
        /// Whether a falling average counts, too. Default false.
        two_sided_test: bool = false,
    }
}

impl HddmWSettings {
    /// The detector.
    pub fn build(&self) -> HddmW {
        HddmW { settings: self.clone(), rise_from: f64::INFINITY, fall_from: f64::NEG_INFINITY, ..HddmW::default() }
    }
}

/// The detector behind [`HddmWSettings`].
#[derive(Debug, Clone, Default)]
pub struct HddmW {
    settings: HddmWSettings,
    drifted: bool,
    total: Weighted,
    before_rise: Weighted,
    after_rise: Weighted,
    before_fall: Weighted,
    after_fall: Weighted,
    rise_from: f64,
    fall_from: f64,
}

#[derive(Debug, Clone, Copy)]
struct Weighted {
    begun: bool,
    mean: f64,
    /// The sum of squared weights.
    squares: f64,
}

impl Default for Weighted {
    fn default() -> Self {
        Self { begun: false, mean: 0.0, squares: 1.0 }
    }
}

stateful!(HddmW, "hddm_w", 1:
    drifted, total, before_rise, after_rise, before_fall, after_fall, rise_from, fall_from);
stateful!(Weighted: begun, mean, squares);

impl Weighted {
    fn update(&mut self, value: f64, newest: f64) {
        self.mean = if self.begun { newest * value + (1.0 - newest) * self.mean } else { value };
        self.begun = true;
        self.squares = newest * newest + (1.0 - newest) * (1.0 - newest) * self.squares;
    }
}

fn bound(squares: f64, confidence: f64) -> f64 {
    (squares * libm::log(1.0 / confidence) / 2.0).sqrt()
}

/// Whether the second mean exceeds the first by more than chance.
fn above(first: Weighted, second: Weighted, confidence: f64) -> bool {
    first.begun && second.begun && second.mean - first.mean > bound(first.squares + second.squares, confidence)
}

impl Detector for HddmW {
    fn watch(&mut self, value: f64) -> Signal {
        if std::mem::take(&mut self.drifted) {
            *self = self.settings.build();
        }
        let newest = self.settings.lambda_val;
        self.total.update(value, newest);
        let reach = bound(self.total.squares, self.settings.drift_confidence);
        if self.total.mean + reach < self.rise_from {
            self.rise_from = self.total.mean + reach;
            (self.before_rise, self.after_rise) = (self.total, Weighted::default());
        } else {
            self.after_rise.update(value, newest);
        }
        let rises = |confidence: f64| above(self.before_rise, self.after_rise, confidence);
        let mut signal = match () {
            () if rises(self.settings.drift_confidence) => Signal::Drift,
            () if rises(self.settings.warning_confidence) => Signal::Warning,
            () => Signal::Stable,
        };
        if self.total.mean - reach > self.fall_from {
            self.fall_from = self.total.mean - reach;
            (self.before_fall, self.after_fall) = (self.total, Weighted::default());
        } else {
            self.after_fall.update(value, newest);
        }
        if self.settings.two_sided_test {
            let falls = |confidence: f64| above(self.after_fall, self.before_fall, confidence);
            if falls(self.settings.drift_confidence) {
                signal = Signal::Drift;
            } else if falls(self.settings.warning_confidence) {
                signal = signal.max(Signal::Warning);
            }
        }
        self.drifted = signal == Signal::Drift;
        signal
    }
}
