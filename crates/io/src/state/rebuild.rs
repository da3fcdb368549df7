//! The state as of any position: the snapshot before it, and the records since, learned again with answers muted.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Kept, Saved, Stop};
use gristmill::rows::Partition;
use gristmill::shard::{Outbox, Shard};

use super::StateFailure;
use super::keeper::Past;
use crate::codec::Decoder;
use crate::ledger::{LedgerError, program};
use crate::source::Reread;

/// Where the group stands: after everything that was learned.
pub(super) fn tail(kept: &Kept) -> Option<i64> {
    let entry = kept.entries.iter().max_by_key(|entry| entry.sequence);
    let saved = kept.slots.newest(None).map(|saved| saved.manifest.position);
    entry.and_then(|entry| entry.next()).max(saved)
}

/// The sequence of the next commit.
pub(super) fn next_sequence(kept: &Kept) -> u64 {
    let entry = kept.entries.iter().map(|entry| entry.sequence + 1).max().unwrap_or(0);
    entry.max(kept.slots.newest(None).map_or(0, |saved| saved.manifest.sequence))
}

/// The state as a snapshot has it; parts that the plan defines otherwise, and those named, begin untrained.
pub(super) fn adapted(
    plan: &Arc<Plan>,
    partition: &Partition,
    saved: Option<&Saved>,
) -> Result<(Shard, Vec<String>), LedgerError> {
    match saved {
        Some(saved) => {
            let adapted = Shard::adapt(Arc::clone(plan), partition.clone(), &saved.state, &[])?;
            Ok((adapted.shard, adapted.changed))
        }
        None => Ok((Shard::open(Arc::clone(plan), partition.clone(), None)?, Vec::new())),
    }
}

/// The shard as of a position. `past` reads the records since the snapshot.
pub(super) fn rebuild(
    plan: &Arc<Plan>,
    partition: &Partition,
    kept: &Kept,
    position: i64,
    past: &mut Past,
) -> Result<Shard, crate::member::MemberError> {
    let saved = kept.slots.newest(Some(position));
    let begins = kept.entries.first().and_then(|entry| entry.from());
    let from = saved.as_ref().map(|saved| saved.manifest.position).or(begins).unwrap_or(kept.first);
    let stop = |stop| LedgerError::from(StateFailure::Stop { partition: partition.clone(), stop });
    if from < kept.first && from < position {
        return Err(stop(Stop::RowsGone { from, first: kept.first }).into());
    }
    let other = saved.as_ref().is_some_and(|saved| saved.manifest.program != program());
    if other && from < position {
        return Err(stop(Stop::OtherCode { snapshot: from, journal: position }).into());
    }
    let (mut shard, changed) = adapted(plan, partition, saved.as_ref())?;
    if !changed.is_empty() {
        return Err(LedgerError::from(StateFailure::Changed { partition: partition.clone(), changed }).into());
    }
    let mut decoder = Decoder::new(plan, past.header())
        .map_err(|why| crate::member::MemberError::Header { partition: partition.clone(), why })?;
    let after = saved.as_ref().map_or(0, |saved| saved.manifest.sequence);
    let runs = kept.entries.iter().filter(|entry| entry.sequence >= after).flat_map(|entry| &entry.runs);
    let mut runs = runs.filter(|run| run.flushed || run.consumed.count > 0).peekable();
    let mut next = from;
    loop {
        // Rows were looked up in the tables of their run, and rows that waited were taken at its end.
        while let Some(run) = runs.next_if(|run| run.consumed.next <= next) {
            if run.flushed {
                run.with_what_it_had(&mut shard)?;
                shard.flush(&mut Outbox::default())?;
            }
        }
        if next >= position {
            break;
        }
        let until = runs.peek().map_or(position, |run| position.min(run.consumed.next));
        if let Some(run) = runs.peek() {
            run.with_what_it_had(&mut shard)?;
        }
        match past.read(partition, next, until)? {
            // What is left before it are markers.
            Reread::End => next = until,
            Reread::Nothing => std::thread::sleep(std::time::Duration::from_millis(1)),
            Reread::Rows(mut raw) => {
                raw.truncate(raw.before(until));
                next = raw.next().unwrap_or(until);
                let (mut refusals, mut muted) = (Vec::new(), Outbox::default());
                let rows = decoder.decode(&raw, &mut refusals);
                shard.step(&raw, &rows, &mut refusals, &mut muted)?;
            }
        }
    }
    Ok(shard)
}
