//! One file of a source: its records in order, dealt to the shards that it is cut into.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use gristmill::connect::InputPlan;
use gristmill::plan::{ColumnPlan, Plan};
use gristmill::rows::{Partition, Position, RawRows};
use gristmill::spec::Format;

use super::Reader;
use super::key_partitioner::KeyPartitioner;
use super::record_times::RecordTimes;
use crate::source::{Reread, SourceError};

/// A shard of the file.
struct Shard {
    partition: Partition,
    /// The first record that it has not received.
    position: Position,
    paused: bool,
}

/// A file that is read.
pub(super) struct InputFile {
    reader: Reader,
    partitioner: Option<KeyPartitioner>,
    shards: Vec<Shard>,
    /// The time of each record, where another file is read with it.
    times: Option<RecordTimes>,
    /// Records that were read and not taken, with their times; how many of them were.
    block: (RawRows, Vec<i64>),
    taken: usize,
    /// The shard whose records are read again, and up to where.
    again: Option<(Partition, Position)>,
}

/// What is in a file.
struct Content<'a> {
    input: &'a InputPlan,
    format: Format,
    columns: &'a [ColumnPlan],
    key: Option<usize>,
    /// The column of time, where it orders the records of two files.
    time: Option<usize>,
}

impl InputFile {
    /// Opens the plan's input, and the file of its labels, if they have one, each with its size; `read` counts the bytes
    /// read.
    pub(super) fn open_all(plan: &Plan, read: &Arc<AtomicU64>) -> Result<Vec<(Self, Option<u64>)>, SourceError> {
        let labels = plan.labels().map(|labels| Content {
            input: &labels.input,
            format: labels.format,
            columns: &labels.columns,
            key: labels.key(),
            time: labels.time,
        });
        let rows = Content {
            input: &plan.input,
            format: plan.format,
            columns: &plan.columns,
            key: plan.key,
            time: plan.time.filter(|_| labels.is_some()),
        };
        std::iter::once(rows).chain(labels).map(|content| Self::open(&content, Arc::clone(read))).collect()
    }

    fn open(content: &Content<'_>, read: Arc<AtomicU64>) -> Result<(Self, Option<u64>), SourceError> {
        let Content { input, format, columns, key, time } = content;
        let (reader, size) = Reader::open(input, *format, read)?;
        let shards = (0..input.shards()).map(|number| Partition::new(input.name(), number));
        let shards: Vec<Shard> =
            shards.map(|partition| Shard { partition, position: Position::START, paused: true }).collect();
        let partitions: Vec<Partition> = shards.iter().map(|shard| shard.partition.clone()).collect();
        let decoder = |column: usize| super::column_decoder(columns, column, *format, reader.header(), input.framing());
        let key = key.filter(|_| shards.len() > 1).and_then(decoder);
        let file = Self {
            partitioner: key.map(|decoder| KeyPartitioner::new(decoder, &partitions)),
            times: time.and_then(decoder).map(RecordTimes::new),
            block: (RawRows::new(Partition::new(input.name(), 0)), Vec::new()),
            taken: 0,
            again: None,
            reader,
            shards,
        };
        Ok((file, size))
    }

    /// The names in the file's first line, if it has a header.
    pub(super) fn header(&self) -> Option<Vec<String>> {
        self.reader.header().map(<[String]>::to_vec)
    }

    /// The partitions that it is cut into.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.shards.iter().map(|shard| shard.partition.clone())
    }

    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.shards.iter().any(|shard| shard.partition == *partition)
    }

    /// Whether all of it was read.
    pub(super) fn ended(&self) -> bool {
        self.reader.ended()
    }

    /// Whether a shard does not take records now.
    pub(super) fn paused(&self) -> bool {
        self.shards.iter().any(|shard| shard.paused)
    }

    pub(super) fn resume(&mut self, partition: &Partition, position: Position) {
        for shard in self.shards.iter_mut().filter(|shard| shard.partition == *partition) {
            (shard.position, shard.paused) = (position, false);
        }
    }

    pub(super) fn pause(&mut self, partition: &Partition) {
        let paused = self.shards.iter_mut().filter(|shard| shard.partition == *partition);
        paused.for_each(|shard| shard.paused = true);
    }

    /// The first record that a shard has not received.
    pub(super) fn received(&self) -> Position {
        self.shards.iter().map(|shard| shard.position).min().unwrap_or_default()
    }

    /// Reads on at a record.
    pub(super) fn seek(&mut self, position: Position) -> Result<(), SourceError> {
        (self.block.0, self.taken) = (RawRows::new(self.block.0.partition.clone()), 0);
        self.times.iter_mut().for_each(RecordTimes::restart);
        self.reader.seek(position)
    }

    /// A shard has received more than there is.
    pub(super) fn check_length(&self) -> Result<(), SourceError> {
        match self.shards.iter().find(|shard| shard.position > self.reader.next()) {
            Some(shard) => Err(self.reader.shorter(shard.position)),
            None => Ok(()),
        }
    }

    /// The time of the next record, where it matters; none if there are no more.
    pub(super) fn head(&mut self) -> Result<Option<i64>, SourceError> {
        if self.taken >= self.block.0.len() {
            let raw = self.reader.batch(&self.block.0.partition, Position::END)?;
            let times = self.times.as_mut().map(|times| times.of(&raw)).unwrap_or_default();
            (self.block, self.taken) = ((raw, times), 0);
        }
        if self.taken >= self.block.0.len() {
            return Ok(None);
        }
        Ok(Some(self.block.1.get(self.taken).copied().unwrap_or(i64::MIN)))
    }

    /// The next records up to a time, for each shard that has not received them.
    pub(super) fn take(&mut self, until: i64) -> Vec<RawRows> {
        let (raw, times) = &self.block;
        let count = match times.get(self.taken..) {
            Some(times) if self.times.is_some() => times.iter().take_while(|time| **time <= until).count().max(1),
            _ => raw.len() - self.taken,
        };
        let mut some = RawRows::new(raw.partition.clone());
        if count < raw.len() {
            raw.iter().skip(self.taken).take(count).for_each(|record| some.push(record));
        } else {
            let rest = RawRows::new(raw.partition.clone());
            some = std::mem::replace(&mut self.block.0, rest);
        }
        self.taken = if count < self.block.0.len() { self.taken + count } else { 0 };
        self.deal(some).into_iter().zip(&self.shards).filter_map(|(raw, shard)| behind(raw, shard.position)).collect()
    }

    fn deal(&mut self, raw: RawRows) -> Vec<RawRows> {
        match &mut self.partitioner {
            Some(partitioner) => partitioner.deal(&raw),
            None => vec![raw],
        }
    }

    /// Records of a shard in [from, to) once more.
    pub(super) fn reread(
        &mut self,
        partition: &Partition,
        from: Position,
        to: Position,
    ) -> Result<Reread, SourceError> {
        // Records of other shards that were skipped since are not read again.
        if self.again.take() != Some((partition.clone(), from)) {
            self.seek(from)?;
        }
        let number = self.shards.iter().position(|shard| shard.partition == *partition).unwrap_or_default();
        loop {
            let raw = self.reader.batch(&self.block.0.partition, to)?;
            if raw.is_empty() {
                return Ok(Reread::End);
            }
            let mut dealt = self.deal(raw);
            if number >= dealt.len() {
                return Ok(Reread::End);
            }
            let rows = dealt.swap_remove(number);
            if let Some(next) = rows.next() {
                self.again = Some((partition.clone(), next));
                return Ok(Reread::Rows(rows));
            }
        }
    }
}

/// The records from a position on; none if there are none.
fn behind(raw: RawRows, position: Position) -> Option<RawRows> {
    let had = raw.before(position);
    let raw = if had > 0 { raw.split(had).1 } else { raw };
    (!raw.is_empty()).then_some(raw)
}
