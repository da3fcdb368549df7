//! The Page-Hinkley test.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

/// In which direction a change is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageHinkleyMode {
    /// Larger values.
    Up,
    /// Smaller values.
    Down,
    /// Either.
    #[default]
    Both,
}

settings! {
    /// The Page-Hinkley test: adds up how far values are from their mean, and tells when the sum has turned too far.
    ///
    /// For any numbers. Memory: 48 bytes. Source: E. S. Page, "Continuous Inspection Schemes", 1954; `drift.PageHinkley`
    /// of River.
    ///
    /// ```
    /// use gristmill_learn::drift::{Detector, PageHinkleySettings, Signal};
    /// let mut test = PageHinkleySettings::default().build();
    /// let first = (0..2000).position(|index| test.update(if index < 1000 { 0.0 } else { 1.0 }) == Signal::Drift);
    /// assert_eq!(first, Some(1051));
    /// ```
    PageHinkleySettings {
        /// How many values must have come before the first alarm. Default 30.
        min_instances: u64 = 30,
        /// The change that is tolerated, 0 or above, in the values' unit. Default 0.005.
        #[schemars(extend("minimum" = 0))]
        delta: f64 = 0.005,
        /// How far the sum may turn, above 0. Default 50.
        #[schemars(extend("exclusiveMinimum" = 0))]
        threshold: f64 = 50.0,
        /// How much of the sum is kept at each value, in (0, 1]. Default 0.9999.
        #[schemars(range(min = 0, max = 1))]
        alpha: f64 = 1.0 - 0.0001,
        /// In which direction a change is looked for. Default `both`.
        mode: PageHinkleyMode = PageHinkleyMode::Both,
    }
}

impl PageHinkleySettings {
    /// The detector.
    pub fn build(&self) -> PageHinkley {
        PageHinkley { settings: self.clone(), least: f64::INFINITY, most: -1.0, ..PageHinkley::default() }
    }
}

/// The detector behind [`PageHinkleySettings`].
#[derive(Debug, Clone, Default)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    drifted: bool,
    count: u64,
    mean: f64,
    increase: f64,
    decrease: f64,
    least: f64,
    most: f64,
}

stateful!(PageHinkley, "page_hinkley", 1: drifted, count, mean, increase, decrease, least, most);

impl Detector for PageHinkley {
    fn watch(&mut self, value: f64) -> Signal {
        if std::mem::take(&mut self.drifted) {
            *self = self.settings.build();
        }
        let PageHinkleySettings { min_instances, delta, threshold, alpha, mode } = self.settings;
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
        let apart = value - self.mean;
        self.increase = alpha * self.increase + apart - delta;
        self.decrease = alpha * self.decrease + apart + delta;
        self.least = self.least.min(self.increase);
        self.most = self.most.max(self.decrease);
        if self.count >= min_instances {
            let up = self.increase - self.least > threshold && mode != PageHinkleyMode::Down;
            let down = self.most - self.decrease > threshold && mode != PageHinkleyMode::Up;
            self.drifted = up || down;
        }
        if self.drifted { Signal::Drift } else { Signal::Stable }
    }
}
