//! Adaptive windowing.

use super::{Detector, Signal};
use crate::settings::settings;
use crate::state::stateful;

settings! {
    /// ADWIN: keeps a window that shrinks when the means of its older and its newer part differ.
    ///
    /// Works for any numbers of a bounded range. Memory: 16 bytes for each of at most `max_buckets` + 1 buckets of every
    /// power of two up to the window's length. Source: A. Bifet, R. Gavaldà, "Learning from Time-Changing Data with
    /// Adaptive Windowing", SDM 2007; `drift.ADWIN` of River, whose alarms come at the same values.
    ///
    /// ```
    /// use gristmill_learn::drift::{AdwinSettings, Detector, Signal};
    /// let mut adwin = AdwinSettings::default().build();
    /// let signals = (0..2000).map(|index| adwin.update(if index < 1000 { 0.0 } else { 1.0 }));
    /// let alarms: Vec<usize> = signals.enumerate().filter(|(_, signal)| *signal == Signal::Drift).map(|(at, _)| at).collect();
    /// assert_eq!(alarms, [1023]);
    /// ```
    AdwinSettings {
        /// The chance of a false alarm, in (0, 1). Default 0.002.
        #[schemars(range(min = 0, max = 1))]
        delta: f64 = 0.002,
        /// How many values pass between two looks, 1 or more. Default 32.
        #[schemars(range(min = 1))]
        clock: u64 = 32,
        /// Buckets of one size that are kept, 1 to 100; more are more exact and slower. Default 5.
        #[schemars(range(min = 1, max = 100))]
        max_buckets: usize = 5,
        /// The shortest part of the window that is compared, 1 or more. Default 5.
        #[schemars(range(min = 1))]
        min_window_length: u64 = 5,
        /// How many values must have come before the first look. Default 10.
        grace_period: u64 = 10,
    }
}

impl AdwinSettings {
    /// The detector.
    pub fn build(&self) -> Adwin {
        let mut settings = self.clone();
        settings.max_buckets = settings.max_buckets.clamp(1, 100);
        settings.clock = settings.clock.max(1);
        Adwin { settings, drifted: false, ticks: 0, width: 0.0, total: 0.0, variance: 0.0, rows: Vec::new() }
    }
}

/// The detector behind [`AdwinSettings`].
#[derive(Debug, Clone)]
pub struct Adwin {
    settings: AdwinSettings,
    drifted: bool,
    ticks: u64,
    width: f64,
    total: f64,
    variance: f64,
    /// Row r holds buckets of 2^r values, the oldest first.
    rows: Vec<Vec<Bucket>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    total: f64,
    variance: f64,
}

stateful!(Adwin, "adwin", 1: drifted, ticks, width, total, variance, rows);
stateful!(Bucket: total, variance);

fn square(x: f64) -> f64 {
    x * x
}

impl Adwin {
    /// The mean of the window; 0 while it is empty.
    pub fn estimation(&self) -> f64 {
        if self.width > 0.0 { self.total / self.width } else { 0.0 }
    }

    /// The values in the window.
    pub fn width(&self) -> f64 {
        self.width
    }

    fn insert(&mut self, value: f64) {
        self.width += 1.0;
        if self.width > 1.0 {
            self.variance += (self.width - 1.0) * square(value - self.total / (self.width - 1.0)) / self.width;
        }
        self.total += value;
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        if let Some(row) = self.rows.first_mut() {
            row.push(Bucket { total: value, variance: 0.0 });
        }
        self.compress();
    }

    /// Merges two buckets into one of the next row wherever a row is too long.
    fn compress(&mut self) {
        let mut size = 1.0;
        for index in 0.. {
            let Some(row) = self.rows.get_mut(index).filter(|row| row.len() > self.settings.max_buckets) else {
                return;
            };
            let [first, second] = [0, 1].map(|at| row.get(at).copied().unwrap_or_default());
            row.drain(..2);
            let apart = square(first.total / size - second.total / size);
            let variance = first.variance + second.variance + size * size * apart / (size + size);
            if index + 1 == self.rows.len() {
                self.rows.push(Vec::new());
            }
            if let Some(next) = self.rows.get_mut(index + 1) {
                next.push(Bucket { total: first.total + second.total, variance });
            }
            size *= 2.0;
        }
    }

    /// Drops the oldest bucket.
    fn forget(&mut self) {
        let size = libm::exp2((self.rows.len() as f64) - 1.0);
        let Some(bucket) = self.rows.last_mut().map(|row| row.remove(0)) else { return };
        self.width -= size;
        self.total -= bucket.total;
        let apart = square(bucket.total / size - self.total / self.width);
        self.variance -= bucket.variance + size * self.width * apart / (size + self.width);
        if self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
    }

    /// Whether some cut leaves two parts whose means differ too much.
    fn differs(&self) -> bool {
        let least = self.settings.min_window_length as f64;
        let (mut old, mut old_total) = (0.0, 0.0);
        let (mut new, mut new_total) = (self.width, self.total);
        let delta = libm::log(2.0 * libm::log(self.width) / self.settings.delta);
        let spread = 2.0 * (self.variance / self.width) * delta;
        for (index, row) in self.rows.iter().enumerate().rev() {
            let size = (1_u64 << index) as f64;
            for bucket in row {
                old += size;
                new -= size;
                old_total += bucket.total;
                new_total -= bucket.total;
                // There is nothing after the newest bucket: 0 is less than `min_window_length`, unless that is 0.
                if new < least || old < least || new <= 0.0 {
                    continue;
                }
                let apart = (old_total / old - new_total / new).abs();
                let share = 1.0 / (old - least + 1.0) + 1.0 / (new - least + 1.0);
                if apart > (spread * share).sqrt() + 2.0 / 3.0 * delta * share {
                    return true;
                }
            }
        }
        false
    }
}

impl Detector for Adwin {
    fn watch(&mut self, value: f64) -> Signal {
        if std::mem::take(&mut self.drifted) {
            *self = self.settings.build();
        }
        self.insert(value);
        self.ticks += 1;
        if self.ticks.is_multiple_of(self.settings.clock) && self.width > self.settings.grace_period as f64 {
            while self.width > 1.0 && self.differs() {
                self.drifted = true;
                self.forget();
            }
        }
        if self.drifted { Signal::Drift } else { Signal::Stable }
    }
}
