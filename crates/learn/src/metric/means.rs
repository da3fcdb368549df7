//! Metrics that are a mean over rows.

use super::Metric;
use crate::{StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// The mean of a loss over all rows, and a last step such as a root.
#[derive(Debug, Clone)]
pub struct Means {
    pub(super) name: &'static str,
    pub(super) task: Task,
    pub(super) loss: fn(truth: f64, prediction: f64) -> f64,
    pub(super) finish: fn(f64) -> f64,
    pub(super) rows: u64,
    pub(super) sum: f64,
}

impl Means {
    pub(super) fn new(name: &'static str, task: Task, loss: fn(f64, f64) -> f64, finish: fn(f64) -> f64) -> Self {
        Self { name, task, loss, finish, rows: 0, sum: 0.0 }
    }

    fn read(&self, from: &mut StateReader<'_>) -> Result<(u64, f64), StateError> {
        from.begin(self.name, 1)?;
        Ok((from.u64()?, from.f64()?))
    }
}

impl Metric for Means {
    fn accepts(&self, task: Task) -> bool {
        task == self.task
    }

    fn update(&mut self, truth: Truth, prediction: f64) {
        if !prediction.is_nan() {
            self.rows += 1;
            self.sum += (self.loss)(truth.number(), prediction);
        }
    }

    fn value(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { (self.finish)(self.sum / self.rows as f64) }
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let (rows, sum) = self.read(saved)?;
        self.rows += rows;
        self.sum += sum;
        Ok(())
    }
}

impl Stateful for Means {
    fn save(&self, to: &mut StateWriter) {
        to.begin(self.name, 1);
        to.u64(self.rows);
        to.f64(self.sum);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.rows, self.sum) = self.read(from)?;
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use crate::metric::{LogLossSettings, MaeSettings, Metric, RmseSettings};
    use crate::{StateReader, StateWriter, Truth};

    fn check(mut metric: impl Metric, rows: &[(Truth, f64)], expected: f64) {
        assert_eq!(metric.value(), 0.0);
        rows.iter().for_each(|(truth, prediction)| metric.update(*truth, *prediction));
        assert!((metric.value() - expected).abs() < 1e-9, "{} {expected}", metric.value());
        let saved = StateWriter::of(&metric);
        metric.absorb(&mut StateReader::new(&saved)).unwrap();
        assert!((metric.value() - expected).abs() < 1e-9);
        assert_eq!(metric.rows(), 2 * rows.iter().filter(|(_, prediction)| !prediction.is_nan()).count() as u64);
    }

    #[test]
    fn examples_of_the_reference() {
        let (zero, one) = (Truth::Class(0), Truth::Class(1));
        check(LogLossSettings::whole(), &[(one, 0.9), (zero, 0.1), (zero, 0.2), (one, 0.65)], 0.21616187468057912);
        check(LogLossSettings::whole(), &[(one, 0.0)], 34.538776394910684);
        let values = [(3.0, 2.5), (-0.5, 0.0), (2.0, 2.0), (7.0, 8.0)];
        let rows = values.map(|(truth, prediction)| (Truth::Value(truth), prediction));
        check(MaeSettings::whole(), &rows, 0.5);
        check(RmseSettings::whole(), &rows, 0.6123724356957945);
        check(MaeSettings::whole(), &[(Truth::Value(1.0), f64::NAN), (Truth::Value(1.0), 3.0)], 2.0);
    }
}
