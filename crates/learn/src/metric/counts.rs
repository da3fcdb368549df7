//! Metrics that follow from the four counts of a binary confusion matrix.

use super::Metric;
use crate::{StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// The confusion matrix of a binary task, and a formula over it. A probability above 0.5 predicts the positive class.
#[derive(Debug, Clone)]
pub struct Counts {
    name: &'static str,
    formula: fn(&Counts) -> f64,
    /// Positive rows predicted positive.
    pub true_positives: u64,
    /// Negative rows predicted positive.
    pub false_positives: u64,
    /// Negative rows predicted negative.
    pub true_negatives: u64,
    /// Positive rows predicted negative.
    pub false_negatives: u64,
}

impl Counts {
    pub(super) fn new(name: &'static str, formula: fn(&Counts) -> f64) -> Self {
        Self { name, formula, true_positives: 0, false_positives: 0, true_negatives: 0, false_negatives: 0 }
    }

    fn read(&self, from: &mut StateReader<'_>) -> Result<[u64; 4], StateError> {
        from.begin(self.name, 1)?;
        Ok([from.u64()?, from.u64()?, from.u64()?, from.u64()?])
    }
}

impl Metric for Counts {
    fn accepts(&self, task: Task) -> bool {
        task == Task::BinaryClassification
    }

    fn update(&mut self, truth: Truth, prediction: f64) {
        if prediction.is_nan() {
            return;
        }
        let count = match (truth.number() == 1.0, prediction > 0.5) {
            (true, true) => &mut self.true_positives,
            (false, true) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (true, false) => &mut self.false_negatives,
        };
        *count += 1;
    }

    fn value(&self) -> f64 {
        (self.formula)(self)
    }

    fn rows(&self) -> u64 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        let [true_positives, false_positives, true_negatives, false_negatives] = self.read(saved)?;
        self.true_positives += true_positives;
        self.false_positives += false_positives;
        self.true_negatives += true_negatives;
        self.false_negatives += false_negatives;
        Ok(())
    }
}

impl Stateful for Counts {
    fn save(&self, to: &mut StateWriter) {
        to.begin(self.name, 1);
        to.u64(self.true_positives);
        to.u64(self.false_positives);
        to.u64(self.true_negatives);
        to.u64(self.false_negatives);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        [self.true_positives, self.false_positives, self.true_negatives, self.false_negatives] = self.read(from)?;
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use crate::metric::{AccuracySettings, F1Settings, Metric, PrecisionSettings, RecallSettings};
    use crate::{StateReader, StateWriter, Truth};

    /// The example of River's documentation: truth T F T T T, predicted T T F T T.
    const ROWS: [(u32, f64); 5] = [(1, 0.9), (0, 0.8), (1, 0.5), (1, 0.51), (1, 1.0)];

    fn check(mut metric: impl Metric, expected: f64) {
        assert_eq!(metric.value(), 0.0);
        ROWS.iter().for_each(|(class, score)| metric.update(Truth::Class(*class), *score));
        metric.update(Truth::Class(1), f64::NAN);
        assert_eq!((metric.value(), metric.rows()), (expected, 5));
        let saved = StateWriter::of(&metric);
        metric.absorb(&mut StateReader::new(&saved)).unwrap();
        assert_eq!((metric.value(), metric.rows()), (expected, 10));
    }

    #[test]
    fn formulas() {
        check(AccuracySettings::whole(), 0.6);
        check(PrecisionSettings::whole(), 0.75);
        check(RecallSettings::whole(), 0.75);
        check(F1Settings::whole(), 0.75);
    }
}
