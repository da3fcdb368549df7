//! Any metric over the last rows only.

use std::collections::VecDeque;

use super::Metric;
use crate::{StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// Makes an empty metric.
type Make = Box<dyn Fn() -> Box<dyn Metric> + Send + Sync>;

/// A metric over the last `window` rows: they are kept and counted afresh when the value is asked for, so nothing
/// grows by subtracting what leaves.
///
/// Metrics of several shards are averaged, weighted by rows: windows of different shards have no common order.
pub struct Windowed {
    window: usize,
    make: Make,
    rows: VecDeque<(Truth, f64)>,
    absorbed: Vec<(f64, u64)>,
}

const NAME: &str = "window";

impl Windowed {
    /// The metric that `make` makes, over the last `window` rows.
    pub fn new(window: u32, make: Make) -> Self {
        Self { window: window as usize, make, rows: VecDeque::new(), absorbed: Vec::new() }
    }

    fn own(&self) -> (f64, u64) {
        let mut metric = (self.make)();
        self.rows.iter().for_each(|(truth, prediction)| metric.update(*truth, *prediction));
        (metric.value(), self.rows.len() as u64)
    }
}

impl Metric for Windowed {
    fn accepts(&self, task: Task) -> bool {
        (self.make)().accepts(task)
    }

    fn update(&mut self, truth: Truth, prediction: f64) {
        if prediction.is_nan() {
            return;
        }
        if self.rows.len() == self.window {
            self.rows.pop_front();
        }
        self.rows.push_back((truth, prediction));
    }

    fn value(&self) -> f64 {
        let parts = std::iter::once(self.own()).chain(self.absorbed.iter().copied());
        let (sum, rows) = parts.fold((0.0, 0), |(sum, rows), (value, more)| (sum + value * more as f64, rows + more));
        if rows == 0 { 0.0 } else { sum / rows as f64 }
    }

    fn rows(&self) -> u64 {
        self.rows.len() as u64 + self.absorbed.iter().map(|(_, rows)| rows).sum::<u64>()
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut other = Self::new(u32::MAX, Box::new(|| Box::new(super::AccuracySettings::whole())));
        other.load(saved)?;
        other.make = std::mem::replace(&mut self.make, other.make);
        self.absorbed.push(other.own());
        self.absorbed.extend(&other.absorbed);
        std::mem::swap(&mut self.make, &mut other.make);
        Ok(())
    }
}

impl Stateful for Windowed {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.u64(self.rows.len() as u64);
        for (truth, prediction) in &self.rows {
            to.u64(u64::from(matches!(truth, Truth::Class(_))));
            to.f64(truth.number());
            to.f64(*prediction);
        }
        to.u64(self.absorbed.len() as u64);
        for (value, rows) in &self.absorbed {
            to.f64(*value);
            to.u64(*rows);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        self.rows.clear();
        for _ in 0..from.length(24)? {
            let class = from.u64()? == 1;
            let number = from.f64()?;
            let truth = if class { Truth::Class(number as u32) } else { Truth::Value(number) };
            self.rows.push_back((truth, from.f64()?));
        }
        self.absorbed.clear();
        for _ in 0..from.length(16)? {
            self.absorbed.push((from.f64()?, from.u64()?));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.rows.len() * size_of::<(Truth, f64)>() + self.absorbed.len() * 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricKind;
    use crate::metric::AccuracySettings;

    fn accuracy(window: u32) -> Box<dyn Metric> {
        MetricKind::Accuracy(AccuracySettings { window: Some(window) }).build()
    }

    #[test]
    fn only_the_last_rows_count() {
        let mut metric = accuracy(2);
        for (score, expected) in [(0.9, 1.0), (0.1, 0.5), (0.2, 0.0), (0.8, 0.5), (0.7, 1.0)] {
            metric.update(Truth::Class(1), score);
            assert_eq!(metric.value(), expected);
        }
    }

    #[test]
    fn shards_are_averaged_by_rows() {
        let (mut three, mut one) = (accuracy(10), accuracy(10));
        (0..3).for_each(|_| three.update(Truth::Class(1), 0.9));
        one.update(Truth::Class(1), 0.1);
        let mut saved = StateWriter::default();
        one.save(&mut saved);
        three.absorb(&mut StateReader::new(&saved.into_bytes())).unwrap();
        assert_eq!((three.value(), three.rows()), (0.75, 4));
    }
}
