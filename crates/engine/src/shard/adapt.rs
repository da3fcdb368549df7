//! A shard whose plan is not the one that its state was saved under.

use std::sync::Arc;

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::{Shard, ShardError};
use crate::plan::Plan;
use crate::rows::Partition;

/// A shard whose plan is not the one that its state was saved under.
pub struct Adapted {
    /// The shard: parts whose definition is unchanged have kept their state.
    pub shard: Shard,
    /// The parts that have kept it.
    pub kept: Vec<String>,
    /// The parts that have not: they begin untrained.
    pub changed: Vec<String>,
    /// Parts of the saved state that the plan does not have.
    pub dropped: Vec<String>,
    /// What the parts that are gone had taken in and nothing will come of.
    pub lost: Vec<Lost>,
}

/// Rows that were read and that nothing will come of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// What they wait for, and what will not be done with them.
    pub what: &'static str,
    /// How many they are.
    pub rows: u64,
}

/// Settings that steer how a step goes on learning and do not change what it keeps.
const STEERING: [&str; 7] = ["lr", "intercept_lr", "l1", "l2", "grace_period", "delta", "tau"];

/// A part of a saved state: its name, its definition, its bytes.
type Part<'a> = (&'a str, &'a str, &'a [u8]);

impl Shard {
    /// A shard with the state that was saved under another plan. `keep`: steps of the model that keep their state although
    /// their settings have changed; refused where it may have another shape now.
    pub fn adapt(plan: Arc<Plan>, partition: Partition, saved: &[u8], keep: &[String]) -> Result<Adapted, ShardError> {
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
        let lost = left.iter().filter_map(|(name, _, bytes)| lost(name, bytes).transpose()).collect::<Result<_, _>>();
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

    /// Loads what is unchanged or to be kept, and takes it out of `then`; the names of the parts that were loaded, and of
    /// those that were not.
    fn load_parts(
        &mut self,
        then: &mut [Option<Part<'_>>],
        keep: &[String],
    ) -> Result<(Vec<String>, Vec<String>), StateError> {
        let plan = Arc::clone(&self.plan);
        let definition = plan.definition();
        if let Some(name) = keep.iter().find(|name| !definition.iter().any(|(known, _)| known == *name)) {
            let names: Vec<&str> = definition.iter().map(|(name, _)| name.as_str()).collect();
            return Err(unfit(name, format!("this pipeline has no such part: it has {}", names.join(", "))));
        }
        let (mut kept, mut changed) = (Vec::new(), Vec::new());
        for ((name, text), part) in definition.iter().zip(self.parts_mut()) {
            let is = |one: &Option<Part<'_>>, text: Option<&str>| {
                one.is_some_and(|(old, definition, _)| old == name && text.is_none_or(|text| text == definition))
            };
            let mut found = then.iter_mut().position(|one| is(one, Some(text)));
            if found.is_none() && keep.contains(name) {
                found = then.iter().position(|one| is(one, None));
                let old = found.and_then(|index| then.get(index).copied().flatten());
                let Some((_, old, _)) = old else { return Err(unfit(name, "the saved state does not have it".into())) };
                may_keep(&plan, old, text).map_err(|why| unfit(name, why))?;
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

/// What a part that is gone had taken in: how many rows waited.
fn lost(name: &str, bytes: &[u8]) -> Result<Option<Lost>, StateError> {
    let (component, before, what) = match name {
        "pending" => ("pending", 0, "wait for their labels and will never be learned"),
        "grace" => ("grace", 4, "wait for their turn and will never be answered"),
        _ => return Ok(None),
    };
    let mut from = StateReader::new(bytes);
    from.begin(component, 1)?;
    for _ in 0..before {
        from.u64()?;
    }
    let rows = from.u64()?;
    Ok((rows > 0).then_some(Lost { what, rows }))
}

/// Whether a step of the model may keep its state: it sees the same inputs, and it and the steps before it differ in
/// nothing but settings that steer.
fn may_keep(plan: &Plan, old: &str, new: &str) -> Result<(), String> {
    let definition = plan.definition();
    let first = plan.model.first().map(|step| format!(" {step:?}")).unwrap_or_default();
    let inputs = definition.iter().find_map(|(_, text)| text.strip_suffix(&first).filter(|_| !first.is_empty()));
    let (Some(old), Some(new)) =
        (inputs.and_then(|inputs| old.strip_prefix(inputs)), inputs.and_then(|inputs| new.strip_prefix(inputs)))
    else {
        return Err("only steps of the model can be kept, and only where the features are what they were".into());
    };
    if masked(old) == masked(new) {
        return Ok(());
    }
    Err(format!(
        "its settings, or those of a step before it, have changed in more than {}, and what it keeps may have another shape",
        STEERING.map(|name| format!("`{name}`")).join(", ")
    ))
}

/// The text of settings without the values of those that steer.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let words = text.split_inclusive(['{', ',']);
    words.for_each(|word| {
        let name = word.split_once(':').map(|(name, _)| name.trim());
        match name.filter(|name| STEERING.contains(name)) {
            Some(name) => {
                masked.push_str(name);
                // What closes behind the value belongs to the rest.
                masked.extend(word.chars().filter(|letter| "}),".contains(*letter)));
            }
            None => masked.push_str(word),
        }
    });
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_masked_and_nothing_else() {
        let text =
            |lr: &str, more: &str| format!("Logistic(Settings {{ optimizer: Sgd(Sgd {{ lr: {lr} }}), {more} }})");
        assert_eq!(masked(&text("0.1", "l2: 0.0")), masked(&text("0.25", "l2: 1e-3")));
        assert_ne!(masked(&text("0.1", "l2: 0.0")), masked(&text("0.1", "loss: Log")));
        assert_ne!(masked(&text("0.1", "models: 10")), masked(&text("0.1", "models: 20")));
        assert_ne!(masked("Sgd(Sgd { lr: 0.1 })"), masked("Adam(Adam { lr: 0.1 })"));
    }
}
