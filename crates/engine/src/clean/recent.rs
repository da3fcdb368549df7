//! The last values of a column, in order.

use std::collections::VecDeque;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

/// The last values, up to a limit, with exact quantiles.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    most: usize,
    arrived: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { most, arrived: VecDeque::new(), sorted: Vec::new() }
    }

    /// Adds a finite value; beyond the limit the oldest is dropped.
    pub(super) fn push(&mut self, value: f64) {
        if self.arrived.len() == self.most
            && let Some(old) = self.arrived.pop_front()
        {
            let at = self.sorted.partition_point(|other| *other < old);
            self.sorted.remove(at.min(self.sorted.len() - 1));
        }
        self.arrived.push_back(value);
        self.insert(value);
    }

    fn insert(&mut self, value: f64) {
        let at = self.sorted.partition_point(|other| *other < value);
        self.sorted.insert(at, value);
    }

    /// The quantile at this share, interpolated between the two nearest values (type 7 of R. Hyndman, Y. Fan, "Sample
    /// quantiles in statistical packages", 1996, numpy's default); none without values.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        between(self.sorted.len(), share, |rank| self.sorted.get(rank).copied())
    }

    /// The median of the distances from a value.
    pub(super) fn median_distance(&self, from: f64) -> Option<f64> {
        between(self.sorted.len(), 0.5, |rank| self.distance(from, rank))
    }

    /// The distance from a value that has `rank` distances below it. The distances to the left and those to the right
    /// are each in order: bisection finds how many of them are from the left.
    fn distance(&self, from: f64, rank: usize) -> Option<f64> {
        let split = self.sorted.partition_point(|other| *other < from);
        let left = |number: usize| self.sorted.get(split.checked_sub(number + 1)?).map(|value| from - value);
        let right = |number: usize| self.sorted.get(split + number).map(|value| value - from);
        let wanted = rank + 1;
        let (mut low, mut high) = (wanted.saturating_sub(self.sorted.len() - split), wanted.min(split));
        while low < high {
            let middle = low + (high - low) / 2;
            // With so few from the left, the next one on the left is still nearer than the last from the right.
            let more = right(wanted - middle - 1).zip(left(middle)).is_some_and(|(right, left)| left < right);
            if more { low = middle + 1 } else { high = middle }
        }
        let from_left = low.checked_sub(1).and_then(left);
        let from_right = (wanted - low).checked_sub(1).and_then(right);
        from_left.into_iter().chain(from_right).max_by(f64::total_cmp)
    }
}

fn between(count: usize, share: f64, get: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let place = share * count.checked_sub(1)? as f64;
    let low = get(place.floor() as usize)?;
    let high = get(place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}

impl Stateful for Recent {
    fn save(&self, to: &mut StateWriter) {
        self.arrived.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.arrived.load(from)?;
        self.sorted = self.arrived.iter().copied().collect();
        self.sorted.sort_by(f64::total_cmp);
        Ok(())
    }

    fn size(&self) -> usize {
        16 * self.arrived.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_if_sorted_anew(values in prop::collection::vec(-20_i32..20, 1..60), most in 1_usize..30, share in 0.0..1.0) {
            let mut recent = Recent::new(most);
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            for (number, value) in values.iter().enumerate() {
                recent.push(*value);
                let mut last = values[(number + 1).saturating_sub(most)..=number].to_vec();
                let naive = |sorted: &mut Vec<f64>, share: f64| {
                    sorted.sort_by(f64::total_cmp);
                    let place = share * (sorted.len() - 1) as f64;
                    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
                    low + (high - low) * place.fract()
                };
                prop_assert_eq!(recent.quantile(share), Some(naive(&mut last, share)));
                let median = recent.quantile(0.5).unwrap();
                let mut distances: Vec<f64> = last.iter().map(|value| (value - median).abs()).collect();
                prop_assert_eq!(recent.median_distance(median), Some(naive(&mut distances, 0.5)));
            }
        }
    }
}
