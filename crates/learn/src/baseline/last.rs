//! The last label.

use super::Baseline;
use crate::state::stateful;
use crate::{Predictions, Task, Truth};

/// Predicts the last label: `last_class` or `last_value` (persistence). Hard to beat on slow streams.
#[derive(Debug, Clone)]
pub struct Last {
    task: Task,
    last: Option<f64>,
}

stateful!(Last, "last", 1: last);

impl Last {
    /// The last label of this task.
    pub fn new(task: Task) -> Self {
        Self { task, last: None }
    }
}

impl Baseline for Last {
    fn name(&self) -> &'static str {
        if self.task.is_classification() { "last_class" } else { "last_value" }
    }

    fn predict(&self, out: &mut Predictions) {
        match self.last {
            Some(last) if self.task == Task::Classification => {
                let class = last as usize;
                out.push_row((0..=class).map(|other| f64::from(u8::from(other == class))));
            }
            Some(last) => out.push(last),
            None => {}
        }
    }

    fn learn(&mut self, truth: Truth) {
        self.last = Some(truth.number());
    }
}
