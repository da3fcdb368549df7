//! Quantiles of a stream in little memory.

use crate::state::stateful;

/// The extended P² estimator: markers that track several quantiles at once.
///
/// Source: R. Jain, I. Chlamtac, "The P² Algorithm for Dynamic Calculation of Quantiles and Histograms Without Storing
/// Observations", CACM 28 (1985); K. E. E. Raatikainen, "Simultaneous Estimation of Several Percentiles", Simulation 49
/// (1987).
#[derive(Debug, Clone, Default)]
pub struct Quantiles {
    wanted: Vec<f64>,
    count: u64,
    heights: Vec<f64>,
    places: Vec<f64>,
}

stateful!(Quantiles: count, heights, places);

impl Quantiles {
    /// Tracks these quantiles, in ascending order.
    pub(super) fn new(wanted: &[f64]) -> Self {
        Self { wanted: wanted.to_vec(), count: 0, heights: Vec::new(), places: Vec::new() }
    }

    fn markers(&self) -> usize {
        2 * self.wanted.len() + 3
    }

    /// The share of values that should be at or below a marker.
    fn share(&self, marker: usize) -> f64 {
        let of = |index: usize| match index {
            0 => 0.0,
            index => self.wanted.get(index - 1).copied().unwrap_or(1.0),
        };
        let half = marker / 2;
        if marker.is_multiple_of(2) { of(half) } else { 0.5 * (of(half) + of(half + 1)) }
    }

    /// Learns a value, unless it is so large that sums would overflow.
    pub(super) fn learn_moderate(&mut self, x: f64) {
        if x.abs() < 1e150 {
            self.learn(x);
        }
    }

    pub(super) fn learn(&mut self, x: f64) {
        self.count += 1;
        let markers = self.markers();
        if self.heights.len() < markers {
            let at = self.heights.partition_point(|height| *height <= x);
            self.heights.insert(at, x);
            self.places.push(self.places.len() as f64);
            return;
        }
        let last = markers - 1;
        if let [first, .., end] = self.heights.as_mut_slice() {
            *first = first.min(x);
            *end = end.max(x);
        }
        // Every marker above the value moves up by one.
        let above = self.heights.partition_point(|height| *height <= x).clamp(1, last);
        self.places.iter_mut().skip(above).for_each(|place| *place += 1.0);
        for marker in 1..last {
            self.adjust(marker);
        }
    }

    fn adjust(&mut self, marker: usize) {
        let at = |list: &[f64], index: usize| list.get(index).copied().unwrap_or(0.0);
        let [before, place, after] = [marker - 1, marker, marker + 1].map(|index| at(&self.places, index));
        let [low, height, high] = [marker - 1, marker, marker + 1].map(|index| at(&self.heights, index));
        let apart = self.share(marker) * (self.count - 1) as f64 - place;
        let step = if apart >= 1.0 && after - place > 1.0 {
            1.0
        } else if apart <= -1.0 && before - place < -1.0 {
            -1.0
        } else {
            return;
        };
        let parabolic = height
            + step / (after - before)
                * ((place - before + step) * (high - height) / (after - place)
                    + (after - place - step) * (height - low) / (place - before));
        let next = if low < parabolic && parabolic < high {
            parabolic
        } else if step > 0.0 {
            height + (high - height) / (after - place)
        } else {
            height - (low - height) / (before - place)
        };
        self.heights.iter_mut().skip(marker).take(1).for_each(|height| *height = next);
        self.places.iter_mut().skip(marker).take(1).for_each(|place| *place += step);
    }

    /// The quantile at this index; none before the first value.
    pub(super) fn get(&self, wanted: usize) -> Option<f64> {
        if self.heights.len() == self.markers() {
            return self.heights.get(2 * wanted + 2).copied();
        }
        let share = self.wanted.get(wanted).copied()?;
        let last = self.heights.len().checked_sub(1)?;
        self.heights.get((share * last as f64).round() as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn quantiles_of_a_uniform_stream() {
        let mut quantiles = Quantiles::new(&[0.1, 0.25, 0.5, 0.75, 0.9]);
        assert_eq!(quantiles.get(2), None);
        let mut random = Random::new(5);
        (0..50_000).for_each(|_| quantiles.learn(random.uniform()));
        for (index, expected) in [0.1, 0.25, 0.5, 0.75, 0.9].into_iter().enumerate() {
            let found = quantiles.get(index).unwrap();
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        }
    }
}
