//! The most frequent class.

use super::Baseline;
use crate::state::stateful;
use crate::{Predictions, Task, Truth};

/// Predicts the share of each class so far, and so the majority class.
#[derive(Debug, Clone)]
pub struct Majority {
    task: Task,
    rows: u64,
    classes: Vec<u64>,
}

stateful!(Majority, "majority_class", 1: rows, classes);

impl Majority {
    /// The shares of the classes of this task.
    pub fn new(task: Task) -> Self {
        Self { task, rows: 0, classes: Vec::new() }
    }
}

impl Baseline for Majority {
    fn name(&self) -> &'static str {
        "majority_class"
    }

    fn predict(&self, out: &mut Predictions) {
        if self.rows == 0 {
            return;
        }
        let rows = self.rows as f64;
        if self.task == Task::Classification {
            out.push_row(self.classes.iter().map(|class| *class as f64 / rows));
        } else {
            out.push(self.classes.get(1).copied().unwrap_or(0) as f64 / rows);
        }
    }

    fn learn(&mut self, truth: Truth) {
        let Some(class) = truth.class().map(|class| class as usize) else { return };
        self.rows += 1;
        self.classes.resize(self.classes.len().max(class + 1), 0);
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        }
    }
}
