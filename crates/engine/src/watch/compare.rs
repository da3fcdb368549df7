//! Windows of rows, compared with a reference one after the other.

use gristmill_learn::distance::Comparison;
use gristmill_learn::metric::Window;
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::plan::{Comparing, Source};
use super::segments::Segments;
use super::taken::Taken;

/// A window by time is not compared while it has less rows than these.
const LEAST_ROWS: u64 = 30;

/// A comparison at work.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    pub(super) plan: Comparing,
    pub(super) comparison: Comparison,
    pub(super) segments: Option<Segments>,
    /// In the window, or in the reference while that is counted.
    rows: u64,
    /// The number of the stretch of time in which the window began.
    stretch: i64,
}

impl Compared {
    pub(super) fn new(plan: &Comparing) -> Self {
        let sliding = matches!(plan.reference, Source::Previous);
        let mut comparison = Comparison::new(plan.measure, plan.values);
        if sliding {
            comparison = comparison.sliding();
        }
        if let Source::Saved(profile, _) = &plan.reference {
            profile.fix(&mut comparison, plan.values);
        }
        let segments = plan.by.as_ref().map(|_| Segments::new(plan.measure, plan.values, sliding));
        Self { plan: plan.clone(), comparison, segments, rows: 0, stretch: 0 }
    }

    fn stretch_of(&self, time: Option<i64>) -> Option<i64> {
        match self.plan.window {
            Window::Time(micros) => Some(time?.div_euclid(micros.max(1))),
            Window::Rows(_) => None,
        }
    }

    /// Whether the window has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether the row at this time ends a window by time, to which it does not belong.
    pub(super) fn is_over(&self, time: Option<i64>) -> bool {
        // The first rows end after their number, and not with a stretch of time.
        let by_time = self.comparison.is_fixed() || !matches!(self.plan.reference, Source::First(_));
        let later = self.stretch_of(time).is_some_and(|stretch| stretch > self.stretch);
        later && by_time && self.rows >= LEAST_ROWS
    }

    /// Counts a row.
    pub(super) fn count(&mut self, value: &Taken<'_>, segment: Option<&str>, time: Option<i64>) {
        if let Some(stretch) = self.stretch_of(time).filter(|_| self.rows == 0) {
            self.stretch = stretch;
        }
        self.rows += 1;
        value.count_in(&mut self.comparison);
        if let Some((segments, segment)) = self.segments.as_mut().zip(segment) {
            segments.count(segment, value);
        }
    }

    /// Whether it has as many rows as it may have.
    pub(super) fn is_full(&self) -> bool {
        match (self.comparison.is_fixed(), &self.plan.reference, self.plan.window) {
            (false, Source::First(rows), _) => self.rows >= *rows,
            (_, _, Window::Rows(rows)) => self.rows >= u64::from(rows),
            (_, _, Window::Time(_)) => false,
        }
    }

    /// The size of the window, and the limit for it; none while the reference is counted, or where nothing can be
    /// compared.
    pub(super) fn judged(&self) -> Option<(f64, f64)> {
        let size = Some(self.comparison.distance()).filter(|size| self.comparison.is_fixed() && !size.is_nan())?;
        let limit = self.plan.limit;
        let threshold = limit.threshold.unwrap_or_else(|| {
            let without_change = self.comparison.without_change(limit.chance);
            without_change.max(limit.at_least)
        });
        Some((size, threshold))
    }

    /// The next window begins.
    pub(super) fn advance(&mut self) {
        self.rows = 0;
        if !self.comparison.is_fixed() {
            self.comparison.fix();
            self.segments.iter_mut().for_each(Segments::fix);
            return;
        }
        match self.plan.reference {
            Source::Previous => self.comparison.slide(),
            Source::First(_) | Source::Saved(..) => self.comparison.restart(),
        }
        self.segments.iter_mut().for_each(Segments::advance);
    }
}

impl Stateful for Compared {
    fn save(&self, to: &mut StateWriter) {
        self.comparison.save(to);
        self.segments.iter().for_each(|segments| segments.save(to));
        to.u64(self.rows);
        to.u64(self.stretch as u64);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.comparison.load(from)?;
        self.segments.iter_mut().try_for_each(|segments| segments.load(from))?;
        self.rows = from.u64()?;
        self.stretch = from.u64()? as i64;
        Ok(())
    }

    fn size(&self) -> usize {
        self.comparison.size() + self.segments.iter().map(Stateful::size).sum::<usize>() + 16
    }
}
