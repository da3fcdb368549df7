//! Whether an alarm was right: what the error did after it against before it.
//!
//! The error of a row is 1 for a wrong class and 0 for a right one, and of numbers how far off they are. Before: the last
//! 1,000 rows whose labels were known when the change began. After: the first 500 rows from there on, as their labels
//! become known. The alarm was *true* if the mean error after is higher than before by Welch's test, one-sided, at 5 %; it
//! was *false* if it is not; and it is *unknown* while there are not as many labels, or if there were less than 50 before.
//!
//! Source: B. L. Welch, "The Generalization of Student's Problem when Several Different Population Variances are Involved",
//! Biometrika 34 (1947); with so many rows its distribution is the normal one.

use std::collections::VecDeque;

use gristmill_learn::{Prediction, StateError, StateReader, StateWriter, Stateful, Truth};

use super::taken::Moment;
use crate::rows::Position;

const BEFORE: usize = 1_000;
const AFTER: u64 = 500;
const LEAST_BEFORE: u64 = 50;
/// What a standard normal number exceeds in 5 of 100 cases.
const LIMIT: f64 = 1.644_853_626_951_472_2;

/// How wrong a prediction was; none if there is no prediction or no truth.
pub(crate) fn error_of(truth: Truth, said: Prediction<'_>) -> Option<f64> {
    let error = match truth {
        _ if said.is_missing() => return None,
        Truth::Class(class) => f64::from(u8::from(said.class()? != class)),
        Truth::Value(value) => (value - said.number()).abs(),
    };
    error.is_finite().then_some(error)
}

/// Rows, their mean and their spread.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) rows: u64,
    pub(super) mean: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        self.rows += 1;
        let apart = value - self.mean;
        self.mean += apart / self.rows as f64;
        self.squares += apart * (value - self.mean);
    }

    /// Of all these values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }

    /// The variance of the values; 0 of less than two.
    pub(super) fn variance(&self) -> f64 {
        if self.rows > 1 { self.squares / (self.rows - 1) as f64 } else { 0.0 }
    }
}

impl Stateful for Moments {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.rows);
        to.f64(self.mean);
        to.f64(self.squares);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.rows, self.mean, self.squares) = (from.u64()?, from.f64()?, from.f64()?);
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// Where a change began, and the errors before and after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    pub(super) time: Option<i64>,
    pub(super) position: Position,
    pub(super) before: Moments,
    pub(super) after: Moments,
}

impl Mark {
    pub(super) fn new(at: Moment, errors: &Errors) -> Self {
        Self { time: at.time, position: at.position, before: errors.before(), after: Moments::default() }
    }

    /// Counts the error of a row; of one that was scored before the change nothing is known that matters.
    pub(super) fn labelled(&mut self, error: f64, time: Option<i64>) {
        let later = self.time.zip(time).is_none_or(|(since, time)| time >= since);
        if later && self.after.rows < AFTER {
            self.after.add(error);
        }
    }

    /// Whether the alarm was true; none as long as that is unknown.
    pub(super) fn grade(&self) -> Option<bool> {
        let (before, after) = (&self.before, &self.after);
        if before.rows < LEAST_BEFORE || after.rows < AFTER {
            return None;
        }
        let spread = (before.variance() / before.rows as f64 + after.variance() / after.rows as f64).sqrt();
        Some(after.mean - before.mean > LIMIT * spread)
    }
}

impl Stateful for Mark {
    fn save(&self, to: &mut StateWriter) {
        self.time.map(|time| time as u64).save(to);
        self.position.save(to);
        self.before.save(to);
        self.after.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut time: Option<u64> = None;
        time.load(from)?;
        self.time = time.map(|time| time as i64);
        self.position = Position::load(from)?;
        self.before.load(from)?;
        self.after.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// The errors of the last rows whose labels became known.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors {
    last: VecDeque<f64>,
}

impl Errors {
    pub(super) fn add(&mut self, error: f64) {
        if self.last.len() == BEFORE {
            self.last.pop_front();
        }
        self.last.push_back(error);
    }

    fn before(&self) -> Moments {
        Moments::of(self.last.iter().copied())
    }
}

impl Stateful for Errors {
    fn save(&self, to: &mut StateWriter) {
        to.begin("watched errors", 1);
        self.last.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("watched errors", 1)?;
        self.last.load(from)
    }

    fn size(&self) -> usize {
        self.last.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1: `ttest_ind(after, before, equal_var=False, alternative="greater")` has p = 0.0420 for 71 mistakes of
    /// 500 after 110 of 1,000, and 0.0519 for 70.
    #[test]
    fn grades_are_those_of_the_test() {
        let graded = |mistakes: usize, before: usize, of: usize| {
            let mut errors = Errors::default();
            (0..of).for_each(|row| errors.add(f64::from(u8::from(row < before))));
            let mut mark = Mark::new(Moment::default(), &errors);
            (0..500).for_each(|row| mark.labelled(f64::from(u8::from(row < mistakes)), None));
            mark.grade()
        };
        assert_eq!([graded(71, 110, 1_000), graded(70, 110, 1_000)], [Some(true), Some(false)]);
        assert_eq!([graded(500, 0, 49), graded(0, 0, 1_000), graded(500, 0, 1_000)], [None, Some(false), Some(true)]);
    }

    #[test]
    fn rows_that_were_scored_before_are_not_counted() {
        let at = Moment { time: Some(100), ..Moment::default() };
        let mut mark = Mark::new(at, &Errors::default());
        [99, 100, 101].into_iter().for_each(|time| mark.labelled(1.0, Some(time)));
        assert_eq!(mark.after.rows, 2);
    }

    #[test]
    fn the_error_of_a_row() {
        assert_eq!(error_of(Truth::Class(1), Prediction::Number(0.7)), Some(0.0));
        assert_eq!(error_of(Truth::Class(2), Prediction::Classes(&[0.2, 0.5, 0.3])), Some(1.0));
        assert_eq!(error_of(Truth::Value(3.0), Prediction::Number(5.0)), Some(2.0));
        assert_eq!(error_of(Truth::Value(f64::NAN), Prediction::Distances(&[1.0])), None);
        assert_eq!(error_of(Truth::Class(1), Prediction::Number(f64::NAN)), None);
    }
}
