//! A detector of change, on its own.

use std::collections::VecDeque;
use std::fmt;

use gristmill_learn::drift::{Detector, Signal};
use gristmill_learn::{DetectorKind, StateError, StateReader, StateWriter, Stateful};

use super::grade::Moments;

/// The newest values, of which an alarm tells the mean.
const RECENT: usize = 100;

/// A detector at work.
pub(super) struct Detected {
    kind: DetectorKind,
    detector: Box<dyn Detector>,
    /// How many values without a sign clear an alarm.
    quiet: u64,
    /// Values since the last sign of change.
    silent: u64,
    /// Whether a change may have begun; it began where the first warning was.
    warned: bool,
    recent: VecDeque<f64>,
    /// The values before the recent ones, since the last change.
    earlier: Moments,
}

impl fmt::Debug for Detected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// What a value tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A change may begin here.
    Begins,
    /// There is a change.
    Changed,
    /// It was quiet for as long as it takes.
    Quiet,
    Nothing,
}

impl Detected {
    pub(super) fn new(kind: &DetectorKind, quiet: u64) -> Self {
        Self {
            detector: kind.build(),
            kind: kind.clone(),
            quiet,
            silent: 0,
            warned: false,
            recent: VecDeque::new(),
            earlier: Moments::default(),
        }
    }

    /// Whether a change may have begun already.
    pub(super) fn is_warned(&self) -> bool {
        self.warned
    }

    /// Adds a finite value.
    pub(super) fn add(&mut self, value: f64) -> Told {
        if self.recent.len() == RECENT {
            self.recent.pop_front().into_iter().for_each(|old| self.earlier.add(old));
        }
        self.recent.push_back(value);
        let signal = self.detector.update(value);
        self.silent = if signal == Signal::Drift { 0 } else { self.silent.saturating_add(1) };
        let warned = std::mem::replace(&mut self.warned, signal == Signal::Warning);
        match signal {
            Signal::Drift => Told::Changed,
            Signal::Warning if !warned => Told::Begins,
            Signal::Stable if self.silent >= self.quiet => Told::Quiet,
            Signal::Stable | Signal::Warning => Told::Nothing,
        }
    }

    /// What came before the change, and the newest values.
    pub(super) fn sides(&self) -> (Moments, Moments) {
        (self.earlier, Moments::of(self.recent.iter().copied()))
    }

    /// After a change the values before it do not count any longer.
    pub(super) fn start_over(&mut self) {
        self.earlier = Moments::default();
        self.recent.clear();
    }
}

impl Stateful for Detected {
    fn save(&self, to: &mut StateWriter) {
        self.detector.save(to);
        to.u64(self.silent);
        self.warned.save(to);
        self.recent.save(to);
        self.earlier.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.detector.load(from)?;
        self.silent = from.u64()?;
        self.warned.load(from)?;
        self.recent.load(from)?;
        self.earlier.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.detector.size() + self.recent.size()
    }
}
