//! The rules of a shard: what their state depends on.

use gristmill_learn::LearnError;
use serde_json::{Map, Value, json};

use super::Augmenter;
use crate::plan::Plan;
use crate::plan::definition::{Definition, shortest};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Counted, Figure, Section, each_is_a_part};

/// The number of examples that each rule has added or removed.
static CHANGED: Figure = Figure::summed("augment", "augment", |rows| format!("{} {}", rows.count, rows.of));

impl Section for Option<Augmenter> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(Augmenter::new(&plan.augment, &plan.signature))
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        if plan.augment.is_empty() {
            return Vec::new();
        }
        seen.insert("augment".into(), plan.augment.iter().map(shortest).collect());
        vec![Definition::new("augment", &json!(seen))]
    }

    each_is_a_part!();

    fn counted(&self, _: &Plan) -> Vec<Counted> {
        let counts = self.iter().flat_map(Augmenter::counts);
        counts.map(|(rule, count)| CHANGED.of(rule, count)).collect()
    }
}
