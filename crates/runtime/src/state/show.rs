//! The state commands: show, export, and repair.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use gristmill::plan::Plan;
use gristmill::protocol::{StoredInput, StoredState};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::{Adapted, Shard, saved_parts};
use gristmill_connect::committer::CommitterError;
use gristmill_connect::connector;
use gristmill_connect::source::SourceError;
use gristmill_connect::state::StateFailure;
use gristmill_connect::store::StateStore;
use gristmill_learn::StateWriter;

use super::rebuild::{adapted, next_sequence, rebuild, tail};
use super::store::{self, Place};
use crate::member::MemberError;
use crate::models;
use crate::python;
use crate::resources;

pub(super) type Done<T> = Result<T, MemberError>;

/// The plan with the tables and models with which records were looked up and scored.
pub(super) fn loaded(plan: &Arc<Plan>) -> Done<RunnablePlan> {
    let plan = resources::load(plan)?;
    models::load(&plan).map_err(CommitterError::from)?;
    python::started(&plan, 0).map_err(|source| {
        let partition = Partition::new(plan.input_name(), 0);
        gristmill::shard::ShardError::Model { partition, source }.into()
    })
}

fn refused(plan: &Plan, why: String) -> MemberError {
    CommitterError::from(StateFailure::StoredState { place: plan.name.to_string(), why }).into()
}

/// The selected partitions: one, or all.
fn chosen(plan: &Plan, store: &dyn StateStore, number: Option<i32>) -> Done<Vec<Partition>> {
    let all = store.partitions()?;
    match number {
        None => Ok(all),
        Some(number) => match all.iter().find(|one| one.number == number) {
            Some(one) => Ok(vec![one.clone()]),
            None => Err(refused(plan, format!("there is no partition {number}: there are {}", all.len()))),
        },
    }
}

/// What is kept of a partition, with the journal since the newest snapshot at or before a position of its first input.
fn since(store: &dyn StateStore, partition: &Partition, position: Position) -> Done<StoredState> {
    Ok(store.read_since(partition, &|manifest| store::reaches(manifest, partition, position), &|| true)?)
}

/// The state as text, partition by partition: positions, sequence, size, age, components.
pub fn show(plan: &Arc<Plan>) -> Done<String> {
    let store = store::open(plan)?;
    let (heading, place) = store.described();
    let mut text = format!("pipeline   {}\n{heading:<10} {place}\n", plan.name);
    for partition in store.partitions()? {
        text += &show_partition(&partition, &store.read(&partition, &|| true)?);
    }
    Ok(text)
}

fn show_partition(partition: &Partition, stored: &StoredState) -> String {
    let mut text = format!("\n{partition}\n");
    match stored.entries.iter().max_by_key(|entry| entry.sequence) {
        Some(last) => text += &format!("journal    commit {} at {}\n", last.sequence, last.ends()),
        None => text += "journal    nothing committed\n",
    }
    let committed = stored.committed();
    if !committed.is_empty() && committed != tail(stored) {
        text += &format!("group      at {committed}: not where the journal ends\n");
    }
    let Some(saved) = stored.slots.newest() else { return text + "snapshot   none\n" };
    let positions: Vec<String> = stored.slots.valid().iter().map(|manifest| manifest.positions.to_string()).collect();
    let age = stored.slots.written(saved.manifest.slot).and_then(age).unwrap_or_default();
    text += &format!("snapshot   at {}, {} bytes{age}\n", positions.join(", "), saved.state.len());
    for part in saved_parts(&saved.state).unwrap_or_default() {
        text += &format!("           {:>9} bytes of {}\n", part.size, part.name);
    }
    text
}

/// How long ago a record was written.
fn age(milliseconds: i64) -> Option<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = (i64::try_from(now.as_millis()).ok()? - milliseconds).max(0) / 1_000;
    Some(format!(", {seconds} s old"))
}

/// The state of a partition as of a position, or as of the last commit; canonical: equal models have equal bytes.
pub fn as_of(plan: &Arc<Plan>, partition: Option<i32>, position: Option<Position>) -> Done<Vec<(i32, Vec<u8>)>> {
    let plan = &loaded(plan)?;
    let store = store::open(plan)?;
    let mut past = store.past()?;
    let chosen = chosen(plan, &*store, partition)?;
    let states = chosen.into_iter().map(|partition| {
        let stored = store.read(&partition, &|| true)?;
        let end = tail(&stored).get(&partition.topic).ok_or_else(|| {
            refused(plan, format!("nothing was learned of {partition} yet; every run saves its state when it ends"))
        })?;
        let at = position.unwrap_or(end);
        if at > end {
            return Err(refused(plan, format!("{partition} has come to {end}: {at} is still to be read")));
        }
        let (shard, _) = rebuild(plan, &partition, &since(&*store, &partition, at)?, at, &mut *past)?;
        Ok((partition.number, StateWriter::of(&shard)))
    });
    states.collect()
}

/// Writes states to a file, or, if there are several, to a folder with a file for each partition.
pub fn write(out: &Path, states: &[(i32, Vec<u8>)]) -> std::io::Result<()> {
    if let [(_, state)] = states {
        return write_whole(out, state);
    }
    std::fs::create_dir_all(out)?;
    states.iter().try_for_each(|(number, state)| write_whole(&out.join(number.to_string()), state))
}

/// Until it is complete a file has another name, so that an incomplete state is never taken for a complete one.
fn write_whole(path: &Path, state: &[u8]) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        return std::fs::write(path, state);
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, state)?;
    std::fs::rename(&part, path)
}

pub(super) fn put(
    store: &mut dyn StateStore,
    plan: &Arc<Plan>,
    stored: &StoredState,
    shard: &Shard,
    positions: Positions,
) -> Done<()> {
    let from = tail(stored);
    let place =
        Place { sequence: next_sequence(stored), from, positions, slot: stored.slots.next(plan.snapshot().keep) };
    Ok(store::install(store, plan, shard.partition(), &shard.snapshot(), place)?)
}

/// Resumes where the group stands, or where the input begins now, with what exists: the newest snapshot, or untrained.
/// Records in between are not learned.
pub fn adopt(plan: &Arc<Plan>, partition: Option<i32>) -> Done<String> {
    if !plan.journals() && plan.input.shared() {
        return adopt_positions(plan, partition);
    }
    let plan = &loaded(plan)?;
    let mut store = store::open(plan)?;
    let mut text = String::new();
    for partition in chosen(plan, &*store, partition)? {
        let stored = store.read(&partition, &|| true)?;
        let learned = tail(&stored);
        let stands = |StoredInput { name, committed, first, .. }: &StoredInput| {
            Some((Arc::clone(name), committed.or(learned.get(name))?.max(*first)))
        };
        let positions: Positions = stored.inputs.iter().filter_map(stands).collect();
        if positions.is_empty() {
            continue;
        }
        let mut saved = stored.slots.newest();
        let adopted = match adapted(plan, &partition, saved.as_ref(), &[]) {
            Err(CommitterError::State(StateFailure::Unusable { .. })) => {
                saved = None;
                adapted(plan, &partition, None, &[])
            }
            adopted => adopted,
        };
        let Adapted { shard, changed, .. } = adopted?;
        put(&mut *store, plan, &stored, &shard, positions.clone())?;
        let with = saved.map_or("untrained".into(), |saved| format!("as of {}", saved.manifest.positions));
        text += &format!("{partition} resumes at {positions}, {with}{}\n", untrained(&changed));
    }
    Ok(text)
}

/// The same without stored state: records that were deleted before they were read are skipped.
fn adopt_positions(plan: &Arc<Plan>, partition: Option<i32>) -> Done<String> {
    let mut store = connector::input(plan).map_err(SourceError::from)?.store(plan)?;
    let mut text = String::new();
    for partition in chosen(plan, &*store, partition)? {
        let stored = store.read(&partition, &|| true)?;
        for StoredInput { name, committed, first, .. } in &stored.inputs {
            if committed.is_some_and(|position| position < *first) {
                let partition = partition.beside(name);
                store.commit_position(&partition, *first)?;
                text += &format!("{partition} resumes at {first}\n");
            }
        }
    }
    Ok(if text.is_empty() { "nothing is to be repaired: this pipeline keeps no state\n".into() } else { text })
}

pub(super) fn untrained(changed: &[String]) -> String {
    if changed.is_empty() { String::new() } else { format!("; untrained: {}", changed.join(", ")) }
}

/// Restores the model and the group to a position.
pub fn reset_to(plan: &Arc<Plan>, partition: Option<i32>, position: Position) -> Done<String> {
    let plan = &loaded(plan)?;
    let mut store = store::open(plan)?;
    let chosen = chosen(plan, &*store, partition)?;
    let [partition] = chosen.as_slice() else {
        return Err(refused(plan, format!("there are {} partitions: say which, with `--partition`", chosen.len())));
    };
    let stored = store.read(partition, &|| true)?;
    if let Some(end) = tail(&stored).get(&partition.topic).filter(|end| position > *end) {
        return Err(refused(plan, format!("{partition} has come to {end}: {position} is still to be read")));
    }
    let mut past = store.past()?;
    let (shard, positions) = rebuild(plan, partition, &since(&*store, partition, position)?, position, &mut *past)?;
    put(&mut *store, plan, &stored, &shard, positions)?;
    Ok(format!("{partition} is back at {position}: what was written after it will be written again\n"))
}

/// Deletes the state: the next run starts over.
pub fn reset(plan: &Arc<Plan>) -> Done<()> {
    Ok(store::forget(plan)?)
}

/// Whether the state may be changed: the group has no members.
pub fn resting(plan: &Plan) -> Done<()> {
    Ok(connector::input(plan).map_err(SourceError::from)?.at_rest(plan)?)
}
