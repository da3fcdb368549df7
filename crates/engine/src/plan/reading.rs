//! How a model's numbers for a row are interpreted.

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
