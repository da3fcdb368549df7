//! The state as of any position: the snapshot before it, and the records since, replayed with outputs suppressed.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Consumed, Entry, Learned, Run, Saved, Stop, StoredInput, StoredState, learned, lineage};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::{Adapted, Outbox, Shard};

use gristmill_connect::committer::CommitterError;
use gristmill_connect::restore::{code, journal_wins, unusable};
use gristmill_connect::source::Reread;
use gristmill_connect::state::StateFailure;
use gristmill_connect::store::Past;
use gristmill_formats::Decoders;

use super::store::reaches;
use crate::member::MemberError;

/// The group's position: after everything that was learned.
pub(super) fn tail(stored: &StoredState) -> Positions {
    let entry = stored.entries.iter().max_by_key(|entry| entry.sequence);
    let saved = stored.slots.newest().map(|saved| (saved.manifest.sequence, saved.manifest.positions));
    let ends = entry.map(|entry| (entry.sequence + 1, entry.ends()));
    let (older, newer) = if ends > saved { (saved, ends) } else { (ends, saved) };
    let known = |name: &str| [&newer, &older].into_iter().flatten().find_map(|(_, positions)| positions.get(name));
    stored.inputs.iter().filter_map(|StoredInput { name, .. }| Some((Arc::clone(name), known(name)?))).collect()
}

/// The sequence of the next commit.
pub(super) fn next_sequence(stored: &StoredState) -> u64 {
    let entry = stored.entries.iter().map(|entry| entry.sequence + 1).max().unwrap_or(0);
    entry.max(stored.slots.newest().map_or(0, |saved| saved.manifest.sequence))
}

/// The state of a snapshot; parts with other definitions in the plan begin untrained, except those to `keep`.
pub(super) fn adapted(
    plan: &RunnablePlan,
    partition: &Partition,
    saved: Option<&Saved>,
    keep: &[String],
) -> Result<Adapted, CommitterError> {
    let shard = || Shard::open(plan, partition.clone(), None);
    Ok(match saved {
        // A part that was to be kept and cannot be reports it itself.
        Some(saved) => Shard::adapt(plan, partition.clone(), &saved.state, keep)
            .map_err(|error| if keep.is_empty() { unusable(error) } else { error.into() })?,
        None => Adapted { shard: shard()?, kept: vec![], changed: vec![], dropped: vec![], lost: vec![] },
    })
}

/// The shard as of a position of its first input, and its positions then. `past` reads the records since the snapshot; `kept`
/// has the journal since then.
pub(super) fn rebuild(
    plan: &RunnablePlan,
    partition: &Partition,
    stored: &StoredState,
    position: Position,
    past: &mut dyn Past,
) -> Result<(Shard, Positions), MemberError> {
    let saved = stored.slots.newest_of(|manifest| reaches(manifest, partition, position));
    let Adapted { mut shard, mut changed, dropped, .. } = adapted(plan, partition, saved.as_ref(), &[])?;
    changed.extend(dropped);
    if !changed.is_empty() {
        let (partition, changed) = (partition.clone(), changed);
        return Err(CommitterError::from(StateFailure::OtherDocument { partition, position, changed }).into());
    }
    let runs = way(plan, partition, stored, saved.as_ref(), position).map_err(CommitterError::from)?;
    let mut decoders = Decoders::new(plan, &past.headers())
        .map_err(|why| MemberError::Header { partition: partition.clone(), why })?;
    let mut positions = saved.map(|saved| saved.manifest.positions.among(&plan.inputs)).unwrap_or_default();
    for run in runs {
        let until = if run.topic == partition.topic { run.consumed.next.min(position) } else { run.consumed.next };
        replay(run, until, &mut shard, &mut decoders, past)?;
        positions.set(&run.topic, until);
    }
    positions.set(&partition.topic, position);
    Ok((shard, positions))
}

/// Replays a run, with outputs suppressed, up to a position of its input.
fn replay(
    run: &Run,
    until: Position,
    shard: &mut Shard,
    decoders: &mut Decoders,
    past: &mut dyn Past,
) -> Result<(), MemberError> {
    let (mut next, partition) = (run.consumed.from, shard.partition().beside(&run.topic));
    if run.consumed.count > 0 || run.releases() {
        run.with_what_it_had(shard)?;
    }
    let mut found = Consumed::nothing(run.consumed.from);
    while run.consumed.count > 0 && next < until {
        match past.read(&partition, next, until)? {
            // Only markers remain before it.
            Reread::End => next = until,
            Reread::Nothing => std::thread::sleep(std::time::Duration::from_millis(1)),
            Reread::Rows(mut raw) => {
                raw.truncate(raw.before(until));
                next = raw.next().unwrap_or(until);
                raw.iter().for_each(|record| found.add(&record));
                let (mut refusals, mut muted) = (Vec::new(), Outbox::default());
                let rows = decoders.decode(&raw, &mut refusals);
                shard.step(&raw, &rows, &mut refusals, &mut muted)?;
            }
        }
    }
    if until == run.consumed.next {
        run.check(&partition, &found)?;
        run.release(shard)?;
    }
    Ok(())
}

/// The runs that lead from a snapshot, or from nothing, to a position of the first input; refused if some are missing,
/// or would be learned differently.
fn way<'a>(
    plan: &Plan,
    partition: &Partition,
    stored: &'a StoredState,
    saved: Option<&Saved>,
    position: Position,
) -> Result<Vec<&'a Run>, StateFailure> {
    let name = &partition.topic;
    let from = saved.and_then(|saved| saved.manifest.positions.get(name));
    let gone = || StateFailure::NotKept {
        partition: partition.clone(),
        position,
        snapshots: stored.slots.valid().iter().filter_map(|manifest| manifest.positions.get(name)).collect(),
    };
    let entries = match lineage(stored, saved, journal_wins(plan)) {
        Some(entries) => entries,
        // Later entries are not needed.
        None if from == Some(position) => Vec::new(),
        None => return Err(gone()),
    };
    let begins =
        from.or(entries.first().and_then(|entry| entry.begins().get(name))).filter(|begins| *begins <= position);
    let begins = begins.ok_or_else(gone)?;
    let used = leading(entries, name, begins, position).ok_or_else(gone)?;
    let runs: Vec<&Run> = used.iter().flat_map(|entry| &entry.runs).collect();
    let read = || runs.iter().copied().filter(|run| run.consumed.count > 0);
    match learned(used.into_iter().filter(|_| read().next().is_some()), saved, &|| code(plan)) {
        Learned::Here => {}
        Learned::ByOtherProgram => {
            let stop = Stop::OtherProgram { from: begins, to: position };
            return Err(StateFailure::Stop { partition: partition.clone(), stop });
        }
        Learned::UnderOtherPlan => {
            return Err(StateFailure::OtherDocument { partition: partition.clone(), position, changed: Vec::new() });
        }
    }
    let firsts = stored.first();
    let gone = |run: &Run| {
        let first = firsts.get(&run.topic).filter(|first| run.consumed.from < *first)?;
        let stop = Stop::RowsGone { from: run.consumed.from, first };
        Some(StateFailure::Stop { partition: partition.beside(&run.topic), stop })
    };
    let gone = read().find_map(gone);
    gone.map_or(Ok(runs.clone()), Err)
}

/// The entries that lead from one position of an input to another; none if they do not reach it.
fn leading<'a>(entries: Vec<&'a Entry>, name: &str, begins: Position, to: Position) -> Option<Vec<&'a Entry>> {
    let (mut at, mut used) = (begins, Vec::new());
    for entry in entries {
        let (Some(first), Some(next)) = (entry.begins().get(name), entry.ends().get(name)) else { continue };
        // Records lead neither across a state that a command has installed, nor back.
        if entry.installed || next < first || (at >= to && next > to) {
            break;
        }
        at = next;
        used.push(entry);
    }
    (at >= to).then_some(used)
}
