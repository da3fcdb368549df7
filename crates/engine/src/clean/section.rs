//! The rules of a shard: what their state depends on.

use gristmill_learn::LearnError;
use serde_json::{Map, Value, json};

use super::Cleaner;
use crate::plan::Plan;
use crate::plan::definition::{Definition, given, shortest};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Counted, Figure, Section, each_is_a_part};

/// What each rule has changed, flagged or refused.
static CHANGED: Figure = Figure::summed("clean", "clean", |values| format!("{} {}", values.count, values.of));

impl Section for Vec<Cleaner> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(plan.clean.clone())
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let definition = |rule: &Cleaner| {
            let of = json!({
                "rule": shortest(&rule.written),
                "columns": plan.typed_columns(),
                "key": plan.named(plan.key),
            });
            Definition::new(&rule.name, &given(of))
        };
        plan.clean.iter().map(definition).collect()
    }

    each_is_a_part!();

    fn counted(&self, _: &Plan) -> Vec<Counted> {
        let changed = self.iter().map(|rule| CHANGED.of(&rule.name, rule.count()));
        let forgotten = self.iter().map(|rule| Figure::FORGOTTEN.of(&rule.name, rule.forgotten()));
        changed.chain(forgotten.filter(|keys| keys.count > 0)).collect()
    }
}
