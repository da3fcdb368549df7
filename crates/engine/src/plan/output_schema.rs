//! What a pipeline predicts, and how a model's numbers for a row are interpreted.

use gristmill_learn::{Prediction, Task};

/// What a model's numbers for a row are. Their count does not tell: a multi-class learner that has seen one class
/// returns one number, which is not the positive class's probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One number: the probability of the positive class, a value, or how unusual the row is.
    Number,
    /// The probability of each class known so far.
    Classes,
    /// The same; the probability of the positive class, which has this index, counts.
    Positive(u32),
    /// The distance to the centre of each cluster.
    Distances,
}

impl Reading {
    /// The interpretation for a model that predicts `model` by itself, in a pipeline that predicts `task`.
    pub fn of(model: Task, task: Task, positive: u32) -> Self {
        match (model, task) {
            (Task::Classification, Task::BinaryClassification) => Self::Positive(positive),
            (Task::Classification, _) => Self::Classes,
            (Task::Clustering, _) => Self::Distances,
            _ => Self::Number,
        }
    }

    /// Interprets numbers of this kind. A class that the model does not know has probability 0; before the model knows
    /// any, there is no prediction.
    pub fn read(self, numbers: &[f64]) -> Prediction<'_> {
        match self {
            Self::Number => numbers.first().copied().unwrap_or(f64::NAN).into(),
            Self::Classes => Prediction::Classes(numbers),
            Self::Positive(_) if numbers.is_empty() => f64::NAN.into(),
            Self::Positive(class) => Prediction::Classes(numbers).probability(class).into(),
            Self::Distances => Prediction::Distances(numbers),
        }
    }
}

/// What a pipeline gives for a row: everything behind the model asks it what the numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSchema {
    /// What is predicted.
    pub task: Task,
    /// What the model's numbers are.
    pub reading: Reading,
    /// Whether a pretrained model decides alone, and its numbers are decision values: they are not probabilities, and a
    /// single one has a threshold of 0.
    pub decision_values: bool,
}

impl OutputSchema {
    /// Of a model that predicts this by itself.
    pub fn of(task: Task) -> Self {
        Self { task, reading: Reading::of(task, task, 1), decision_values: false }
    }

    /// Whether there is a probability for each class.
    pub fn has_probabilities(self) -> bool {
        self.task.is_classification() && !self.decision_values
    }

    /// The prediction. A single decision value is mapped to between 0 and 1, preserving its order and its side of one half,
    /// as metrics require.
    pub fn prediction(self, numbers: &[f64]) -> Prediction<'_> {
        match numbers {
            [value] if self.decision_values => (0.5 + 0.5 * value / (1.0 + value.abs())).into(),
            numbers => self.reading.read(numbers),
        }
    }

    /// The number that conditions and decisions show: among any number of classes the probability of the predicted one.
    pub fn score(self, numbers: &[f64]) -> f64 {
        match (numbers, self.reading.read(numbers)) {
            ([value], _) if self.decision_values => *value,
            (_, said @ Prediction::Classes(_)) => said.class().map_or(f64::NAN, |class| said.probability(class)),
            (_, said) => said.number(),
        }
    }

    /// The number that is predicted where no class is. Of decision values it is the label that the framework gives, -1 for
    /// outliers and 1 for all other rows.
    pub fn number(self, numbers: &[f64]) -> f64 {
        if !self.decision_values {
            return self.prediction(numbers).number();
        }
        match self.score(numbers) {
            score if score.is_nan() => f64::NAN,
            score if score > 0.0 => -1.0,
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_what_they_are_and_not_by_how_many_there_are() {
        let binary = Task::BinaryClassification;
        for (model, task, numbers, said) in [
            (binary, binary, &[0.3][..], Prediction::Number(0.3)),
            (Task::Classification, binary, &[1.0], Prediction::Number(0.0)),
            (Task::Classification, binary, &[0.25, 0.75], Prediction::Number(0.75)),
            (Task::Classification, Task::Classification, &[1.0], Prediction::Classes(&[1.0])),
            (Task::Regression, Task::Regression, &[7.0], Prediction::Number(7.0)),
            (Task::AnomalyDetection, Task::AnomalyDetection, &[0.9], Prediction::Number(0.9)),
            (Task::Clustering, Task::Clustering, &[0.5], Prediction::Distances(&[0.5])),
        ] {
            assert_eq!(Reading::of(model, task, 1).read(numbers), said);
            assert!(Reading::of(model, task, 1).read(&[]).is_missing());
        }
        assert_eq!(Reading::of(Task::Classification, binary, 0).read(&[0.25, 0.75]), Prediction::Number(0.25));
    }
}
