//! The drift detection method.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// DDM: tells when the error rate has risen too far above its lowest.
    ///
    /// For errors: 1 is a mistake, 0 is right. Memory: 48 bytes. Source: J. Gama and others, "Learning with Drift
    /// Detection", SBIA 2004; `drift.binary.DDM` of River.
    ///
    /// ```
    /// use gristmill_learn::drift::{DdmSettings, Detector, Signal};
    /// let mut ddm = DdmSettings::default().build();
    /// let first = (0..2000).position(|index| ddm.update(f64::from(index % 10 == 0 || index >= 1000)) == Signal::Drift);
    /// assert_eq!(first, Some(1020));
    /// ```
    DdmSettings {
        /// How many values must have come before the first look. Default 30.
        warm_start: u64 = 30,
        /// Standard deviations above the lowest rate for a warning, above 0. Default 2.
        #[schemars(extend("exclusiveMinimum" = 0))]
        warning_threshold: f64 = 2.0,
        /// Standard deviations above the lowest rate for an alarm, above 0. Default 3.
        #[schemars(extend("exclusiveMinimum" = 0))]
        drift_threshold: f64 = 3.0,
    }
}

impl DdmSettings {
    /// The detector.
    pub fn build(&self) -> Ddm {
        Ddm { settings: self.clone(), least_spread: f64::INFINITY, ..Ddm::default() }
    }
}

/// The detector behind [`DdmSettings`].
#[derive(Debug, Clone, Default)]
pub struct Ddm {
    settings: DdmSettings,
    drifted: bool,
    count: u64,
    rate: f64,
    least_rate: f64,
    least_spread: f64,
}

stateful!(Ddm, "ddm", 1: drifted, count, rate, least_rate, least_spread);

impl Detector for Ddm {
    fn watch(&mut self, value: f64) -> Signal {
        if std::mem::take(&mut self.drifted) {
            *self = self.settings.build();
        }
        self.count += 1;
        self.rate += (value - self.rate) / self.count as f64;
        let spread = (self.rate * (1.0 - self.rate) / self.count as f64).max(0.0).sqrt();
        if self.count <= self.settings.warm_start {
            return Signal::Stable;
        }
        let now = self.rate + spread;
        if now <= self.least_rate + self.least_spread {
            (self.least_rate, self.least_spread) = (self.rate, spread);
        }
        self.drifted = now > self.least_rate + self.settings.drift_threshold * self.least_spread;
        let warned = now > self.least_rate + self.settings.warning_threshold * self.least_spread;
        match (self.drifted, warned) {
            (true, _) => Signal::Drift,
            (false, true) => Signal::Warning,
            (false, false) => Signal::Stable,
        }
    }
}
