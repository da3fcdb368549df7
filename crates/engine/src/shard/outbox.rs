//! Outputs before their commit: kept, byte for byte, until they are committed.

use crate::rows::{Partition, Position, RawRecord};

type Range = (usize, usize);

#[derive(Debug, Clone)]
struct Entry {
    output: usize,
    partition: usize,
    position: Position,
    timestamp: Option<i64>,
    key: Option<Range>,
    value: Range,
}

/// A decision for one output.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The number of the output in the plan.
    pub output: usize,
    /// The partition of its record.
    pub partition: &'a Partition,
    /// The record's position.
    pub position: Position,
    /// The record's timestamp, which the decision keeps.
    pub timestamp: Option<i64>,
    /// The record's key, which the decision keeps.
    pub key: Option<&'a [u8]>,
    /// The decision, in the format of its output.
    pub value: &'a [u8],
}

/// Decisions in one block of memory.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    partitions: Vec<Partition>,
}

impl Outbox {
    /// The decisions, in the order they were made.
    pub fn decisions(&self) -> impl Iterator<Item = Decision<'_>> {
        self.entries.iter().filter_map(|entry| {
            Some(Decision {
                output: entry.output,
                partition: self.partitions.get(entry.partition)?,
                position: entry.position,
                timestamp: entry.timestamp,
                key: entry.key.map(|range| self.part(range)),
                value: self.part(entry.value),
            })
        })
    }

    /// The number of decisions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// An empty one with the same capacity.
    pub fn another(&self) -> Self {
        Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            entries: Vec::with_capacity(self.entries.len()),
            partitions: Vec::new(),
        }
    }

    /// Removes everything, keeping the capacity.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.partitions.clear();
    }

    fn part(&self, (start, end): Range) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Writes a value, which several outputs may share.
    pub(super) fn value(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range {
        let start = self.bytes.len();
        write(&mut self.bytes);
        (start, self.bytes.len())
    }

    pub(super) fn push(&mut self, output: usize, partition: &Partition, record: &RawRecord<'_>, value: Range) {
        if self.partitions.last() != Some(partition) {
            self.partitions.push(partition.clone());
        }
        let key = record.key.map(|key| self.value(|bytes| bytes.extend_from_slice(key)));
        self.entries.push(Entry {
            output,
            partition: self.partitions.len() - 1,
            position: record.position,
            timestamp: record.timestamp,
            key,
            value,
        });
    }
}
