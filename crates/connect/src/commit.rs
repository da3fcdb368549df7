//! What a member makes visible together: answers, positions, journal and snapshots of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use gristmill::protocol::{Entry, Piece};
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::Outbox;

use crate::dead_letter::DeadLetter;

/// What one shard commits: never half of it.
#[derive(Debug, Clone)]
pub struct PartitionCommit {
    /// The shard's partition.
    pub partition: Partition,
    /// Its decisions.
    pub outbox: Outbox,
    /// Its rejected records.
    pub dead_letters: Vec<DeadLetter>,
    /// What it consumed, for the journal.
    pub entry: Option<Entry>,
    /// The next position to read of each input, for the group's offsets. Every part has them, so that the group's
    /// generation is checked for each: an expelled member cannot add anything.
    pub positions: Positions,
    /// Pieces of a snapshot.
    pub pieces: Vec<Piece>,
}

/// What becomes visible together. It is kept, byte for byte, until it is answered.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The shards' parts.
    pub parts: Vec<Arc<PartitionCommit>>,
    /// Whether a revocation or the end of the run waits for it.
    pub urgent: bool,
}

impl Commit {
    /// The positions of the entries in the journal, from their offsets by the numbers of partitions.
    pub(crate) fn places(&self, entries: &BTreeMap<i32, Position>) -> Vec<(Partition, Position)> {
        let place = |part: &PartitionCommit| Some((part.partition.clone(), *entries.get(&part.partition.number)?));
        self.last_parts().filter_map(place).collect()
    }

    /// The last part of each partition: it lands with the earlier parts, or none of them does.
    pub fn last_parts(&self) -> impl Iterator<Item = &PartitionCommit> {
        let last = |index: usize, part: &PartitionCommit| {
            !self.parts.iter().skip(index + 1).any(|one| one.partition == part.partition)
        };
        self.parts.iter().enumerate().filter(move |(index, part)| last(*index, part)).map(|(_, part)| part.as_ref())
    }
}

/// The largest piece of a snapshot in a topic: it must fit into a record that any broker accepts by default.
pub const PIECE: usize = 900 << 10;
