//! The commands: what is kept, as of when, and how to repair it.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use gristmill::plan::{InputPlan, Plan};
use gristmill::protocol::Kept;
use gristmill::rows::Partition;
use gristmill::shard::{Shard, saved_parts};
use gristmill_learn::StateWriter;

use super::keeper::{Keeper, Place};
use super::rebuild::{adapted, next_sequence, rebuild, tail};
use super::{StateFailure, at_rest};
use crate::ledger::LedgerError;
use crate::lookup;
use crate::member::MemberError;
use crate::models;
use crate::python;

type Done<T> = Result<T, MemberError>;

/// The plan with what records were looked up in and scored by.
fn loaded(plan: &Arc<Plan>) -> Done<Arc<Plan>> {
    let plan = lookup::load(plan)?;
    models::load(&plan).map_err(LedgerError::from)?;
    python::started(&plan, 0).map_err(|source| {
        let partition = Partition::new(plan.input_name(), 0);
        gristmill::shard::ShardError::Model { partition, source }.into()
    })
}

fn refused(plan: &Plan, why: String) -> MemberError {
    LedgerError::from(StateFailure::Kept { place: plan.name.to_string(), why }).into()
}

/// The partitions that are meant: one, or all.
fn chosen(plan: &Plan, keeper: &Keeper, number: Option<i32>) -> Done<Vec<Partition>> {
    let all = keeper.partitions(plan)?;
    match number {
        None => Ok(all),
        Some(number) => match all.iter().find(|one| one.number == number) {
            Some(one) => Ok(vec![one.clone()]),
            None => Err(refused(plan, format!("there is no partition {number}: there are {}", all.len()))),
        },
    }
}

/// The state in words, partition by partition: positions, sequence, size, age, components.
pub fn show(plan: &Arc<Plan>) -> Done<String> {
    let keeper = Keeper::open(plan)?;
    let mut text = format!("pipeline   {}\n", plan.name);
    text += &match (&plan.input, plan.state.as_ref().and_then(|state| state.directory.as_ref())) {
        (InputPlan::File { .. }, Some(directory)) => format!("folder     {directory}\n"),
        _ => format!("topics     {}, {}\n", plan.journal_topic(), plan.state_topic()),
    };
    for partition in keeper.partitions(plan)? {
        text += &show_partition(&partition, &keeper.kept(&partition)?);
    }
    Ok(text)
}

fn show_partition(partition: &Partition, kept: &Kept) -> String {
    let mut text = format!("\n{partition}\n");
    match kept.entries.iter().max_by_key(|entry| entry.sequence) {
        Some(last) => text += &format!("journal    commit {} at {}\n", last.sequence, last.next().unwrap_or(0)),
        None => text += "journal    nothing committed\n",
    }
    if let Some(offsets) = kept.offsets.filter(|offsets| Some(*offsets) != tail(kept)) {
        text += &format!("group      at {offsets}: not where the journal ends\n");
    }
    let Some(saved) = kept.slots.newest(None) else { return text + "snapshot   none\n" };
    let positions: Vec<String> = kept.slots.valid().iter().map(|manifest| manifest.position.to_string()).collect();
    let age = kept.slots.written(saved.manifest.slot).and_then(age).unwrap_or_default();
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
pub fn as_of(plan: &Arc<Plan>, partition: Option<i32>, position: Option<i64>) -> Done<Vec<(i32, Vec<u8>)>> {
    let plan = &loaded(plan)?;
    let keeper = Keeper::open(plan)?;
    let mut past = keeper.past(plan)?;
    let chosen = chosen(plan, &keeper, partition)?;
    let states = chosen.into_iter().map(|partition| {
        let kept = keeper.kept(&partition)?;
        let end = tail(&kept).ok_or_else(|| {
            refused(plan, format!("nothing was learned of {partition} yet; every run saves its state when it ends"))
        })?;
        let at = position.unwrap_or(end);
        if at > end {
            return Err(refused(plan, format!("{partition} has come to {end}: {at} is still to be read")));
        }
        let shard = rebuild(plan, &partition, &kept, at, &mut past)?;
        Ok((partition.number, StateWriter::of(&shard)))
    });
    states.collect()
}

/// Writes states to a file, or, where there are several, to a folder with a file for each partition.
pub fn write(out: &Path, states: &[(i32, Vec<u8>)]) -> std::io::Result<()> {
    if let [(_, state)] = states {
        return std::fs::write(out, state);
    }
    std::fs::create_dir_all(out)?;
    states.iter().try_for_each(|(number, state)| std::fs::write(out.join(number.to_string()), state))
}

fn put(keeper: &mut Keeper, plan: &Arc<Plan>, kept: &Kept, shard: &Shard, position: i64) -> Done<()> {
    let from = tail(kept).unwrap_or(position);
    let place = Place { sequence: next_sequence(kept), from, position, slot: kept.slots.next(plan.snapshot().keep) };
    Ok(keeper.install(plan, shard.partition(), &shard.snapshot(), place)?)
}

/// Goes on from where the group stands with what there is: the newest snapshot, or untrained. What lies between is not
/// learned.
pub fn adopt(plan: &Arc<Plan>, partition: Option<i32>) -> Done<String> {
    let plan = &loaded(plan)?;
    let mut keeper = Keeper::open(plan)?;
    let mut text = String::new();
    for partition in chosen(plan, &keeper, partition)? {
        let kept = keeper.kept(&partition)?;
        let Some(position) = kept.offsets.or(tail(&kept)) else { continue };
        let saved = kept.slots.newest(None);
        let (shard, changed) = adapted(plan, &partition, saved.as_ref())?;
        put(&mut keeper, plan, &kept, &shard, position)?;
        let with = saved.map_or("untrained".into(), |saved| format!("as of {}", saved.manifest.position));
        text += &format!("{partition} goes on at {position}, {with}{}\n", untrained(&changed));
    }
    Ok(text)
}

fn untrained(changed: &[String]) -> String {
    if changed.is_empty() { String::new() } else { format!("; untrained: {}", changed.join(", ")) }
}

/// Takes the model and the group back to a position.
pub fn reset_to(plan: &Arc<Plan>, partition: Option<i32>, position: i64) -> Done<String> {
    let plan = &loaded(plan)?;
    let mut keeper = Keeper::open(plan)?;
    let chosen = chosen(plan, &keeper, partition)?;
    let [partition] = chosen.as_slice() else {
        return Err(refused(plan, format!("there are {} partitions: say which, with `--partition`", chosen.len())));
    };
    let kept = keeper.kept(partition)?;
    if let Some(end) = tail(&kept).filter(|end| position > *end) {
        return Err(refused(plan, format!("{partition} has come to {end}: {position} is still to be read")));
    }
    let mut past = keeper.past(plan)?;
    let shard = rebuild(plan, partition, &kept, position, &mut past)?;
    put(&mut keeper, plan, &kept, &shard, position)?;
    Ok(format!("{partition} is back at {position}: what was written after it will be written again\n"))
}

/// Lets components whose definition has changed begin untrained, and keeps the rest.
pub fn reset_changed(plan: &Arc<Plan>) -> Done<String> {
    let plan = &loaded(plan)?;
    let mut keeper = Keeper::open(plan)?;
    let mut text = String::new();
    for partition in keeper.partitions(plan)? {
        let kept = keeper.kept(&partition)?;
        let Some(saved) = kept.slots.newest(None) else { continue };
        let end = tail(&kept).unwrap_or(saved.manifest.position);
        if saved.manifest.position != end || saved.manifest.sequence != next_sequence(&kept) {
            let (snapshot, journal) = (saved.manifest.position, end);
            let stop = gristmill::protocol::Stop::OtherCode { snapshot, journal };
            return Err(LedgerError::from(StateFailure::Stop { partition, stop }).into());
        }
        let (shard, changed) = adapted(plan, &partition, Some(&saved))?;
        if changed.is_empty() {
            continue;
        }
        put(&mut keeper, plan, &kept, &shard, end)?;
        text += &format!("{partition} goes on at {end}{}\n", untrained(&changed));
    }
    Ok(if text.is_empty() { "nothing has changed\n".into() } else { text })
}

/// Forgets the state: the next run starts over.
pub fn reset(plan: &Arc<Plan>) -> Done<()> {
    Ok(Keeper::open(plan)?.forget(plan)?)
}

/// Whether the state may be changed: nobody is at work.
pub fn resting(plan: &Plan) -> Done<()> {
    if let InputPlan::Kafka { .. } = plan.input {
        at_rest(plan).map_err(LedgerError::from)?;
    }
    Ok(())
}
