//! Predictions that cost nothing: every model must beat them.

mod last;
mod majority;
mod mean;

pub use last::Last;
pub use majority::Majority;
pub use mean::Mean;

use crate::{Predictions, Stateful, Task, Truth};

/// A prediction from the labels alone.
pub trait Baseline: Stateful + Send + Sync {
    /// The name in reports.
    fn name(&self) -> &'static str;
    /// Predicts the next row; no prediction before the first label.
    fn predict(&self, out: &mut Predictions);
    /// Learns a label.
    fn learn(&mut self, truth: Truth);
}

/// The baselines shown beside every model of a task.
pub fn baselines(task: Task) -> Vec<Box<dyn Baseline>> {
    match task {
        Task::BinaryClassification | Task::Classification => {
            vec![Box::new(Last::new(task)), Box::new(Majority::new(task))]
        }
        Task::Regression => vec![Box::new(Last::new(task)), Box::new(Mean::default())],
        Task::AnomalyDetection | Task::Clustering => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut baseline: impl Baseline, truths: &[Truth], expected: &[&[f64]]) {
        let mut out = Predictions::default();
        baseline.predict(&mut out);
        assert!(out.is_empty());
        for (truth, expected) in truths.iter().zip(expected) {
            baseline.learn(*truth);
            out.clear();
            baseline.predict(&mut out);
            assert_eq!(out.row(0), *expected, "{} after {truth:?}", baseline.name());
        }
    }

    #[test]
    fn each_says_what_its_name_says() {
        let classes = [1, 0, 0, 1].map(Truth::Class);
        check(Last::new(Task::BinaryClassification), &classes, &[&[1.0], &[0.0], &[0.0], &[1.0]]);
        check(Majority::new(Task::BinaryClassification), &classes, &[&[1.0], &[0.5], &[1.0 / 3.0], &[0.5]]);
        let classes = [2, 0, 0].map(Truth::Class);
        check(Last::new(Task::Classification), &classes, &[&[0.0, 0.0, 1.0], &[1.0], &[1.0]]);
        check(Majority::new(Task::Classification), &classes[..2], &[&[0.0, 0.0, 1.0], &[0.5, 0.0, 0.5]]);
        let values = [2.0, 4.0, 9.0].map(Truth::Value);
        check(Last::new(Task::Regression), &values, &[&[2.0], &[4.0], &[9.0]]);
        check(Mean::default(), &values, &[&[2.0], &[3.0], &[5.0]]);
    }
}
