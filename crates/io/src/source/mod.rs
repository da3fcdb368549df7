//! Where records come from: byte for byte, in order, one partition after the other.

mod file;
mod kafka;
mod records;

pub use file::FileSource;
pub use kafka::KafkaSource;

use std::time::Duration;

use gristmill::rows::{Partition, RawRows};

/// What a source tells the member. Closed: a member answers each of them.
#[derive(Debug)]
pub enum Event {
    /// Partitions to open shards for; then [`Source::accept`].
    Assigned(Vec<Assignment>),
    /// Partitions to commit and let go; then [`Source::release`].
    Revoked(Vec<Partition>),
    /// Partitions that already belong to somebody else: nothing may be committed for them.
    Lost(Vec<Partition>),
    /// Records of one partition.
    Rows(RawRows),
    /// A partition has been read to its end, for now.
    CaughtUp(Partition),
}

/// A partition given to this member.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The partition.
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
    /// Kafka refuses.
    #[error("{0}")]
    Kafka(#[from] crate::kafka::KafkaFailure),
}

/// A stream of records.
pub trait Source: Send {
    /// The next event, waiting for it as long as told; nothing if none came. After the end of a file it never waits.
    fn poll(&mut self, wait: Duration) -> Result<Option<Event>, SourceError>;
    /// Begins to read partitions that were assigned, once their shards are open: from a position, or, where
    /// nothing was ever committed, where the plan says.
    fn accept(&mut self, starts: &[(Partition, Option<i64>)]) -> Result<(), SourceError>;
    /// The committed position of each of these partitions, whoever reads them.
    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, SourceError>;
    /// Acknowledges that partitions are let go, after what they did is committed.
    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;
    /// Stops reading a partition without giving it up.
    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError>;
    /// Makes positions durable: the next record to read of each partition. With `wait` it returns when they are.
    fn commit(&mut self, positions: &[(Partition, i64)], wait: bool) -> Result<(), SourceError>;
}
