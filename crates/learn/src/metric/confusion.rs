//! Metrics that follow from the confusion matrix.

use std::fmt;

use super::{Detail, Metric, ratio};
use crate::traits::MAX_CLASSES;
use crate::{Prediction, StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// How the values of several classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The value of the positive class alone; only for two classes.
    #[default]
    Binary,
    /// The mean of all classes, each counting the same.
    Macro,
    /// Counted over all classes together.
    Micro,
    /// The mean of all classes, each counting by its rows.
    Weighted,
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Macro => "macro",
            Self::Micro => "micro",
            Self::Weighted => "weighted",
        })
    }
}

/// The counts of one class against all others.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OneClass {
    /// Rows of the class predicted as it.
    pub true_positives: f64,
    /// Rows of other classes predicted as it.
    pub false_positives: f64,
    /// Rows of the class predicted as another.
    pub false_negatives: f64,
}

/// A formula over the matrix.
type Formula = Box<dyn Fn(&Confusion) -> f64 + Send + Sync>;
type OfClass = fn(OneClass) -> f64;

/// The confusion matrix of a classification, and a formula over it. A class above 1,000 is not counted.
pub struct Confusion {
    name: &'static str,
    formula: Formula,
    of_class: Option<OfClass>,
    show_matrix: bool,
    binary_only: bool,
    classes: usize,
    /// Row by row: the truth; within it the predictions.
    matrix: Vec<u64>,
}

impl Confusion {
    pub(super) fn new(name: &'static str, formula: impl Fn(&Self) -> f64 + Send + Sync + 'static) -> Self {
        let formula = Box::new(formula);
        let matrix = vec![0; 4];
        Self { name, formula, of_class: None, show_matrix: false, binary_only: false, classes: 2, matrix }
    }

    /// A metric of one class against the others, averaged.
    pub(super) fn averaged(name: &'static str, average: Average, of_class: OfClass) -> Self {
        let formula = move |matrix: &Self| matrix.average(average, of_class);
        let averaged = Self::new(name, formula);
        Self { of_class: Some(of_class), binary_only: average == Average::Binary, ..averaged }
    }

    /// The same, showing the whole matrix with its value.
    pub(super) fn shown(self) -> Self {
        Self { show_matrix: true, ..self }
    }

    /// Rows of a class predicted as another.
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        if truth.max(prediction) >= self.classes {
            return 0;
        }
        self.matrix.get(truth * self.classes + prediction).copied().unwrap_or(0)
    }

    /// Rows predicted right.
    pub fn right(&self) -> f64 {
        (0..self.classes).map(|class| self.count(class, class) as f64).sum()
    }

    /// All rows.
    pub fn all(&self) -> f64 {
        self.rows() as f64
    }

    /// Rows of a class.
    pub fn truths(&self, class: usize) -> f64 {
        (0..self.classes).map(|other| self.count(class, other) as f64).sum()
    }

    /// Rows predicted as a class.
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|other| self.count(other, class) as f64).sum()
    }

    /// The classes that occurred, as truth or as prediction.
    pub fn seen(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|class| self.truths(*class) + self.predicted(*class) > 0.0)
    }

    /// One class against all others.
    pub fn one_class(&self, class: usize) -> OneClass {
        let true_positives = self.count(class, class) as f64;
        OneClass {
            true_positives,
            false_positives: self.predicted(class) - true_positives,
            false_negatives: self.truths(class) - true_positives,
        }
    }

    fn average(&self, average: Average, of_class: OfClass) -> f64 {
        let seen = || self.seen();
        match average {
            Average::Binary => of_class(self.one_class(1)),
            Average::Macro => ratio(seen().map(|class| of_class(self.one_class(class))).sum(), seen().count() as f64),
            Average::Micro => {
                of_class(seen().map(|class| self.one_class(class)).fold(OneClass::default(), |sum, one| OneClass {
                    true_positives: sum.true_positives + one.true_positives,
                    false_positives: sum.false_positives + one.false_positives,
                    false_negatives: sum.false_negatives + one.false_negatives,
                }))
            }
            Average::Weighted => {
                let weighted = |class| of_class(self.one_class(class)) * self.truths(class);
                ratio(seen().map(weighted).sum(), self.all())
            }
        }
    }

    fn add(&mut self, truth: u32, prediction: u32, rows: u64) {
        let (truth, prediction) = (truth as usize, prediction as usize);
        let most = truth.max(prediction);
        if most >= MAX_CLASSES as usize {
            return;
        }
        if most >= self.classes {
            self.widen(most + 1);
        }
        if let Some(count) = self.matrix.get_mut(truth * self.classes + prediction) {
            *count += rows;
        }
    }

    fn widen(&mut self, classes: usize) {
        let mut matrix = vec![0; classes * classes];
        for (old, new) in self.matrix.chunks(self.classes).zip(matrix.chunks_mut(classes)) {
            new.iter_mut().zip(old).for_each(|(new, old)| *new = *old);
        }
        (self.matrix, self.classes) = (matrix, classes);
    }

    fn filled(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        let place = |(at, rows): (usize, &u64)| ((at / self.classes) as u32, (at % self.classes) as u32, *rows);
        self.matrix.iter().enumerate().map(place).filter(|(_, _, rows)| *rows > 0)
    }
}

impl Metric for Confusion {
    fn accepts(&self, task: Task) -> bool {
        if self.binary_only { task == Task::BinaryClassification } else { task.is_classification() }
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        if let (Some(truth), Some(prediction)) = (truth.class(), prediction.class()) {
            self.add(truth, prediction, 1);
        }
    }

    fn value(&self) -> f64 {
        (self.formula)(self)
    }

    fn details(&self) -> Vec<Detail> {
        let of_class = self.of_class.filter(|_| !self.binary_only);
        let values = of_class
            .map(|of_class| self.seen().map(move |class| Detail::Class(class as u32, of_class(self.one_class(class)))));
        let matrix = self.filled().filter(|_| self.show_matrix);
        let matrix = matrix.map(|(truth, prediction, rows)| Detail::Predicted(truth, prediction, rows));
        values.into_iter().flatten().chain(matrix).collect()
    }

    fn rows(&self) -> u64 {
        self.matrix.iter().sum()
    }

    fn rename(&mut self, classes: &[u32]) {
        let name = |class: u32| classes.get(class as usize).copied().unwrap_or(class);
        let counts: Vec<(u32, u32, u64)> = self.filled().collect();
        (self.classes, self.matrix) = (2, vec![0; 4]);
        counts.into_iter().for_each(|(truth, prediction, rows)| self.add(name(truth), name(prediction), rows));
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        saved.begin(self.name, 1)?;
        for _ in 0..saved.length(24)? {
            let (truth, prediction, rows) = (saved.u64()?, saved.u64()?, saved.u64()?);
            self.add(truth as u32, prediction as u32, rows);
        }
        Ok(())
    }
}

impl Stateful for Confusion {
    fn save(&self, to: &mut StateWriter) {
        to.begin(self.name, 1);
        to.u64(self.filled().count() as u64);
        for (truth, prediction, rows) in self.filled() {
            [u64::from(truth), u64::from(prediction), rows].into_iter().for_each(|number| to.u64(number));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.classes, self.matrix) = (2, vec![0; 4]);
        self.absorb(from)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.matrix.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::{Average, Detail};
    use crate::metric::{
        AccuracySettings, BalancedAccuracySettings, ConfusionMatrixSettings, F1Settings, KappaSettings, MccSettings,
        Metric, PrecisionSettings, RecallSettings,
    };
    use crate::{StateReader, StateWriter, Truth};

    /// The example of River's documentation: truth T F T T T, predicted T T F T T.
    const ROWS: [(u32, f64); 5] = [(1, 0.9), (0, 0.8), (1, 0.5), (1, 0.51), (1, 1.0)];

    fn check(mut metric: impl Metric, expected: f64) {
        assert_eq!(metric.value(), 0.0);
        ROWS.iter().for_each(|(class, score)| metric.update(Truth::Class(*class), (*score).into()));
        metric.update(Truth::Class(1), f64::NAN.into());
        assert!((metric.value() - expected).abs() < 1e-12 && metric.rows() == 5, "{} {expected}", metric.value());
        let saved = StateWriter::of(&metric);
        metric.absorb(&mut StateReader::new(&saved)).unwrap();
        assert!((metric.value() - expected).abs() < 1e-12 && metric.rows() == 10);
    }

    #[test]
    fn formulas() {
        check(AccuracySettings::default().whole(), 0.6);
        check(PrecisionSettings::default().whole(), 0.75);
        check(RecallSettings::default().whole(), 0.75);
        check(F1Settings::default().whole(), 0.75);
        check(BalancedAccuracySettings::default().whole(), 0.375);
        check(KappaSettings::default().whole(), -0.25);
        check(MccSettings::default().whole(), -0.25);
    }

    #[test]
    fn classes_are_numbered_anew() {
        let mut matrix = ConfusionMatrixSettings::default().whole();
        matrix.update(Truth::Class(0), crate::Prediction::Classes(&[0.1, 0.9]));
        matrix.update(Truth::Class(1), crate::Prediction::Classes(&[0.1, 0.9]));
        matrix.rename(&[2, 0]);
        assert_eq!(matrix.details(), [Detail::Predicted(0, 0, 1), Detail::Predicted(2, 0, 1)]);
    }

    /// The example of scikit-learn's documentation: truth 0 1 2 0 1 2, predicted 0 2 1 0 0 1.
    #[test]
    fn averages_over_three_classes() {
        let check = |average: Average, expected: [f64; 3]| {
            let metrics: [Box<dyn Metric>; 3] = [
                Box::new(PrecisionSettings { average, ..Default::default() }.whole()),
                Box::new(RecallSettings { average, ..Default::default() }.whole()),
                Box::new(F1Settings { average, ..Default::default() }.whole()),
            ];
            for (mut metric, expected) in metrics.into_iter().zip(expected) {
                for (truth, predicted) in [(0, 0), (1, 2), (2, 1), (0, 0), (1, 0), (2, 1)] {
                    let mut classes = [0.0; 3];
                    classes[predicted] = 1.0;
                    metric.update(Truth::Class(truth), crate::Prediction::Classes(&classes));
                }
                assert!((metric.value() - expected).abs() < 1e-12, "{average} {} {expected}", metric.value());
            }
        };
        check(Average::Macro, [2.0 / 9.0, 1.0 / 3.0, 0.8 / 3.0]);
        check(Average::Micro, [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        check(Average::Weighted, [2.0 / 9.0, 1.0 / 3.0, 0.8 / 3.0]);
    }
}
