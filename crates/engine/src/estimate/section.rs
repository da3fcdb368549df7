//! The estimates of a shard: what their state depends on.

use gristmill_learn::estimate::Estimation;
use gristmill_learn::{LearnError, Signature, Task};
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::plan::definition::{Definition, shortest};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Section, each_is_a_part};

impl Plan {
    /// Whether losses are estimated from what a row looks like.
    pub(crate) fn estimates_losses(&self) -> bool {
        self.estimate.is_some() && self.output.task == Task::Regression
    }

    /// The columns that losses are estimated from: what the model that decides sees.
    fn estimated_from(&self) -> Signature {
        match &self.scoring {
            Some(scoring) if self.model.is_empty() => {
                let kinds = scoring.inputs.iter().filter_map(|place| self.signature.kinds().get(*place).copied());
                Signature::new(kinds.collect())
            }
            _ => self.signature.clone(),
        }
    }
}

impl Section for Option<Estimation> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        let Some(estimate) = &plan.estimate else { return Ok(None) };
        let (metrics, chunk) = (&estimate.metrics, estimate.chunk);
        if plan.estimates_losses() {
            let from = plan.estimated_from();
            return Estimation::of_numbers(metrics, chunk, &estimate.of_numbers(), &from).map(Some);
        }
        Ok(Some(Estimation::of_classes(metrics, chunk, &estimate.of_classes())))
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let Some(estimate) = &plan.estimate else { return Vec::new() };
        let mut of = json!({"task": plan.output.task, "estimate": shortest(estimate)});
        if let Some(of) = of.as_object_mut().filter(|_| plan.estimates_losses()) {
            of.insert("inputs".into(), json!(seen));
        }
        vec![Definition::new("estimate", &of)]
    }

    each_is_a_part!();
}
