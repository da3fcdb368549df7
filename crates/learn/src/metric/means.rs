//! Metrics that are a mean over rows.

use super::Metric;
use crate::{Prediction, StateError, StateReader, Stateful, Task, Truth};

type Loss = Box<dyn Fn(Truth, Prediction<'_>) -> f64 + Send + Sync>;

/// The mean of a loss over all rows, and a final step such as a root.
pub struct Means {
    name: &'static str,
    accepts: fn(Task) -> bool,
    loss: Loss,
    finish: fn(f64) -> f64,
    rows: u64,
    sum: f64,
}

impl Means {
    pub(super) fn new(
        name: &'static str,
        accepts: fn(Task) -> bool,
        loss: impl Fn(Truth, Prediction<'_>) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { name, accepts, loss: Box::new(loss), finish: |mean| mean, rows: 0, sum: 0.0 }
    }

    /// A loss of a regression, by truth and prediction.
    pub(super) fn of_values(name: &'static str, loss: impl Fn(f64, f64) -> f64 + Send + Sync + 'static) -> Self {
        let accepts = |task| task == Task::Regression;
        Self::new(name, accepts, move |truth, prediction| loss(truth.number(), prediction.number()))
    }

    pub(super) fn finished(self, finish: fn(f64) -> f64) -> Self {
        Self { finish, ..self }
    }
}

impl Metric for Means {
    fn accepts(&self, task: Task) -> bool {
        (self.accepts)(task)
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        if !prediction.is_missing() {
            self.rows += 1;
            self.sum += (self.loss)(truth, prediction);
        }
    }

    fn value(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { (self.finish)(self.sum / self.rows as f64) }
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let (rows, sum) = (self.rows, self.sum);
        self.load(saved)?;
        self.rows += rows;
        self.sum += sum;
        Ok(())
    }
}

impl Stateful for Means {
    fn save(&self, to: &mut crate::StateWriter) {
        to.begin(self.name, 1);
        self.rows.save(to);
        self.sum.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(self.name, 1)?;
        self.rows.load(from)?;
        self.sum.load(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use crate::metric::{
        BrierSettings, LogLossSettings, MaeSettings, MapeSettings, Metric, PinballSettings, RmseSettings, SmapeSettings,
    };
    use crate::{StateReader, StateWriter, Truth};

    fn check(mut metric: impl Metric, rows: &[(Truth, f64)], expected: f64) {
        assert_eq!(metric.value(), 0.0);
        rows.iter().for_each(|(truth, prediction)| metric.update(*truth, (*prediction).into()));
        assert!((metric.value() - expected).abs() < 1e-9, "{} {expected}", metric.value());
        let saved = StateWriter::of(&metric);
        metric.absorb(&mut StateReader::new(&saved)).unwrap();
        assert!((metric.value() - expected).abs() < 1e-9);
        assert_eq!(metric.rows(), 2 * rows.iter().filter(|(_, prediction)| !prediction.is_nan()).count() as u64);
    }

    #[test]
    fn examples_of_the_reference() {
        let (zero, one) = (Truth::Class(0), Truth::Class(1));
        let log_loss = || LogLossSettings::default().whole();
        check(log_loss(), &[(one, 0.9), (zero, 0.1), (zero, 0.2), (one, 0.65)], 0.21616187468057912);
        check(log_loss(), &[(one, 0.0)], 34.538776394910684);
        check(BrierSettings::default().whole(), &[(zero, 0.1), (one, 0.9), (one, 0.8), (zero, 0.3)], 0.0375);
        let values = [(3.0, 2.5), (-0.5, 0.0), (2.0, 2.0), (7.0, 8.0)];
        let rows = values.map(|(truth, prediction)| (Truth::Value(truth), prediction));
        check(MaeSettings::default().whole(), &rows, 0.5);
        check(RmseSettings::default().whole(), &rows, 0.6123724356957945);
        check(MapeSettings::default().whole(), &rows, 32.73809523809524);
        check(SmapeSettings::default().whole(), &rows, 57.87878787878788);
        check(PinballSettings { alpha: 0.1, ..Default::default() }.whole(), &rows, (0.05 + 0.45 + 0.9) / 4.0);
        check(MaeSettings::default().whole(), &[(Truth::Value(1.0), f64::NAN), (Truth::Value(1.0), 3.0)], 2.0);
    }
}
