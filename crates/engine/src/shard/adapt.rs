//! Opens a shard whose plan is not the one under which its state was saved.

use std::sync::Arc;

use gristmill_learn::{Component, StateError, StateReader, StateWriter};
use serde::Deserialize;
use serde_json::Value;

use super::sections::Sections;
use super::{Shard, ShardError};
use crate::plan::{Definition, definition};
use crate::resources::RunnablePlan;
use crate::rows::Partition;
use crate::section::Lost;

/// A shard opened under another plan than the one its state was saved under.
pub struct Adapted {
    /// The shard: parts whose definition is unchanged have kept their state.
    pub shard: Shard,
    /// The parts that have kept their state.
    pub kept: Vec<String>,
    /// The parts that have not: they begin untrained.
    pub changed: Vec<String>,
    /// Parts of the saved state that the plan does not have.
    pub dropped: Vec<String>,
    /// Rows that the discarded parts had taken in and that will have no effect.
    pub lost: Vec<Lost>,
}

/// Settings that steer how a step continues to learn and do not change what it stores.
const STEERING: [&str; 7] = ["lr", "intercept_lr", "l1", "l2", "grace_period", "delta", "tau"];

/// A part of a saved state: its name, its definition, its bytes.
type Part<'a> = (&'a str, &'a str, &'a [u8]);

impl Shard {
    /// A shard with the state that was saved under another plan. `keep`: steps of the model that keep their state
    /// although their settings have changed; refused if it may have another shape now.
    pub fn adapt(
        plan: &RunnablePlan,
        partition: Partition,
        saved: &[u8],
        keep: &[String],
    ) -> Result<Adapted, ShardError> {
        let mut shard = Self::open(plan, partition, None)?;
        let failed = |shard: &Self, source| ShardError::State { partition: shard.partition.clone(), source };
        let mut then = Vec::new();
        let read = shard.read_parts(saved, &mut then);
        read.map_err(|source| failed(&shard, source))?;
        let loaded = shard.load_parts(&mut then, keep);
        let (kept, changed) = loaded.map_err(|source| failed(&shard, source))?;
        let left: Vec<Part<'_>> = then.into_iter().flatten().collect();
        let dropped = left.iter().filter(|(name, ..)| !changed.iter().any(|changed| changed == name));
        let dropped = dropped.map(|(name, ..)| (*name).to_string()).collect();
        let lost = left
            .iter()
            .filter_map(|(name, _, bytes)| Sections::lost(name, bytes).transpose())
            .collect::<Result<_, _>>();
        Ok(Adapted { lost: lost.map_err(|source| failed(&shard, source))?, shard, kept, changed, dropped })
    }

    fn read_parts<'a>(&mut self, saved: &'a [u8], then: &mut Vec<Option<Part<'a>>>) -> Result<(), StateError> {
        let mut from = StateReader::new(saved);
        self.load_header(&mut from)?;
        for _ in 0..from.length(24)? {
            then.push(Some((from.text()?, from.text()?, from.bytes()?)));
        }
        from.end()
    }

    /// Loads the parts that are unchanged or to be kept, and removes them from `then`; the names of the parts that were
    /// loaded, and of those that were not.
    fn load_parts(
        &mut self,
        then: &mut [Option<Part<'_>>],
        keep: &[String],
    ) -> Result<(Vec<String>, Vec<String>), StateError> {
        let plan = Arc::clone(&self.plan);
        let definition = plan.definition();
        if let Some(name) = keep.iter().find(|name| !definition.iter().any(|known| known.name == **name)) {
            let names: Vec<&str> = definition.iter().map(|known| known.name.as_str()).collect();
            return Err(unfit(name, format!("this pipeline has no such part: it has {}", names.join(", "))));
        }
        let (mut kept, mut changed) = (Vec::new(), Vec::new());
        for (Definition { name, text }, part) in definition.iter().zip(self.sections.parts_mut()) {
            let is = |one: &Option<Part<'_>>, text: Option<&str>| {
                one.is_some_and(|(old, definition, _)| old == name && text.is_none_or(|text| text == definition))
            };
            let mut found = then.iter_mut().position(|one| is(one, Some(text)));
            if found.is_none() && keep.contains(name) {
                found = then.iter().position(|one| is(one, None));
                let old = found.and_then(|index| then.get(index).copied().flatten());
                let Some((_, old, _)) = old else { return Err(unfit(name, "the saved state does not have it".into())) };
                may_keep(old, text).map_err(|why| unfit(name, why))?;
            }
            let Some((_, _, bytes)) = found.and_then(|index| then.get_mut(index)?.take()) else {
                changed.push(name.clone());
                continue;
            };
            StateReader::into(bytes, part)?;
            if keep.contains(name) && StateWriter::of(part) != bytes {
                return Err(unfit(name, "its state has another shape now".into()));
            }
            kept.push(name.clone());
        }
        Ok((kept, changed))
    }
}

fn unfit(component: &str, why: String) -> StateError {
    StateError::Unfit { component: component.into(), why }
}

/// Whether a step of the model may keep its state: it sees the same inputs, and it and the earlier steps differ only in
/// settings that steer.
fn may_keep(old: &str, new: &str) -> Result<(), String> {
    let (old, new) = (definition::read(old).unwrap_or_default(), definition::read(new).unwrap_or_default());
    let steps = |definition: &Value| definition.get("steps")?.as_array().map(|steps| unsteered(steps));
    let (Some(then), Some(now), true) = (steps(&old), steps(&new), old.get("inputs") == new.get("inputs")) else {
        return Err("only steps of the model can be kept, and only where the features are what they were".into());
    };
    if then == now {
        return Ok(());
    }
    Err(format!(
        "its settings, or those of a step before it, have changed in more than {}, and what it keeps may have another shape",
        STEERING.map(|name| format!("`{name}`")).join(", ")
    ))
}

/// Steps with the steering settings at their defaults.
fn unsteered(steps: &[Value]) -> Vec<Value> {
    let step = |step: &Value| {
        let mut step = step.clone();
        leave_out(&mut step);
        Component::deserialize(&step).map_or(step, |component| definition::shortest(&component))
    };
    steps.iter().map(step).collect()
}

/// Removes steering settings, at any depth.
fn leave_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            STEERING.iter().for_each(|name| drop(fields.remove(*name)));
            fields.values_mut().for_each(leave_out);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_steers_is_left_out_and_nothing_else() {
        let of = |steps: Value| unsteered(steps.as_array().unwrap());
        let learner = |settings: Value| of(json!([{"standard_scaler": {}}, {"logistic_regression": settings}]));
        let plain = learner(json!({}));
        assert_eq!(learner(json!({"optimizer": {"sgd": {"lr": 0.25}}})), plain);
        assert_eq!(learner(json!({"l2": 1e-3, "intercept_lr": 0.5})), plain);
        assert_ne!(learner(json!({"optimizer": {"adam": {"lr": 0.1}}})), plain);
        let forest = |settings: Value| of(json!([{"bagging_classifier": settings}]));
        assert_ne!(forest(json!({"n_models": 11})), forest(json!({"n_models": 12})));
    }
}
