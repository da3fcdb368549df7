//! The values of a stream in bounded memory.

use crate::state::stateful;

/// How many values of one weight are held, unless fewer are asked for.
const CAPACITY: usize = 16_384;

/// Holds the first 16,383 values as they are. Then, whenever so many values of one weight have come together, they go on in
/// pairs of neighbours, each as its mean with twice the weight, so that the sum of all stays what it is.
///
/// Each such step moves the rank of a value by at most the weight of the values that it joins: over a million values in any
/// order, by less than 1 in 5,000. Memory: 128 KB for each power of two by which the stream is longer than 16,384 values.
/// Source: G. S. Manku, S. Rajagopalan, B. G. Lindsay, "Approximate Medians and other Quantiles in One Pass and with Limited
/// Memory", SIGMOD 1998.
#[derive(Debug, Clone)]
pub struct Sketch {
    capacity: usize,
    /// Those at place h have the weight 2^h.
    levels: Vec<Vec<f64>>,
    low: f64,
    high: f64,
}

stateful!(Sketch, "sketch", 1: levels, low, high);

impl Default for Sketch {
    fn default() -> Self {
        Self::holding(CAPACITY)
    }
}

impl Sketch {
    /// Holds at most so many values of one weight, 2 or more, and is as much less exact.
    pub fn holding(capacity: usize) -> Self {
        Self { capacity: capacity.max(2).next_multiple_of(2), levels: Vec::new(), low: 0.0, high: 0.0 }
    }

    /// Without the values.
    pub(super) fn emptied(&self) -> Self {
        Self::holding(self.capacity)
    }

    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
            (self.low, self.high) = (value, value);
        }
        (self.low, self.high) = (self.low.min(value), self.high.max(value));
        if let Some(level) = self.levels.first_mut() {
            level.push(value);
        }
        self.halve();
    }

    /// Passes each full level on in pairs.
    fn halve(&mut self) {
        for height in 0.. {
            let Some(level) = self.levels.get_mut(height).filter(|level| level.len() >= self.capacity) else {
                return;
            };
            level.sort_by(f64::total_cmp);
            let mean = |pair: &[f64]| match pair {
                [one, other] if one != other => 0.5 * one + 0.5 * other,
                _ => pair.first().copied().unwrap_or_default(),
            };
            let pairs: Vec<f64> = level.chunks(2).map(mean).collect();
            level.clear();
            match self.levels.get_mut(height + 1) {
                Some(next) => next.extend(pairs),
                None => self.levels.push(pairs),
            }
        }
    }

    /// Distinct values in ascending order, each with how many it stands for; the lowest and the highest are always
    /// among them, if only for none.
    pub fn points(&self) -> Vec<(f64, u64)> {
        let weighted = self.levels.iter().zip(0_u32..).flat_map(|(level, height)| {
            let weight = 1_u64.checked_shl(height).unwrap_or(u64::MAX);
            level.iter().map(move |value| (*value, weight))
        });
        let mut all: Vec<(f64, u64)> = weighted.collect();
        if !all.is_empty() {
            all.extend([(self.low, 0), (self.high, 0)]);
        }
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut points: Vec<(f64, u64)> = Vec::new();
        for (value, weight) in all {
            match points.last_mut() {
                Some((last, sum)) if *last == value => *sum += weight,
                _ => points.push((value, weight)),
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_short_stream_is_kept_as_it_is() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.points(), []);
        [2.0, 1.0, 2.0, 5.0].into_iter().for_each(|value| sketch.add(value));
        assert_eq!(sketch.points(), [(1.0, 1), (2.0, 2), (5.0, 1)]);
    }

    /// Ranks of a million values in random, ascending and descending order.
    #[test]
    fn ranks_of_a_long_stream() {
        const ROWS: u32 = 1_000_000;
        let mut random = Random::new(3);
        let mut mixed: Vec<u32> = (0..ROWS).collect();
        random.shuffle(&mut mixed);
        let (ascending, descending): (Vec<u32>, Vec<u32>) = ((0..ROWS).collect(), (0..ROWS).rev().collect());
        for values in [mixed, ascending, descending] {
            let mut sketch = Sketch::default();
            values.iter().for_each(|value| sketch.add(f64::from(*value)));
            let (mut sum, mut worst) = (0, 0.0_f64);
            let points = sketch.points();
            for (value, weight) in &points {
                // The value stands for itself and for neighbours on both sides.
                let middle = sum as f64 + *weight as f64 / 2.0;
                worst = worst.max((middle - value - 0.5).abs() / f64::from(ROWS));
                sum += weight;
            }
            assert_eq!(sum, u64::from(ROWS));
            assert!(worst < 2e-4, "{worst}");
            assert!(points.len() < 7 * CAPACITY, "{}", points.len());
            assert_eq!([points.first().unwrap().0, points.last().unwrap().0], [0.0, f64::from(ROWS) - 1.0]);
        }
    }
}
