//! Records from a file or standard input, plain or compressed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::rows::{Partition, Position, RawRows};

use super::Reader;
use super::key_partitioner::KeyPartitioner;
use crate::source::{Ahead, Assignment, Event, Reread, Source, SourceError};

/// A shard of the file.
struct Shard {
    partition: Partition,
    /// The first record that it has not received.
    position: Position,
    paused: bool,
}

/// One file as the partitions that it is cut into, or as one; positions are rows of the file, from 0.
pub(super) struct FileSource {
    reader: Reader,
    partitioner: Option<KeyPartitioner>,
    shards: Vec<Shard>,
    events: VecDeque<Event>,
    /// Whether the reader must go back to records that shards have not received.
    rewind: bool,
    /// The shard whose records are read again, and up to where.
    again: Option<(Partition, Position)>,
}

impl FileSource {
    /// Opens the plan's file; `read` counts the bytes read. The second value is the file's size, if known.
    pub(super) fn open(plan: &Plan, read: Arc<AtomicU64>) -> Result<(Self, Option<u64>), SourceError> {
        let (reader, size) = Reader::open(plan, read)?;
        let partitions: Vec<Partition> =
            (0..plan.shards()).map(|number| Partition::new(plan.input_name(), number)).collect();
        let header = reader.header().map(<[String]>::to_vec);
        let assigned = partitions.iter().map(|one| Assignment { partition: one.clone(), header: header.clone() });
        let assigned = Event::Assigned(assigned.collect());
        let source = Self {
            partitioner: KeyPartitioner::new(plan, reader.header(), &partitions),
            shards: partitions
                .into_iter()
                .map(|partition| Shard { partition, position: Position::START, paused: true })
                .collect(),
            // An empty CSV file has no header to decode with, and nothing to decode.
            events: if reader.ended() { VecDeque::new() } else { VecDeque::from([assigned]) },
            reader,
            rewind: false,
            again: None,
        };
        Ok((source, size))
    }

    /// The names in the file's first line, if it has a header.
    pub(super) fn header(&self) -> Option<&[String]> {
        self.reader.header()
    }

    /// The next records before a position, for each shard that has any; none if there are no more.
    fn batch(&mut self, before: Position) -> Result<Option<Vec<RawRows>>, SourceError> {
        let Some(first) = self.shards.first() else { return Ok(None) };
        let raw = self.reader.batch(&first.partition, before)?;
        if raw.is_empty() {
            return Ok(None);
        }
        Ok(Some(match &mut self.partitioner {
            Some(partitioner) => partitioner.deal(&raw),
            None => vec![raw],
        }))
    }

    /// Reads on until a shard has a record that it has not received, or there are no more.
    fn read(&mut self) -> Result<(), SourceError> {
        while self.events.is_empty() {
            let Some(dealt) = self.batch(Position::END)? else {
                if let Some(shard) = self.shards.iter().find(|shard| shard.position > self.reader.next()) {
                    return Err(self.reader.shorter(shard.position));
                }
                let partitions = self.shards.iter().map(|shard| shard.partition.clone());
                self.events.extend(partitions.map(Event::CaughtUp));
                return Ok(());
            };
            for (raw, shard) in dealt.into_iter().zip(&self.shards) {
                let had = raw.before(shard.position);
                let raw = if had > 0 { raw.split(had).1 } else { raw };
                if !raw.is_empty() {
                    self.events.push_back(Event::Rows(raw));
                }
            }
        }
        Ok(())
    }
}

impl Source for FileSource {
    fn poll(&mut self, _: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        if !room || self.shards.iter().any(|shard| shard.paused) && !self.reader.ended() {
            return Ok(None);
        }
        if std::mem::take(&mut self.rewind) {
            self.reader.seek(self.shards.iter().map(|shard| shard.position).min().unwrap_or_default())?;
        }
        self.read()?;
        Ok(self.events.pop_front())
    }

    fn accept(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError> {
        for shard in self.shards.iter_mut().filter(|shard| shard.partition == *partition) {
            (shard.position, shard.paused) = (position, false);
        }
        self.rewind = true;
        Ok(())
    }

    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError> {
        let paused = self.shards.iter_mut().filter(|shard| shard.partition == *partition);
        paused.for_each(|shard| shard.paused = true);
        Ok(())
    }

    fn release(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn rejoin(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn lost(&self) -> bool {
        false
    }

    fn reread(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        // Records of other shards that were skipped since are not read again.
        if self.again.take() != Some((partition.clone(), from)) {
            self.reader.seek(from)?;
        }
        let number = self.shards.iter().position(|shard| shard.partition == *partition).unwrap_or_default();
        while let Some(mut dealt) = self.batch(to)? {
            if number >= dealt.len() {
                break;
            }
            let rows = dealt.swap_remove(number);
            if let Some(next) = rows.next() {
                self.again = Some((partition.clone(), next));
                return Ok(Reread::Rows(rows));
            }
        }
        Ok(Reread::End)
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<Position>>, SourceError> {
        Ok(vec![None; partitions.len()])
    }

    fn skip_control_records(&mut self, _: &Partition, _: Position, _: Option<Position>) -> Result<Ahead, SourceError> {
        Ok(Ahead::Records)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use gristmill::rows::RawRecord;

    use super::*;

    fn check(name: &str, bytes: &[u8]) {
        let path = std::env::temp_dir().join(format!("gristmill-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let document = format!(
            "name: t\ninput: {{file: {{path: {}}}, columns: {{x: float64}}}}\nfeatures: [x]\nmodel: [linear_regression]",
            path.display()
        );
        let plan = Plan::read("t.yaml", &document, &|_| None).unwrap();
        let (mut source, size) = FileSource::open(&plan, Arc::default()).unwrap();
        assert_eq!(size, Some(bytes.len() as u64));
        let mut values = Vec::new();
        loop {
            match source.poll(Duration::ZERO, true).unwrap() {
                Some(Event::Assigned(assigned)) => {
                    assert_eq!(assigned[0].header, Some(vec!["x".to_string()]), "{name}");
                    source.resume(&assigned[0].partition, Position::START).unwrap();
                }
                Some(Event::Rows(rows)) => {
                    let text = |record: RawRecord<'_>| String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    values.extend(rows.iter().map(text));
                }
                _ => break,
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(values, ["1", "2", "3"], "{name}");
    }

    #[test]
    fn plain_and_compressed() {
        let text = b"\xef\xbb\xbfx\n1\r\n2\n3";
        check("a.csv", text);
        let gzip = |part: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        check("b.csv.gz", &gzip(text));
        check("c.csv.gz", &[gzip(&text[..6]), gzip(&text[6..])].concat());
        check("d.csv.zst", &zstd::encode_all(&text[..], 1).unwrap());
    }
}
