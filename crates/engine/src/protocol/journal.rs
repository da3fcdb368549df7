//! The journal: what a shard consumed, in order, one entry for each commit.

use std::sync::Arc;

use gristmill_learn::{StateError, StateReader, StateWriter};

use crate::rows::{Partition, Position, Positions, RawRecord};
use crate::shard::{Outbox, Shard, ShardError};

/// Consecutive records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The name of the input; its partition has the shard's number.
    pub topic: Arc<str>,
    /// The span of positions and its content.
    pub consumed: Consumed,
    /// Whether all buffered rows were released after it, since a bounded run had read everything.
    pub flushed: bool,
    /// To where event time moved on after it without a record, in microseconds, since the partition was silent.
    pub tick: Option<i64>,
    /// A digest of the tables that rows were looked up in; 0 if there are none.
    pub tables: u64,
    /// The version of the pretrained model that scored; 0 is the document's own, or none.
    pub version: u64,
}

/// A span [from, next) of positions, with the number of its records and their checksum. Gaps are normal: transaction
/// markers and aborted records take positions, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    /// The first position.
    pub from: Position,
    /// The position after the last record.
    pub next: Position,
    /// The number of records.
    pub count: u64,
    /// Of their offsets, keys and values, in order.
    pub checksum: u64,
}

impl Consumed {
    /// An empty span at a position.
    pub fn nothing(from: Position) -> Self {
        Self { from, next: from, count: 0, checksum: 0 }
    }

    /// Adds a record; records come in order.
    pub fn add(&mut self, record: &RawRecord<'_>) {
        self.next = record.position.next();
        self.count += 1;
        let mut checksum = record.position.mixed(self.checksum, mix);
        for part in [record.key, record.value] {
            checksum = mix(checksum, part.map_or(u64::MAX, digest));
        }
        self.checksum = checksum;
    }
}

/// Combines two numbers so that their order matters.
fn mix(state: u64, value: u64) -> u64 {
    (state.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// What turns records into state: only the same code may rebuild state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The plan's fingerprint.
    pub plan: u64,
    /// The program's.
    pub program: u64,
}

/// One commit of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of the commit, from 0, without gaps.
    pub sequence: u64,
    /// What was consumed since the previous commit, in order.
    pub runs: Vec<Run>,
    /// What learned the records; none in entries before version 4, which do not record it.
    pub code: Option<Code>,
    /// Whether a command has installed a state there, with a snapshot after the entry: no records lead across it.
    pub installed: bool,
}

/// Why records do not match the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The records read again differ from those consumed then.
    #[error(
        "{partition}: the records from {from} to {next} are not those that were learned from: {found} of {count} are \
         there, {}; was the input changed? `gristmill state reset FILE` starts over",
        if *.differ { "and they differ" } else { "the others are gone" }
    )]
    Differs {
        /// The partition.
        partition: Partition,
        /// The first position.
        from: Position,
        /// The position after the last.
        next: Position,
        /// The records consumed then.
        count: u64,
        /// The records read now.
        found: u64,
        /// Whether their content differs.
        differ: bool,
    },
    /// The model that scored is not available.
    #[error(
        "{partition}: the records from {from} to {next} were scored by version {version} of the model, and its bytes are no \
         longer in the topic of models: put them back, or `gristmill state adopt FILE` goes on from the last snapshot"
    )]
    NoVersion {
        /// The partition.
        partition: Partition,
        /// The first position.
        from: Position,
        /// The position after the last.
        next: Position,
        /// The version.
        version: u64,
    },
    /// A table has changed.
    #[error(
        "{partition}: a table has changed, and the records from {from} to {next} were looked up in what it held before: put \
         it back, or `gristmill state adopt FILE` goes on from the last snapshot without learning them again"
    )]
    OtherTables {
        /// The partition.
        partition: Partition,
        /// The first position.
        from: Position,
        /// The position after the last.
        next: Position,
    },
}

const NAME: &str = "journal";
/// What an entry contains besides its runs, one bit each.
const WITH_CODE: u64 = 1;
const INSTALLED: u64 = 2;
/// What was released after a run, one bit each.
const FLUSHED: u64 = 1;
const TICKED: u64 = 2;

impl Entry {
    /// For each input the position before everything consumed of it.
    pub fn begins(&self) -> Positions {
        self.positions(self.runs.iter().rev(), |consumed| consumed.from)
    }

    /// For each input the position after everything consumed of it; a shard's entries name all its inputs.
    pub fn ends(&self) -> Positions {
        self.positions(self.runs.iter(), |consumed| consumed.next)
    }

    fn positions<'a>(&self, runs: impl Iterator<Item = &'a Run>, which: fn(&Consumed) -> Position) -> Positions {
        runs.map(|run| (Arc::clone(&run.topic), which(&run.consumed))).collect()
    }

    /// The entry's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = StateWriter::default();
        to.begin(NAME, 6);
        to.u64(self.sequence);
        to.u64(self.runs.len() as u64);
        for Run { topic, consumed, flushed, tick, tables, version } in &self.runs {
            to.text(topic);
            consumed.from.save(&mut to);
            consumed.next.save(&mut to);
            to.u64(consumed.count);
            to.u64(consumed.checksum);
            to.u64(if *flushed { FLUSHED } else { 0 } | if tick.is_some() { TICKED } else { 0 });
            tick.iter().for_each(|time| to.u64(*time as u64));
            to.u64(*tables);
            to.u64(*version);
        }
        let code = if self.code.is_some() { WITH_CODE } else { 0 };
        to.u64(code | if self.installed { INSTALLED } else { 0 });
        if let Some(Code { plan, program }) = self.code {
            to.u64(plan);
            to.u64(program);
        }
        to.into_bytes()
    }

    /// Back from its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = StateReader::new(bytes);
        let format = from.begin(NAME, 6)?;
        let sequence = from.u64()?;
        let mut runs = Vec::new();
        for _ in 0..from.length(40)? {
            let topic = from.text()?.into();
            let mut position =
                || if format > 4 { Position::load(&mut from) } else { Ok(Position::number(from.u64()?)) };
            let (first, next) = (position()?, position()?);
            let (count, checksum) = (from.u64()?, from.u64()?);
            let released = if format > 1 { from.u64()? } else { 0 };
            let (flushed, ticked) = (released & FLUSHED > 0, released & TICKED > 0);
            let tick = if ticked { Some(from.u64()? as i64) } else { None };
            let tables = if format > 1 { from.u64()? } else { 0 };
            let version = if format > 2 { from.u64()? } else { 0 };
            let consumed = Consumed { from: first, next, count, checksum };
            runs.push(Run { topic, consumed, flushed, tick, tables, version });
        }
        let also = if format > 3 { from.u64()? } else { 0 };
        let code = if also & WITH_CODE > 0 { Some(Code { plan: from.u64()?, program: from.u64()? }) } else { None };
        from.end()?;
        Ok(Self { sequence, runs, code, installed: also & INSTALLED > 0 })
    }
}

impl Run {
    /// Sets a shard's tables and model to those with which the run's records were looked up and scored.
    pub fn with_what_it_had(&self, shard: &mut Shard) -> Result<(), JournalError> {
        if shard.tables() != self.tables {
            shard.renew_tables();
        }
        let Consumed { from, next, .. } = self.consumed;
        let partition = shard.partition().clone();
        if shard.tables() != self.tables {
            return Err(JournalError::OtherTables { partition, from, next });
        }
        let version = self.version;
        if shard.take_version(version) {
            Ok(())
        } else {
            Err(JournalError::NoVersion { partition, from, next, version })
        }
    }

    /// Whether rows that waited were released after it, without a record.
    pub fn releases(&self) -> bool {
        self.flushed || self.tick.is_some()
    }

    /// The same release in a shard that replays the run; what is written by it was written then.
    pub fn release(&self, shard: &mut Shard) -> Result<(), ShardError> {
        let mut muted = Outbox::default();
        if let Some(to) = self.tick {
            shard.tick(to, &mut muted)?;
        }
        if self.flushed {
            shard.flush(&mut muted)?;
        }
        Ok(())
    }

    /// Whether records read again are those of the run.
    pub fn check(&self, partition: &Partition, found: &Consumed) -> Result<(), JournalError> {
        let Consumed { from, next, count, checksum } = self.consumed;
        if found.count == count && found.checksum == checksum {
            return Ok(());
        }
        let differ = found.count >= count;
        Err(JournalError::Differs { partition: partition.clone(), from, next, count, found: found.count, differ })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, value: &[u8]) -> RawRecord<'_> {
        RawRecord {
            position: Position::number(offset),
            timestamp: None,
            key: Some(b"k"),
            value: Some(value),
            headers: &[],
        }
    }

    fn consumed(records: &[(u64, &[u8])]) -> Consumed {
        let mut consumed = Consumed::nothing(Position::number(records[0].0));
        records.iter().for_each(|(offset, value)| consumed.add(&record(*offset, value)));
        consumed
    }

    #[test]
    fn an_entry_comes_back() {
        let run = Run {
            topic: "t".into(),
            consumed: consumed(&[(3, b"a"), (5, b"b")]),
            flushed: true,
            tick: None,
            tables: 7,
            version: 4,
        };
        let code = Some(Code { plan: 11, program: 12 });
        for (code, installed) in [(code, false), (code, true), (None, false), (None, true)] {
            let entry = Entry { sequence: 9, runs: vec![run.clone()], code, installed };
            let bytes = entry.encode();
            assert_eq!(Entry::decode(&bytes), Ok(entry.clone()));
            assert_eq!(entry.ends(), Positions::of("t", Position::number(6)));
            for cut in 0..bytes.len() {
                assert!(Entry::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    /// Bytes that earlier programs wrote: format by format, the first entry of a topic `t`.
    #[test]
    fn entries_of_every_format_are_read() {
        let run = Run {
            topic: "t".into(),
            consumed: Consumed {
                from: Position::number(3),
                next: Position::number(6),
                count: 2,
                checksum: 0x0102_0304,
            },
            flushed: true,
            tick: None,
            tables: 7,
            version: 4,
        };
        let head = |format: u8| [&b"\x07\0\0\0\0\0\0\0journal"[..], &[format, 0]].concat();
        let number = |value: u64| value.to_le_bytes().to_vec();
        let first = [number(9), number(1), b"\x01\0\0\0\0\0\0\0t".to_vec()].concat();
        let second = [number(3), number(6), number(2), b"\x04\x03\x02\x01\0\0\0\0".to_vec()].concat();
        let old = Run { flushed: false, tick: None, tables: 0, version: 0, ..run.clone() };
        for (format, rest, run) in [
            (1, vec![], old),
            (2, [number(1), number(7)].concat(), Run { version: 0, ..run.clone() }),
            (3, [number(1), number(7), number(4)].concat(), run.clone()),
        ] {
            let bytes = [head(format), first.clone(), second.clone(), rest].concat();
            let entry = Entry { sequence: 9, runs: vec![run], code: None, installed: false };
            assert_eq!(Entry::decode(&bytes), Ok(entry), "format {format}");
        }
        // The flags of the fields that follow, the plan and the program.
        let rest = [number(1), number(7), number(4), number(3), number(11), number(12)].concat();
        let code = Some(Code { plan: 11, program: 12 });
        let entry = Entry { sequence: 9, runs: vec![run], code, installed: true };
        assert_eq!(Entry::decode(&[head(4), first.clone(), second, rest.clone()].concat()), Ok(entry.clone()));
        // Positions of 16 bytes.
        let wide = [[0, 3, 0, 6, 2].map(number).concat(), b"\x04\x03\x02\x01\0\0\0\0".to_vec()].concat();
        let bytes = [head(5), first.clone(), wide.clone(), rest.clone()].concat();
        assert_eq!(Entry::decode(&bytes), Ok(entry.clone()));
        // The current format: time may have moved on after a run.
        let bytes = [head(6), first.clone(), wide.clone(), rest].concat();
        assert_eq!((Entry::decode(&bytes), entry.encode()), (Ok(entry.clone()), bytes));
        let rest = [3, 99, 7, 4, 3, 11, 12].map(number).concat();
        let (bytes, mut ticked) = ([head(6), first, wide, rest].concat(), entry);
        ticked.runs[0].tick = Some(99);
        assert_eq!((Entry::decode(&bytes), ticked.encode()), (Ok(ticked.clone()), bytes));
    }

    /// Inputs whose positions are not numbers, and more than one of them.
    #[test]
    fn positions_in_parts_come_back_and_are_told_apart() {
        let at = |entry, index| Position::in_parts(7, entry, index).unwrap();
        let run = |topic: &str, places: &[Position]| {
            let mut consumed = Consumed::nothing(places[0]);
            places.iter().for_each(|place| consumed.add(&RawRecord { position: *place, ..record(0, b"a") }));
            Run { topic: topic.into(), consumed, flushed: false, tick: None, tables: 0, version: 0 }
        };
        let runs = vec![run("b", &[at(0, 0), at(0, 1)]), run("a", &[at(3, 0)]), run("b", &[at(1, 0)])];
        let entry = Entry { sequence: 0, runs, code: None, installed: false };
        assert_eq!(Entry::decode(&entry.encode()), Ok(entry.clone()));
        assert_eq!(entry.begins().to_string(), "a 7:3:0, b 7:0:0");
        assert_eq!(entry.ends().to_string(), "a 7:3:1, b 7:1:1");
        let sum = |places: &[Position]| run("a", places).consumed.checksum;
        assert_ne!(sum(&[at(0, 1)]), sum(&[Position::in_parts(8, 0, 1).unwrap()]));
    }

    #[test]
    fn other_records_have_another_checksum() {
        let base = consumed(&[(3, b"a"), (4, b"b")]);
        for other in [
            consumed(&[(3, b"b"), (4, b"a")]),
            consumed(&[(3, b"a"), (5, b"b")]),
            consumed(&[(3, b"ab"), (4, b"")]),
            consumed(&[(3, b"a")]),
        ] {
            assert_ne!(base.checksum, other.checksum, "{other:?}");
        }
        let run = Run { topic: "t".into(), consumed: base, flushed: false, tick: None, tables: 0, version: 0 };
        let partition = Partition::new("t", 0);
        assert_eq!(run.check(&partition, &base), Ok(()));
        let says = |found: &Consumed| run.check(&partition, found).unwrap_err().to_string();
        assert!(says(&consumed(&[(3, b"a")])).contains("1 of 2 are there, the others are gone"));
        assert!(says(&consumed(&[(3, b"a"), (4, b"x")])).contains("2 of 2 are there, and they differ"));
    }
}
