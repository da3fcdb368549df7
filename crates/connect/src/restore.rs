//! Turns a recovery plan into a shard.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::OnceLock;

use gristmill::plan::Plan;
use gristmill::protocol::{
    Code, CommitOutcome, Recovery, Restored, Stop, StoredInput, StoredState, commit_outcome, restore,
};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Positions};
use gristmill::shard::{Shard, ShardError};
use gristmill::spec::Guarantee;
use xxhash_rust::xxh3::Xxh3;

use crate::commit::PartitionCommit;
use crate::committer::{CommitterError, Found, Known};
use crate::state::StateFailure;

/// The running program: only the program that built a state may rebuild it.
pub fn program() -> u64 {
    static PROGRAM: OnceLock<u64> = OnceLock::new();
    *PROGRAM.get_or_init(|| std::env::current_exe().and_then(digest).unwrap_or(0))
}

/// In small parts: the program is far larger than the memory that it needs otherwise.
fn digest(path: PathBuf) -> io::Result<u64> {
    let (mut file, mut part, mut digest) = (File::open(path)?, vec![0; 1 << 16], Xxh3::new());
    loop {
        match file.read(&mut part)? {
            0 => return Ok(digest.digest()),
            read => digest.update(part.get(..read).unwrap_or_default()),
        }
    }
}

/// The code that learns here: this plan, and the running program.
pub fn code(plan: &Plan) -> Code {
    Code { plan: plan.fingerprint(), program: program() }
}

/// Whether the journal counts if the group's offsets differ.
pub fn journal_wins(plan: &Plan) -> bool {
    // A group that also writes outside topics may have committed at least once before.
    plan.guarantee == Guarantee::AtLeastOnce || plan.outside().next().is_some()
}

/// Whether no other member has added to a shard that a member still has: `sequence` of the journal's last entry, and
/// the group's committed positions.
pub fn unchanged(plan: &Plan, known: &Known, sequence: Option<u64>, committed: &Positions) -> bool {
    let tail = sequence.map_or(!plan.journals(), |sequence| sequence + 1 == known.sequence);
    tail && *committed == known.positions
}

/// The outcome of the last part of an interrupted commit, when no transaction is pending any more: `sequence` of the
/// journal's last entry, and the group's committed positions.
pub fn outcome_of(part: &PartitionCommit, sequence: Option<u64>, committed: &Positions) -> CommitOutcome {
    match &part.entry {
        Some(entry) => commit_outcome(sequence, entry.sequence),
        None if part.pieces.is_empty() && *committed == part.positions => CommitOutcome::Committed,
        // Pieces of a snapshot may be written twice.
        None => CommitOutcome::Missing,
    }
}

/// Opens a shard from its stored state; none while a transaction is pending.
pub fn reopen(
    plan: &RunnablePlan,
    partition: &Partition,
    stored: &StoredState,
) -> Result<Option<Found>, CommitterError> {
    let stop = |input, stop| Err(StateFailure::Stop { partition: partition.beside(input), stop }.into());
    if !plan.journals() {
        for StoredInput { name, committed, first, .. } in &stored.inputs {
            if let Some(position) = committed.filter(|position| position < first) {
                return stop(name, Stop::RecordsGone { position, first: *first });
            }
        }
        let shard = Shard::open(plan, partition.clone(), None)?;
        return Ok(Some(Found::Open(Box::new(Recovery::without_state(stored)), Box::new(shard))));
    }
    let own = OnceCell::new();
    match restore(stored, &|| *own.get_or_init(|| code(plan)), journal_wins(plan), plan.snapshot().keep) {
        Restored::Wait => Ok(None),
        Restored::Stop(input, why) => stop(&input, why),
        Restored::Open(recovery) => {
            let shard = open(plan, partition, &recovery)?;
            Ok(Some(Found::Open(recovery, Box::new(shard))))
        }
    }
}

fn open(plan: &RunnablePlan, partition: &Partition, recovery: &Recovery) -> Result<Shard, CommitterError> {
    let Some(saved) = &recovery.saved else { return Ok(Shard::open(plan, partition.clone(), None)?) };
    if saved.manifest.plan == plan.fingerprint() {
        return Shard::open(plan, partition.clone(), Some(&saved.state)).map_err(unusable);
    }
    let adapted = Shard::adapt(plan, partition.clone(), &saved.state, &[]).map_err(unusable)?;
    if adapted.changed.is_empty() {
        return Ok(adapted.shard);
    }
    Err(StateFailure::Changed { partition: partition.clone(), changed: adapted.changed }.into())
}

/// The error of a run for a snapshot that it cannot read.
pub fn unusable(error: ShardError) -> CommitterError {
    match error {
        ShardError::State { partition, source } => StateFailure::Unusable { partition, source }.into(),
        other => other.into(),
    }
}
