//! Sources of records: byte for byte, in order, one partition after another.

use std::time::Duration;

use gristmill::rows::{Partition, Position, RawRows};

use crate::broker::BrokerError;

/// An event of a source. A closed enum: a member handles each of them.
#[derive(Debug)]
pub enum Event {
    /// Shards to take, by the partitions that they are named after: first [`Source::accept`], then, when a shard is open,
    /// [`Source::resume`] for each of its inputs.
    Assigned(Vec<Assignment>),
    /// Shards to commit and release; then [`Source::release`].
    Revoked(Vec<Partition>),
    /// Shards that already belong to another member: nothing may be committed for them.
    Lost(Vec<Partition>),
    /// Records of one partition of one input.
    Rows(RawRows),
    /// A partition of an input has been read to its end, for now.
    CaughtUp(Partition),
    /// The input no longer exists: nothing more will arrive, and nothing can be committed.
    Gone,
}

/// The result of a reread.
#[derive(Debug)]
pub enum Reread {
    /// Nothing yet.
    Nothing,
    /// The next records.
    Rows(RawRows),
    /// There are no more records before the end.
    End,
}

/// What follows a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Records, or nothing at all.
    Records,
    /// Only transaction markers and records of aborted ones, up to this position: consumers never see them.
    Markers(Position),
    /// Currently unknown.
    Unknown,
}

/// A shard assigned to this member.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The partition of its first input.
    pub partition: Partition,
    /// The names of the fields of each input, if it has them itself (a CSV file's first line).
    pub headers: Vec<Option<Vec<String>>>,
}

/// Why records cannot be read, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be opened or read.
    #[error("cannot read {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// Why, and what to do.
        why: String,
    },
    /// A broker refuses.
    #[error("{0}")]
    Broker(#[from] BrokerError),
}

impl SourceError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Broker(error) => Some(error),
            Self::File { .. } => None,
        }
    }
}

/// A stream of records. A shard with several inputs is assigned and released with all of their partitions.
pub trait Source: Send {
    /// The next event, waiting for at most this long; none if there was none. Without `room` it never is records. After
    /// the end of a file it never waits.
    fn poll(&mut self, wait: Duration, room: bool) -> Result<Option<Event>, SourceError>;
    /// Takes shards that were assigned, without reading them yet.
    fn accept(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;
    /// Starts, or continues, to read a partition of an input at a position.
    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError>;
    /// Stops reading a partition of an input without releasing it.
    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError>;
    /// Acknowledges the release of shards, after their results are committed.
    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;
    /// Leaves the group and rejoins it, without partitions: for a member that was expelled without notice.
    fn rejoin(&mut self) -> Result<(), SourceError>;
    /// Whether the partitions that are being released already belong to another member.
    fn lost(&self) -> bool;
    /// Reads records before a position again, independently of [`Self::poll`]: the next of those in [from, to). It does
    /// not wait for them.
    fn reread(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError>;
    /// The committed position of each of these partitions, whichever member owns them.
    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<Position>>, SourceError>;
    /// What is between a position and the end of what can be read, or the position `to`, whichever comes first.
    fn skip_control_records(
        &mut self,
        partition: &Partition,
        position: Position,
        to: Option<Position>,
    ) -> Result<Ahead, SourceError>;
}
