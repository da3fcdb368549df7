//! The commands of `gristmill model`.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::pretrained::Pretrained;
use gristmill_connect::broker::{BrokerError, Kind};
use gristmill_connect::connector;

use super::change::{ModelVersion, Stored};
use super::registry::ModelRegistry;

fn refused(why: impl Into<String>) -> BrokerError {
    BrokerError::new(Kind::Other, why)
}

fn open(plan: &Arc<Plan>) -> Result<(ModelRegistry, &Pretrained), BrokerError> {
    let Some(scoring) = &plan.scoring else {
        return Err(refused("this pipeline has no model from outside: `model: [{file: {path: …}}]` names one"));
    };
    if plan.input.shared() {
        // The group may never have run.
        connector::prepare(plan, &|| false, true)?;
    }
    let registry = ModelRegistry::open(plan)?.ok_or_else(|| {
        refused("a pipeline over a file takes the model that its document names: change `path` there")
    })?;
    Ok((registry, &scoring.model))
}

/// A model that can replace the document's own, stored in the topic.
fn stored(plan: &Arc<Plan>, name: &str, bytes: &[u8]) -> Result<(ModelRegistry, Stored), BrokerError> {
    let (registry, written) = open(plan)?;
    let reading = plan.scoring.as_ref().map(|scoring| scoring.reading).unwrap_or_default();
    let model = Pretrained::from_bytes(name, bytes, reading).map_err(refused)?;
    if let Some(why) = model.unlike(written) {
        return Err(refused(format!("{name} cannot stand in the place of {}: {why}", written.name)));
    }
    let stored = registry.store(name, bytes)?;
    Ok((registry, stored))
}

fn after(changes: &[ModelVersion]) -> ModelVersion {
    let newest = changes.iter().max_by_key(|change| change.number).cloned().unwrap_or_else(ModelVersion::nothing);
    ModelVersion { number: newest.number + 1, ..newest }
}

/// Replaces the model that scores.
pub fn set(plan: &Arc<Plan>, name: &str, bytes: &[u8]) -> Result<String, BrokerError> {
    let (registry, stored) = stored(plan, name, bytes)?;
    let why = format!("set {name}");
    let change = registry.add(&|changes| {
        Ok(ModelVersion { why: why.clone(), model: Some(stored.clone()), shadow: None, ..after(changes) })
    })?;
    Ok(told(&change))
}

/// Evaluates a model as a shadow.
pub fn shadow(plan: &Arc<Plan>, name: &str, bytes: &[u8]) -> Result<String, BrokerError> {
    if plan.label.is_none() {
        return Err(refused(
            "without a `label` nothing says which of two models is better: `model set` takes it at once",
        ));
    }
    if !plan.model.is_empty() {
        return Err(refused("a model is tried beside one that decides alone, and here a learner stands behind it"));
    }
    let (registry, stored) = stored(plan, name, bytes)?;
    let why = format!("shadow {name}");
    let change = registry
        .add(&|changes| Ok(ModelVersion { why: why.clone(), shadow: Some(stored.clone()), ..after(changes) }))?;
    Ok(told(&change))
}

/// Makes the shadow the model that scores.
pub fn promote(plan: &Arc<Plan>) -> Result<String, BrokerError> {
    let (registry, _) = open(plan)?;
    let change = registry.add(&|changes| {
        let newest = after(changes);
        let Some(tried) = newest.shadow.clone() else {
            return Err("no model is tried: `model shadow` tries one".into());
        };
        Ok(ModelVersion { why: format!("promote {}", tried.name), model: Some(tried), shadow: None, ..newest })
    })?;
    Ok(told(&change))
}

/// Returns to the model that scored before, or to that of a version; ends the shadow's evaluation.
pub fn rollback(plan: &Arc<Plan>, to: Option<u64>) -> Result<String, BrokerError> {
    let (registry, _) = open(plan)?;
    let change = registry.add(&|changes| {
        let newest = after(changes);
        let mut all = vec![ModelVersion::nothing()];
        all.extend(changes.iter().cloned());
        all.sort_by_key(|change| change.number);
        let chosen = match to {
            Some(number) => all.iter().find(|change| change.number == number),
            None => all.iter().rev().find(|change| change.model != newest.model),
        };
        let Some(chosen) = chosen else {
            return Err(match to {
                Some(number) => format!("there is no version {number}: `gristmill model list` shows them"),
                None => "no other model has scored yet".to_string(),
            });
        };
        let why = format!("rollback to {}", chosen.number);
        Ok(ModelVersion { why, model: chosen.model.clone(), shadow: None, ..newest })
    })?;
    Ok(told(&change))
}

/// All versions, the newest last.
pub fn list(plan: &Arc<Plan>) -> Result<String, BrokerError> {
    let (registry, written) = open(plan)?;
    let mut text = format!("0  {} of the document, digest {:032x}\n", written.name, written.digest);
    for change in registry.changes()? {
        text += &line(&change);
    }
    Ok(text)
}

fn shown(stored: Option<&Stored>) -> String {
    match stored {
        Some(Stored { name, digest, size, .. }) => format!("{name}, {size} bytes, digest {digest}"),
        None => "the document's own model".to_string(),
    }
}

fn line(change: &ModelVersion) -> String {
    let tried = change.shadow.as_ref().map(|tried| format!("; tried beside it: {}", shown(Some(tried))));
    format!("{}  {} ({}){}\n", change.number, shown(change.model.as_ref()), change.why, tried.unwrap_or_default())
}

fn told(change: &ModelVersion) -> String {
    format!("version {}each shard takes it with its next commit\n", line(change).replace('\n', ": "))
}
