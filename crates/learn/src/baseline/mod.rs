//! What costs nothing to predict: the floor that every model must clear.

mod last;
mod majority;
mod mean;

pub use last::Last;
pub use majority::Majority;
pub use mean::Mean;

use crate::{Stateful, Task, Truth};

/// A prediction from the labels alone.
pub trait Baseline: Stateful + Send + Sync {
    /// The name in reports.
    fn name(&self) -> &'static str;
    /// The prediction for the next row; nothing before the first label.
    fn predict(&self) -> Option<f64>;
    /// Learns a label.
    fn learn(&mut self, truth: Truth);
}

/// The baselines shown beside every model of a task.
pub fn baselines(task: Task) -> Vec<Box<dyn Baseline>> {
    match task {
        Task::BinaryClassification => vec![Box::new(Last::class()), Box::new(Majority::default())],
        Task::Regression => vec![Box::new(Last::value()), Box::new(Mean::default())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut baseline: Box<dyn Baseline>, steps: &[(Truth, f64)]) {
        assert_eq!(baseline.predict(), None);
        for (truth, expected) in steps {
            baseline.learn(*truth);
            assert_eq!(baseline.predict(), Some(*expected), "{} after {truth:?}", baseline.name());
        }
    }

    #[test]
    fn each_says_what_its_name_says() {
        let classes = |expected: [f64; 4]| [1, 0, 0, 1].map(Truth::Class).into_iter().zip(expected).collect::<Vec<_>>();
        check(Box::new(Last::class()), &classes([1.0, 0.0, 0.0, 1.0]));
        check(Box::new(Majority::default()), &classes([1.0, 0.5, 1.0 / 3.0, 0.5]));
        let values =
            |expected: [f64; 3]| [2.0, 4.0, 9.0].map(Truth::Value).into_iter().zip(expected).collect::<Vec<_>>();
        check(Box::new(Last::value()), &values([2.0, 4.0, 9.0]));
        check(Box::new(Mean::default()), &values([2.0, 3.0, 5.0]));
    }
}
