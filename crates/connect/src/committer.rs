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

/// A committer's result.
#[derive(Debug, Clone)]
pub enum Answered {
    /// The commit was answered; if it is done, with the positions of the entries in the journal.
    Commit(Answer, Vec<(Partition, Position)>),
    /// No transaction is pending any more: the outcome of each partition's parts.
    Resolved(Vec<(Partition, CommitOutcome)>),
}

/// A shard that this member owned recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The sequence of its next commit.
    pub sequence: u64,
    /// The next position to read of each input.
    pub positions: Positions,
}

/// How a shard resumes.
pub enum Found {
    /// No other member has added anything since: resume with the shard in memory.
    Unchanged,
    /// Resume with this one.
    Open(Box<Recovery>, Box<Shard>),
}

/// Why a committer cannot continue, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommitterError {
    /// Outputs cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// State cannot be stored or used.
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

/// Takes commits, one at a time, and keeps them until they are answered.
pub trait Committer: Send {
    /// How a shard resumes, once that is known; call again until then. `known`: the member still has the shard.
    fn load_state(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, CommitterError>;
    /// The partition belongs to another member: what [`Self::load_state`] has begun is no longer needed.
    fn forget(&mut self, partition: &Partition);
    /// Parts that the next commit will carry: a committer may write them early, so that the commit takes less time.
    /// They are all parts so far; fewer than the last time mean that it must start over. This makes nothing visible.
    fn prewrite(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError>;
    /// Sends a commit. The previous one has been answered.
    fn send(&mut self, commit: Commit) -> Result<(), CommitterError>;
    /// After a commit whose outcome is unknown or that can never succeed: ends any pending transaction and finds out
    /// the outcome of each partition's parts.
    fn resolve_outcome(&mut self, commit: Commit) -> Result<(), CommitterError>;
    /// The answer to what was sent, waiting for at most this long.
    fn answer(&mut self, wait: Duration) -> Result<Option<Answered>, CommitterError>;
    /// The largest piece of a snapshot, and how much of it one commit may carry, in bytes.
    fn pieces(&self) -> (usize, usize);
}
