//! The spread of features, as the unit of distances and noise.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

/// Running means and squared deviations (B. P. Welford, Technometrics 4, 1962), by feature; missing values do not
/// count.
#[derive(Debug, Clone)]
pub(crate) struct Scales {
    counts: Vec<f64>,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Scales {
    pub(super) fn new(width: usize) -> Self {
        Self { counts: vec![0.0; width], means: vec![0.0; width], squares: vec![0.0; width] }
    }

    pub(super) fn update(&mut self, features: &[f64]) {
        let parts = self.counts.iter_mut().zip(&mut self.means).zip(&mut self.squares);
        for (((count, mean), square), value) in parts.zip(features).filter(|(_, value)| value.is_finite()) {
            *count += 1.0;
            let off = value - *mean;
            *mean += off / *count;
            *square += off * (value - *mean);
        }
    }

    /// The standard deviation of a feature; 0 if it is not known.
    pub(super) fn deviation(&self, feature: usize) -> f64 {
        match (self.counts.get(feature), self.squares.get(feature)) {
            (Some(count), Some(square)) if *count > 1.0 => (square / (count - 1.0)).max(0.0).sqrt(),
            _ => 0.0,
        }
    }
}

impl Stateful for Scales {
    fn save(&self, to: &mut StateWriter) {
        [&self.counts, &self.means, &self.squares].into_iter().for_each(|part| part.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.counts.load(from)?;
        self.means.load(from)?;
        self.squares.load(from)
    }

    fn size(&self) -> usize {
        24 * self.counts.len()
    }
}
