//! Records: as bytes from a source, and as typed columns after decoding.

mod column;
mod position;

pub use column::{Cell, Column};
pub use position::{Position, Positions, SharedPosition};

use std::fmt;
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_select::filter::filter;

/// A partition of an input: `topic-partition`, or a file's name and 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The topic, or the file's name.
    pub topic: Arc<str>,
    /// The number of the partition.
    pub number: i32,
}

impl Partition {
    /// Where the record at a position of a topic is, in words.
    pub fn place(&self, position: Position) -> String {
        format!("topic {}, partition {}, offset {position}", self.topic, self.number)
    }

    /// A partition of a topic.
    pub fn new(topic: &str, number: i32) -> Self {
        Self { topic: topic.into(), number }
    }

    /// The partition with the same number of another input of a shard.
    pub fn beside(&self, topic: &Arc<str>) -> Self {
        Self { topic: Arc::clone(topic), number: self.number }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.number)
    }
}

/// A header of a record.
pub type Header = (String, Option<Vec<u8>>);

/// Where the parts of a record are in its batch.
#[derive(Debug, Clone, Default)]
struct Parts {
    position: Position,
    timestamp: Option<i64>,
    key: Option<(u32, u32)>,
    value: Option<(u32, u32)>,
    headers: Option<Box<[Header]>>,
}

/// Records of one partition, byte for byte, in one block of memory.
#[derive(Debug, Clone)]
pub struct RawRows {
    /// Where they come from.
    pub partition: Partition,
    bytes: Vec<u8>,
    records: Vec<Parts>,
}

/// One record, byte for byte.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// Its position in the log, or its row in a file, from 0.
    pub position: Position,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [Header],
}

impl RawRows {
    /// No records yet.
    pub fn new(partition: Partition) -> Self {
        Self { partition, bytes: Vec::new(), records: Vec::new() }
    }

    /// An empty block with capacity for that many records and bytes.
    pub fn with_room(partition: Partition, records: usize, bytes: usize) -> Self {
        Self { partition, bytes: Vec::with_capacity(bytes), records: Vec::with_capacity(records) }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The number of bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Copies a record in. A block holds less than 4 GiB; sources cut well below that.
    pub fn push(&mut self, record: RawRecord<'_>) {
        let key = record.key.map(|key| self.copy(key));
        let value = record.value.map(|value| self.copy(value));
        let headers = (!record.headers.is_empty()).then(|| record.headers.into());
        self.records.push(Parts { position: record.position, timestamp: record.timestamp, key, value, headers });
    }

    fn copy(&mut self, bytes: &[u8]) -> (u32, u32) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        (start, self.bytes.len() as u32)
    }

    fn part(&self, part: Option<(u32, u32)>) -> Option<&[u8]> {
        part.and_then(|(start, end)| self.bytes.get(start as usize..end as usize))
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RawRecord<'_>> {
        self.records.iter().map(|parts| self.view(parts))
    }

    fn view<'a>(&'a self, parts: &'a Parts) -> RawRecord<'a> {
        RawRecord {
            position: parts.position,
            timestamp: parts.timestamp,
            key: self.part(parts.key),
            value: self.part(parts.value),
            headers: parts.headers.as_deref().unwrap_or_default(),
        }
    }

    /// The record with this number in the block.
    pub fn get(&self, index: usize) -> Option<RawRecord<'_>> {
        self.records.get(index).map(|parts| self.view(parts))
    }

    /// Keeps only the first records.
    pub fn truncate(&mut self, count: usize) {
        self.records.truncate(count);
    }

    /// The first records, and the rest.
    pub fn split(mut self, count: usize) -> (Self, Self) {
        let rest = self.records.split_off(count.min(self.records.len()));
        let rest = Self { partition: self.partition.clone(), bytes: self.bytes.clone(), records: rest };
        (self, rest)
    }

    /// How many of the first records are before a position.
    pub fn before(&self, position: Position) -> usize {
        self.records.iter().take_while(|parts| parts.position < position).count()
    }

    /// The position after the last record.
    pub fn next(&self) -> Option<Position> {
        self.records.last().map(|parts| parts.position.next())
    }
}

/// Decoded rows of one partition: columns in the plan's order, and for each row the record it came from.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The columns.
    pub columns: Vec<Column>,
    /// For each row, the number of its record in the raw block.
    pub records: Vec<usize>,
    /// How the records differ from the document.
    pub drift: SchemaDrift,
}

/// How records differ from the document: which additional columns they have, which they lack, and how many records
/// each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaDrift {
    /// Columns that the document does not name, in the order in which they appeared.
    pub unknown: Vec<(String, u64)>,
    /// Columns that were absent where they may be.
    pub absent: Vec<(String, u64)>,
}

/// More names than this are counted together.
const MOST_NAMES: usize = 100;
/// The name under which they are counted.
const OTHERS: &str = "others";

impl SchemaDrift {
    /// Counts a column that the document does not name.
    pub fn unknown(&mut self, name: &str, records: u64) {
        count(&mut self.unknown, name, records);
    }

    /// Counts an absent column.
    pub fn absent(&mut self, name: &str, records: u64) {
        count(&mut self.absent, name, records);
    }

    /// Adds the counts of later records.
    pub fn absorb(&mut self, later: &Self) {
        later.unknown.iter().for_each(|(name, records)| self.unknown(name, *records));
        later.absent.iter().for_each(|(name, records)| self.absent(name, *records));
    }
}

/// Counts by name; beyond the limit new names are counted together.
pub(crate) fn count(names: &mut Vec<(String, u64)>, name: &str, records: u64) {
    let name = if names.len() < MOST_NAMES || names.iter().any(|(known, _)| known == name) { name } else { OTHERS };
    match names.iter_mut().find(|(known, _)| known == name) {
        Some((_, count)) => *count += records,
        None => names.push((name.to_string(), records)),
    }
}

impl Rows {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The rows that are not rejected.
    pub(crate) fn without(self, refused: &[bool]) -> Self {
        let keep: BooleanArray = refused.iter().map(|refused| Some(!refused)).collect();
        // Both have the same number of rows, and filtering cannot fail otherwise.
        let kept = |column: Column| filter(&column.array(), &keep).map_or(column, |array| Column::of(&array));
        let records = self.records.into_iter().zip(refused).filter(|(_, refused)| !**refused);
        Self {
            records: records.map(|(record, _)| record).collect(),
            columns: self.columns.into_iter().map(kept).collect(),
            drift: self.drift,
        }
    }
}

/// The stage in which a record was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading its value.
    Decode,
    /// Cleaning.
    Clean,
    /// Computing its features.
    Features,
    /// Reading its label.
    Label,
    /// Scoring it.
    Score,
}

/// A rejected record, and why. The reason is one of a few codes that reports count by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the record in its raw block.
    pub record: usize,
    /// The stage in which it was rejected.
    pub stage: Stage,
    /// The code of the reason, such as `invalid_json`.
    pub reason: &'static str,
    /// The reason in words.
    pub message: String,
}
