//! The effect of a changed document on the state, and applying it.

use std::fmt;
use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::Stop;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Positions};
use gristmill::shard::{Adapted, Lost};

use gristmill_connect::committer::CommitterError;
use gristmill_connect::state::StateFailure;

use super::rebuild::{adapted, next_sequence, tail};
use super::show::{Done, loaded, put, untrained};
use super::store;

/// The effect of a changed document on the state of a partition.
#[derive(Debug)]
pub struct Change {
    partition: Partition,
    positions: Positions,
    kept: Vec<String>,
    untrained: Vec<String>,
    dropped: Vec<String>,
    lost: Vec<Lost>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.partition, self.positions)?;
        for (what, names) in
            [("begins untrained", &self.untrained), ("is no longer there", &self.dropped), ("is kept", &self.kept)]
        {
            if !names.is_empty() {
                writeln!(f, "  {what:<18} {}", names.join(", "))?;
            }
        }
        self.lost.iter().try_for_each(|Lost { what, rows }| writeln!(f, "  {:<18} {rows} rows {what}", "is lost"))
    }
}

/// The partitions whose state the document changes, and how each resumes. The steps of the model to `keep` keep their
/// state although their settings have changed.
pub fn changes(plan: &Arc<Plan>, keep: &[String]) -> Done<Vec<Change>> {
    let plan = &loaded(plan)?;
    let mut all = Vec::new();
    change(plan, keep, |_, change| {
        all.push(change);
        Ok(())
    })?;
    Ok(all)
}

/// Resets components whose definition has changed, except those to `keep`, and keeps the rest.
pub fn reset_changed(plan: &Arc<Plan>, keep: &[String]) -> Done<String> {
    let plan = &loaded(plan)?;
    let mut text = String::new();
    change(plan, keep, |install, change| {
        install()?;
        text += &format!("{} resumes at {}{}\n", change.partition, change.positions, untrained(&change.untrained));
        Ok(())
    })?;
    Ok(if text.is_empty() { "nothing has changed\n".into() } else { text })
}

type Install<'a> = &'a mut dyn FnMut() -> Done<()>;

fn change(plan: &RunnablePlan, keep: &[String], mut each: impl FnMut(Install<'_>, Change) -> Done<()>) -> Done<()> {
    let mut store = store::open(plan)?;
    for partition in store.partitions()? {
        let there = store.read(&partition, &|| true)?;
        let Some(saved) = there.slots.newest() else { continue };
        let positions = tail(&there);
        if saved.manifest.plan == plan.fingerprint() {
            continue;
        }
        let of = |all: &Positions| all.get(&partition.topic).unwrap_or_default();
        if !saved.manifest.positions.agree(&positions) || saved.manifest.sequence != next_sequence(&there) {
            let stop = Stop::OtherPlan { from: of(&saved.manifest.positions), to: of(&positions) };
            return Err(CommitterError::from(StateFailure::Stop { partition, stop }).into());
        }
        let Adapted { shard, kept, changed, dropped, lost } = adapted(plan, &partition, Some(&saved), keep)?;
        let change = Change { partition, positions: positions.clone(), kept, untrained: changed, dropped, lost };
        each(&mut || put(&mut *store, plan, &there, &shard, positions.clone()), change)?;
    }
    Ok(())
}
