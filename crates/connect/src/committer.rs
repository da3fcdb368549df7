//! What makes a commit visible and keeps it, and how a shard finds its way back to it.

use std::sync::Arc;
use std::time::Duration;

use gristmill::protocol::{Answer, CommitOutcome, Recovery};
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::{Shard, ShardError};

use crate::broker::BrokerError;
use crate::commit::{Commit, PartitionCommit};
use crate::sink::SinkError;
use crate::state::StateFailure;

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

impl CommitterError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Sink(error) => error.broker(),
            Self::State(_) | Self::Shard(_) => None,
        }
    }
}

impl From<BrokerError> for CommitterError {
    fn from(failure: BrokerError) -> Self {
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
