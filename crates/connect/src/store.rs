//! What a pipeline keeps of its shards: journal, snapshots, positions.

use std::sync::Arc;

use gristmill::protocol::{Manifest, StoredState};
use gristmill::rows::{Partition, Position, Positions};

use crate::commit::PartitionCommit;
use crate::committer::CommitterError;
use crate::source::{Reread, SourceError};

/// The end of a shard's journal.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The last entry's sequence.
    pub sequence: Option<u64>,
    /// The committed positions.
    pub committed: Positions,
}

/// Whether what is waited for is still wanted.
pub type Wanted<'a> = &'a dyn Fn() -> bool;

/// Where the state is kept: read at any time, changed while no member is at work.
pub trait StateStore: Send {
    /// The shards, by the partitions of the first input.
    fn partitions(&self) -> Result<Vec<Partition>, CommitterError>;
    /// Waits until no transaction that was begun before is pending.
    fn settle(&self, partition: &Partition, wanted: Wanted<'_>) -> Result<(), CommitterError>;
    /// The last entry of the journal, and the committed positions.
    fn tail(&self, partition: &Partition) -> Result<Tail, CommitterError>;
    /// What is kept of a shard, with the journal since the newest snapshot that is usable; all of it where there is none.
    fn read_since(
        &self,
        partition: &Partition,
        usable: &dyn Fn(&Manifest) -> bool,
        wanted: Wanted<'_>,
    ) -> Result<StoredState, CommitterError>;
    /// What is kept of a shard.
    fn read(&self, partition: &Partition, wanted: Wanted<'_>) -> Result<StoredState, CommitterError> {
        self.read_since(partition, &|_| true, wanted)
    }
    /// Access to the records of the input, to read them again.
    fn past(&self) -> Result<Box<dyn Past>, CommitterError>;
    /// The largest piece of a snapshot, in bytes.
    fn largest_piece(&self) -> usize;
    /// Writes an entry of the journal, a snapshot and positions that belong together.
    fn install(&mut self, part: PartitionCommit) -> Result<(), CommitterError>;
    /// Commits where the group stands in a partition of an input.
    fn commit_position(&mut self, partition: &Partition, position: Position) -> Result<(), CommitterError>;
    /// Where it is, as a heading and names.
    fn described(&self) -> (&'static str, String);
}

/// The records of the input, to be read again.
pub trait Past {
    /// The names of the fields of each input, if it has them itself.
    fn headers(&self) -> Vec<Option<Vec<String>>>;
    /// The next records in [from, to).
    fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError>;
}

/// Opens a store, as often as it is asked.
pub(crate) type OpenStore = Arc<dyn Fn() -> Result<Box<dyn StateStore>, CommitterError> + Send + Sync>;
