//! Logs and tables, for those who read them whole.

use std::time::Duration;

use gristmill::rows::{Partition, Position, RawRecord, RawRows};

use crate::broker::BrokerError;
use crate::source::SourceError;

/// What to do with each record.
pub type Visit<'a> = &'a mut dyn FnMut(&RawRecord<'_>) -> Result<(), BrokerError>;

/// A log of one partition that a group keeps beside its input.
pub trait Log: Send {
    /// Its name.
    fn name(&self) -> &str;
    /// Every committed record, up to where the log ends now.
    fn read(&self, visit: Visit<'_>) -> Result<(), BrokerError>;
    /// Adds records, each with its key, and returns when they are safe.
    fn append(&self, records: &[(String, Vec<u8>)]) -> Result<(), BrokerError>;
    /// Begins to follow it from its first record on.
    fn follow(&self) -> Result<Box<dyn Follow>, BrokerError>;
}

/// A log that is being followed.
pub trait Follow: Send {
    /// The key of the next record, waiting for it as long as told; nothing if none came.
    fn next(&mut self, wait: Duration) -> Option<Vec<u8>>;
}

/// A table that is being read.
pub trait TableReader {
    /// The names of the columns, where the table itself says them.
    fn header(&self) -> Option<&[String]>;
    /// The next records; nothing at the end. A record without a value takes its key out.
    fn next(&mut self) -> Result<Option<RawRows>, SourceError>;
    /// Where a record is, in words.
    fn place(&self, partition: &Partition, position: Position) -> String;
}
