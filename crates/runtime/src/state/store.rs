//! What the commands do with a pipeline's state: open it where there is any, and install another.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Code, Consumed, Entry, Manifest, Piece, Run};
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::Outbox;
use gristmill_connect::commit::PartitionCommit;
use gristmill_connect::committer::CommitterError;
use gristmill_connect::connector;
use gristmill_connect::restore::code;
use gristmill_connect::state::StateFailure;
use gristmill_connect::store::StateStore;

/// Opens what the plan says.
pub(super) fn open(plan: &Arc<Plan>) -> Result<Box<dyn StateStore>, CommitterError> {
    keeps(plan)?;
    connector::input(plan)?.store(plan)
}

/// Installs this as the state of a partition, at this position: a journal entry, with a snapshot after it. The
/// group must have no members.
pub(super) fn install(
    store: &mut dyn StateStore,
    plan: &Arc<Plan>,
    partition: &Partition,
    state: &[u8],
    place: Place,
) -> Result<(), CommitterError> {
    let Place { sequence, from, positions, slot } = place;
    let run = |(input, next): (&Arc<str>, Position)| {
        let consumed = Consumed { next, ..Consumed::nothing(from.get(input).unwrap_or(next)) };
        Run { topic: Arc::clone(input), consumed, flushed: false, tick: None, tables: 0, version: 0 }
    };
    let code = code(plan);
    let Code { plan: fingerprint, program } = code;
    let about = Manifest {
        slot,
        sequence: sequence + 1,
        positions: positions.clone(),
        program,
        plan: fingerprint,
        ..Manifest::default()
    };
    let runs = positions.iter().map(run).collect();
    store.install(PartitionCommit {
        partition: partition.clone(),
        outbox: Outbox::default(),
        dead_letters: Vec::new(),
        entry: Some(Entry { sequence, runs, code: Some(code), installed: true }),
        positions,
        pieces: Piece::cut(about, state, store.largest_piece()).into(),
    })
}

/// Deletes everything, whatever it is: the next run starts over.
pub(super) fn forget(plan: &Plan) -> Result<(), CommitterError> {
    keeps(plan)?;
    connector::input(plan)?.forget(plan)
}

/// Whether there is any state to show or to change.
fn keeps(plan: &Plan) -> Result<(), StateFailure> {
    if plan.journals() {
        return Ok(());
    }
    let why = if plan.input.shared() {
        "this pipeline keeps none: nothing in it depends on the records before"
    } else {
        "this pipeline keeps none; add `state: {directory: …}` to keep it"
    };
    Err(StateFailure::StoredState { place: plan.name.to_string(), why: why.into() })
}

/// Whether a snapshot is at or before a position of the first input.
pub(super) fn reaches(manifest: &Manifest, partition: &Partition, position: Position) -> bool {
    manifest.positions.get(&partition.topic).is_some_and(|saved| saved <= position)
}

/// Where a state is installed.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The sequence of the entry.
    pub(super) sequence: u64,
    /// The journal's position so far.
    pub(super) from: Positions,
    /// The next position to read of each input.
    pub(super) positions: Positions,
    /// The snapshot's slot.
    pub(super) slot: u32,
}
