//! The section of a shard: what its state depends on.

use gristmill_learn::{LearnError, StateError};
use serde_json::{Map, Value, json};

use super::{LabelInput, Pending};
use crate::plan::Plan;
use crate::plan::definition::{Definition, given, shortest, typed};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Lost, Section, each_is_a_part};

impl Section for Option<Pending> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(match plan.labels() {
            Some(labels) => Some(Pending::joined(labels)),
            None => plan.delay().map(Pending::delayed),
        })
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let segment = |(metric, column): &(usize, usize)| {
            json!([plan.metrics.get(*metric).map(shortest), plan.named(Some(*column))])
        };
        let segments: Value = plan.segments.iter().map(segment).collect();
        let defined = match (plan.labels(), plan.delay()) {
            (Some(labels), _) => {
                let LabelInput { columns, id, wait, .. } = labels;
                let by = [columns.get(*id).map(typed), plan.id.and_then(|id| plan.columns.get(id)).map(typed)];
                json!({"wait": wait, "by": by, "inputs": seen, "segments": segments})
            }
            (None, Some(delay)) => json!({"delay": delay, "inputs": seen, "segments": segments}),
            (None, None) => return Vec::new(),
        };
        vec![Definition::new("pending", &given(defined))]
    }

    each_is_a_part!();

    fn lost(name: &str, saved: &[u8]) -> Result<Option<Lost>, StateError> {
        let what = "wait for their labels and will never be learned";
        if name == "pending" { Lost::waiting(what, saved, ("pending", 0)) } else { Ok(None) }
    }
}
