//! Where records come from: byte for byte, in order, one partition after the other.

use std::time::Duration;

use gristmill::rows::{Partition, Position, RawRows};

use crate::broker::BrokerError;

/// What a source tells the member. Closed: a member answers each of them.
#[derive(Debug)]
pub enum Event {
    /// Shards to take, by the partitions that they are named after: first [`Source::accept`], then, when a shard is open,
    /// [`Source::resume`] for each of its inputs.
    Assigned(Vec<Assignment>),
    /// Shards to commit and let go; then [`Source::release`].
    Revoked(Vec<Partition>),
    /// Shards that already belong to somebody else: nothing may be committed for them.
    Lost(Vec<Partition>),
    /// Records of one partition of one input.
    Rows(RawRows),
    /// A partition of an input has been read to its end, for now.
    CaughtUp(Partition),
    /// The input is not there any more: nothing will come, and nothing can be committed.
    Gone,
}

/// What reading again has brought.
#[derive(Debug)]
pub enum Reread {
    /// Nothing yet.
    Nothing,
    /// The next records.
    Rows(RawRows),
    /// There are no more records before the end.
    End,
}

/// What lies ahead of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Records, or nothing at all.
    Records,
    /// Markers of transactions and records of aborted ones alone, up to this position: nobody will ever read them.
    Markers(Position),
    /// That could not be found out now.
    Unknown,
}

/// A shard given to this member.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The partition of its first input.
    pub partition: Partition,
    /// The names of the fields, where the source itself says them (a CSV file's first line).
    pub header: Option<Vec<String>>,
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

/// A stream of records. A shard with several inputs is given and taken with all of their partitions.
pub trait Source: Send {
    /// The next event, waiting for it as long as told; nothing if none came. Without `room` it is no records. After
    /// the end of a file it never waits.
    fn poll(&mut self, wait: Duration, room: bool) -> Result<Option<Event>, SourceError>;
    /// Takes shards that were assigned, without reading them yet.
    fn accept(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;
    /// Begins, or goes on, to read a partition of an input at a position.
    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError>;
    /// Stops reading a partition of an input without giving it up.
    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError>;
    /// Acknowledges that shards are let go, after what they did is committed.
    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;
    /// Leaves the group and joins it anew, with nothing: for a member that the group no longer knows and that was not
    /// told so.
    fn rejoin(&mut self) -> Result<(), SourceError>;
    /// Whether the partitions that are being let go already belong to somebody else.
    fn lost(&self) -> bool;
    /// Reads records before a position once more, aside from what [`Self::poll`] reads: the next of those in
    /// [from, to). It does not wait for them.
    fn reread(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError>;
    /// The committed position of each of these partitions, whoever reads them.
    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<Position>>, SourceError>;
    /// What lies between a position and the end of what can be read, or the place `to`, whichever comes first.
    fn skip_control_records(
        &mut self,
        partition: &Partition,
        position: Position,
        to: Option<Position>,
    ) -> Result<Ahead, SourceError>;
}
