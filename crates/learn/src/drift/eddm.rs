//! The early drift detection method.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// EDDM: tells when mistakes come too much closer together than they did at best; finds slow changes earlier than DDM.
    ///
    /// For errors: 1 is a mistake, 0 is right. Memory: 56 bytes. Source: M. Baena-García and others, "Early Drift Detection
    /// Method", 2006; `drift.binary.EDDM` of River.
    ///
    /// ```
    /// use gristmill_learn::drift::{Detector, EddmSettings, Signal};
    /// let mut eddm = EddmSettings::default().build();
    /// let alarms: Vec<u32> =
    ///     (0..1200).filter(|at| eddm.update(f64::from(at % 10 == 0 || *at >= 1000)) == Signal::Drift).collect();
    /// assert_eq!(alarms, [300, 1086]); // the same as River's, the early one included
    /// ```
    EddmSettings {
        /// How many values, and how many mistakes, must have come before the first alarm. Default 30.
        warm_start: u64 = 30,
        /// The share of the best distance below which it warns, in (0, 1). Default 0.95.
        #[schemars(range(min = 0, max = 1))]
        alpha: f64 = 0.95,
        /// The share of the best distance below which it raises an alarm, in (0, 1), at most `alpha`. Default 0.9.
        #[schemars(range(min = 0, max = 1))]
        beta: f64 = 0.9,
    }
}

impl EddmSettings {
    /// The detector.
    pub fn build(&self) -> Eddm {
        Eddm { settings: self.clone(), best: -1.0, ..Eddm::default() }
    }
}

/// The detector behind [`EddmSettings`].
#[derive(Debug, Clone, Default)]
pub struct Eddm {
    settings: EddmSettings,
    /// 0 stable, 1 warning, 2 drift: it lasts until the next mistake.
    signal: u64,
    count: u64,
    errors: u64,
    last_error: u64,
    mean: f64,
    squares: f64,
    best: f64,
}

stateful!(Eddm, "eddm", 1: signal, count, errors, last_error, mean, squares, best);

impl Detector for Eddm {
    fn watch(&mut self, value: f64) -> Signal {
        if self.signal == 2 {
            *self = self.settings.build();
        }
        self.count += 1;
        if value == 1.0 {
            self.errors += 1;
            let distance = (self.count - self.last_error) as f64;
            let apart = distance - self.mean;
            self.mean += apart / self.errors as f64;
            self.squares += apart * (distance - self.mean);
            if self.count > self.settings.warm_start {
                let variance = if self.errors > 1 { self.squares / (self.errors - 1) as f64 } else { 0.0 };
                let now = self.mean + 2.0 * variance.sqrt();
                if now > self.best {
                    self.best = now;
                } else if self.errors > self.settings.warm_start {
                    let level = now / self.best;
                    self.signal = match level {
                        _ if level < self.settings.beta => 2,
                        _ if level < self.settings.alpha => 1,
                        _ => 0,
                    };
                }
            }
            self.last_error = self.count;
        }
        match self.signal {
            0 => Signal::Stable,
            1 => Signal::Warning,
            _ => Signal::Drift,
        }
    }
}
