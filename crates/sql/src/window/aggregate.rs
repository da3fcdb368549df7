//! Aggregates over the rows of a window, which rows can leave without an accumulating error.

use std::collections::{BTreeMap, VecDeque};

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::value::{Value, order};

/// The aggregate of parts of a window, independent of how they are combined.
pub(crate) trait Monoid: Clone + Default {
    /// That of one value.
    fn of(value: f64) -> Self;
    /// That of two parts, the first before the second.
    fn plus(&self, other: &Self) -> Self;
}

/// A sum of twice the precision of its terms, and how many terms there were.
///
/// Source: D. E. Knuth, "The Art of Computer Programming", volume 2, 4.2.2 (two-sum); T. J. Dekker, 1971.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    high: f64,
    low: f64,
    /// Values that are not finite are kept apart: they would stay in the sum for good.
    other: f64,
}

impl Sum {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.u64(self.count);
        [self.high, self.low, self.other].iter().for_each(|number| to.u64(number.to_bits()));
    }

    pub(crate) fn load(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let count = from.u64()?;
        let mut number = || from.u64().map(f64::from_bits);
        Ok(Self { count, high: number()?, low: number()?, other: number()? })
    }

    pub(crate) fn total(&self) -> f64 {
        if self.other == 0.0 { self.high + self.low } else { self.other }
    }
}

impl Monoid for Sum {
    fn of(value: f64) -> Self {
        let finite = value.is_finite();
        let (high, other) = if finite { (value, 0.0) } else { (0.0, value) };
        Self { count: 1, high, low: 0.0, other }
    }

    fn plus(&self, other: &Self) -> Self {
        let high = self.high + other.high;
        let part = high - self.high;
        let lost = (self.high - (high - part)) + (other.high - part);
        let low = lost + (self.low + other.low);
        let whole = high + low;
        let other_sum = if high.is_finite() { self.other + other.other } else { high };
        Self { count: self.count + other.count, high: whole, low: low - (whole - high), other: other_sum }
    }
}

/// Count, mean and the sum of squared distances from it.
///
/// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
/// Variances", 1979.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        [self.count, self.mean, self.squares].iter().for_each(|number| to.u64(number.to_bits()));
    }

    pub(crate) fn load(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut number = || from.u64().map(f64::from_bits);
        Ok(Self { count: number()?, mean: number()?, squares: number()? })
    }

    /// The variance, over one row less for a sample; none for too few rows.
    pub(crate) fn variance(&self, sample: bool) -> Option<f64> {
        let rows = self.count - f64::from(u8::from(sample));
        (rows > 0.0).then(|| self.squares / rows)
    }
}

impl Monoid for Moments {
    fn of(value: f64) -> Self {
        Self { count: 1.0, mean: value, squares: if value.is_finite() { 0.0 } else { f64::NAN } }
    }

    fn plus(&self, other: &Self) -> Self {
        if self.count == 0.0 {
            return other.clone();
        }
        if other.count == 0.0 {
            return self.clone();
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        let mean = self.mean + apart * (other.count / count);
        let squares = self.squares + other.squares + apart * apart * (self.count * other.count / count);
        Self { count, mean, squares }
    }
}

/// A window as two stacks: values that leave are never subtracted, since each entry of the front holds the sum of all
/// from it to the middle. A push and a pop cost a constant on average.
///
/// Source: K. Tangwongsan, M. Hirzel, S. Schneider, "Sliding-Window Aggregation Algorithms", 2018.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stacks<M> {
    front: Vec<M>,
    back: M,
}

impl<M: Monoid> Stacks<M> {
    /// The stacks of a window whose front ends at `middle`: that place is all that is saved of them.
    pub(crate) fn of(front: impl DoubleEndedIterator<Item = M>, back: impl Iterator<Item = M>) -> Self {
        let mut stacks = Self::default();
        stacks.turn(front);
        back.for_each(|value| stacks.push(value));
        stacks
    }

    fn turn(&mut self, values: impl DoubleEndedIterator<Item = M>) {
        let mut sum = M::default();
        self.front.reserve(values.size_hint().0);
        for value in values.rev() {
            sum = value.plus(&sum);
            self.front.push(sum.clone());
        }
    }

    pub(crate) fn push(&mut self, value: M) {
        self.back = self.back.plus(&value);
    }

    /// Removes the oldest value. `all` are the values of the window if the front is used up; true if it was, so that
    /// the middle is now the window's end.
    pub(crate) fn pop(&mut self, all: impl DoubleEndedIterator<Item = M>) -> bool {
        let empty = self.front.is_empty();
        if empty {
            self.turn(all);
            self.back = M::default();
        }
        self.front.pop();
        empty
    }

    pub(crate) fn last(&self) -> Option<&M> {
        self.front.last()
    }

    pub(crate) fn total(&self) -> M {
        self.front.last().map_or_else(|| self.back.clone(), |front| front.plus(&self.back))
    }

    /// The stacks of a window that no row leaves: one sum.
    pub(crate) fn running(back: M) -> Self {
        Self { front: Vec::new(), back }
    }

    pub(crate) fn size(&self) -> usize {
        self.front.len() * size_of::<M>()
    }
}

/// The places, as numbers of entries, of the values that no later one beats: the first is the extreme.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extreme(pub(crate) VecDeque<(u64, Value)>);

impl Extreme {
    pub(crate) fn push(&mut self, place: u64, value: &Value, largest: bool) {
        if value.is_null() {
            return;
        }
        let beaten = |held: &Value| if largest { held <= value } else { held >= value };
        while self.0.back().is_some_and(|(_, held)| beaten(held)) {
            self.0.pop_back();
        }
        self.0.push_back((place, value.clone()));
    }

    pub(crate) fn size(&self) -> usize {
        let text = self.0.front().map_or(0, |(_, value)| value.size());
        self.0.len() * (32 + text)
    }

    pub(crate) fn pop(&mut self, place: u64) {
        while self.0.front().is_some_and(|(held, _)| *held <= place) {
            self.0.pop_front();
        }
    }
}

/// The sorted numbers of a window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sorted(pub(crate) Vec<f64>);

impl Sorted {
    pub(crate) fn push(&mut self, value: f64) {
        let at = self.0.partition_point(|held| order(*held, value).is_lt());
        self.0.insert(at, value);
    }

    pub(crate) fn pop(&mut self, value: f64) {
        let at = self.0.partition_point(|held| order(*held, value).is_lt());
        if at < self.0.len() {
            self.0.remove(at);
        }
    }

    /// The value below which a share of the others lies, interpolated between two neighbours.
    pub(crate) fn percentile(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let place = share * last as f64;
        let below = *self.0.get(place.floor() as usize)?;
        let above = *self.0.get(place.ceil() as usize)?;
        let between = place - place.floor();
        Some(if between == 0.0 { below } else { below + (above - below) * between })
    }
}

/// How often each value is in the window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct(pub(crate) BTreeMap<Value, u32>);

impl Distinct {
    pub(crate) fn push(&mut self, value: &Value) {
        if !value.is_null() {
            *self.0.entry(value.clone()).or_insert(0) += 1;
        }
    }

    pub(crate) fn size(&self) -> usize {
        let text = self.0.first_key_value().map_or(0, |(value, _)| value.size());
        self.0.len() * (48 + text)
    }

    pub(crate) fn pop(&mut self, value: &Value) {
        if let Some(count) = self.0.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_forgets_what_has_left() {
        let values: Vec<f64> = (0..1_000).map(|place| if place % 7 == 0 { 1e16 } else { 0.1 }).collect();
        let mut stacks = Stacks::<Sum>::default();
        let width = 5;
        for (place, value) in values.iter().enumerate() {
            stacks.push(Sum::of(*value));
            let from = (place + 1).saturating_sub(width);
            if place >= width {
                let held = values[from - 1..=place].iter().map(|value| Sum::of(*value));
                stacks.pop(held);
            }
            let fresh = values[from..=place].iter().fold(Sum::default(), |sum, value| sum.plus(&Sum::of(*value)));
            assert_eq!(stacks.total().total(), fresh.total(), "at {place}");
        }
    }

    #[test]
    fn what_is_not_finite_leaves_as_well() {
        let sum = Sum::of(f64::INFINITY).plus(&Sum::of(1.0));
        assert_eq!(sum.total(), f64::INFINITY);
        assert!(sum.plus(&Sum::of(f64::NEG_INFINITY)).total().is_nan());
        assert_eq!(Sum::of(1e308).plus(&Sum::of(1e308)).total(), f64::INFINITY);
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        let mut sorted = Sorted::default();
        [3.0, 1.0, f64::NAN, 2.0].iter().for_each(|value| sorted.push(*value));
        sorted.pop(f64::NAN);
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|share| sorted.percentile(share).unwrap()), [1.0, 2.0, 2.5, 3.0]);
        assert_eq!(Sorted::default().percentile(0.5), None);
    }
}
