//! Where what a member did is made visible and kept: answers, dead letters, positions, journal and snapshots of one
//! commit together, and how a shard finds its way back to them.

mod at_least_once;
mod commit_thread;
mod files;
mod restore;
mod state_loader;
mod transactional;

pub use files::FileCommitter;
pub use restore::{code, journal_wins, outcome_of, program, reopen, unchanged};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, CommitOutcome, Entry, Piece, Recovery};
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::{Outbox, Shard, ShardError};
use gristmill::spec::Guarantee;

use crate::dead_letters::DeadLetter;
use crate::kafka::{GroupMember, KafkaFailure, position_of};
use crate::sink::SinkError;
use crate::state::StateFailure;

/// What one shard has to make visible: never half of it.
#[derive(Debug, Clone)]
pub struct PartitionCommit {
    /// The shard's partition.
    pub partition: Partition,
    /// Its decisions.
    pub outbox: Outbox,
    /// Its records refused.
    pub dead_letters: Vec<DeadLetter>,
    /// What it consumed, for the journal.
    pub entry: Option<Entry>,
    /// The next position to read of each input, for the group's offsets. They go with every part, so that the group's
    /// generation is checked for each: a member that was expelled cannot add anything.
    pub positions: Positions,
    /// Pieces of a snapshot.
    pub pieces: Vec<Piece>,
}

/// What is made visible together. It is kept, byte for byte, until it is answered.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The shards' parts.
    pub parts: Vec<Arc<PartitionCommit>>,
    /// Whether somebody waits for it: a revocation, or the end of the run.
    pub urgent: bool,
}

impl Commit {
    /// Where the entries lie in the journal, from their places by the numbers of partitions.
    pub(crate) fn places(&self, entries: &BTreeMap<i32, i64>) -> Vec<(Partition, Position)> {
        let place =
            |part: &PartitionCommit| Some((part.partition.clone(), position_of(*entries.get(&part.partition.number)?)));
        self.last_parts().filter_map(place).collect()
    }

    /// The last part of each partition: with it the parts before it have landed, or have not.
    pub fn last_parts(&self) -> impl Iterator<Item = &PartitionCommit> {
        let last = |index: usize, part: &PartitionCommit| {
            !self.parts.iter().skip(index + 1).any(|one| one.partition == part.partition)
        };
        self.parts.iter().enumerate().filter(move |(index, part)| last(*index, part)).map(|(_, part)| part.as_ref())
    }
}

/// The largest piece of a snapshot in a topic: it must fit into a record that any broker takes by default.
pub(crate) const PIECE: usize = 900 << 10;

/// What a committer has to say.
#[derive(Debug, Clone)]
pub enum Answered {
    /// The commit was answered; where it is done, the places of the entries in the journal.
    Commit(Answer, Vec<(Partition, Position)>),
    /// Whatever was pending has ended: what became of each partition's parts.
    Resolved(Vec<(Partition, CommitOutcome)>),
}

/// A shard that this member had not long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The sequence of its next commit.
    pub sequence: u64,
    /// The next position to read of each input.
    pub positions: Positions,
}

/// How a shard goes on.
pub enum Found {
    /// Nobody else has added anything since: go on with the shard at hand.
    Unchanged,
    /// Go on with this one.
    Open(Box<Recovery>, Box<Shard>),
}

/// Why a committer cannot go on, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommitterError {
    /// Answers cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// State cannot be kept or used.
    #[error(transparent)]
    State(#[from] StateFailure),
    /// A shard cannot be opened.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

impl From<KafkaFailure> for CommitterError {
    fn from(failure: KafkaFailure) -> Self {
        Self::Sink(failure.into())
    }
}

/// Takes commits, one at a time, and remembers them.
pub trait Committer: Send {
    /// How a shard goes on, once that is found out; call again until then. `known`: the member still has the shard.
    fn load_state(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, CommitterError>;
    /// The partition belongs to somebody else: what [`Self::load_state`] has begun is not wanted any more.
    fn forget(&mut self, partition: &Partition);
    /// Parts that the next commit will carry: a committer may begin with them, so that the commit takes less time. They are
    /// all of them so far; fewer than the last time mean that it must begin anew. Nothing becomes visible by this.
    fn prewrite(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError>;
    /// Sends a commit. The one before it has been answered.
    fn send(&mut self, commit: Commit) -> Result<(), CommitterError>;
    /// After a commit whose outcome is unknown or that can never succeed: ends whatever is pending and finds out
    /// what became of the parts of each partition.
    fn resolve_outcome(&mut self, commit: Commit) -> Result<(), CommitterError>;
    /// The answer to what was sent, waiting for it as long as told.
    fn answer(&mut self, wait: Duration) -> Result<Option<Answered>, CommitterError>;
    /// The largest piece of a snapshot, and how much of it one commit may carry, in bytes.
    fn pieces(&self) -> (usize, usize);
}

/// The committer of a group on Kafka.
pub fn kafka(
    plan: &Arc<Plan>,
    seat: &Arc<GroupMember>,
    sinks: Vec<Box<dyn crate::sink::Sink>>,
    identity: &str,
    stopped: crate::sink::Stopped,
) -> Result<Box<dyn Committer>, CommitterError> {
    let loader = state_loader::StateLoader::start(Arc::clone(plan))?;
    let committer: Box<dyn commit_thread::BlockingCommitter> = match plan.guarantee {
        Guarantee::ExactlyOnce => Box::new(transactional::TransactionalCommitter::new(
            Arc::clone(plan),
            Arc::clone(seat),
            sinks,
            identity,
            stopped,
        )?),
        Guarantee::AtLeastOnce => {
            Box::new(at_least_once::AtLeastOnceCommitter::new(Arc::clone(plan), Arc::clone(seat), sinks, stopped)?)
        }
    };
    Ok(Box::new(commit_thread::CommitThread::start(committer, loader)?))
}
