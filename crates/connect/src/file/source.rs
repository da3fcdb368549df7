//! Records from a file or standard input, plain or compressed; where labels have a file of their own, from both, in the
//! order of time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::rows::{Partition, Position};

use super::input_file::InputFile;
use crate::source::{Ahead, Assignment, Event, Reread, Source, SourceError};

/// Files as the partitions that they are cut into; positions are rows of a file, from 0.
pub(super) struct FileSource {
    /// The input's, then that of labels, if they have one.
    files: Vec<InputFile>,
    events: VecDeque<Event>,
    /// Whether the files must be read again, from records that shards have not received.
    rewind: bool,
}

impl FileSource {
    /// Opens the plan's files; `read` counts the bytes read. The second value is their size, if known.
    pub(super) fn open(plan: &Plan, read: Arc<AtomicU64>) -> Result<(Self, Option<u64>), SourceError> {
        let opened = InputFile::open_all(plan, &read)?;
        let size = opened.iter().map(|(_, size)| *size).sum();
        let files: Vec<InputFile> = opened.into_iter().map(|(file, _)| file).collect();
        let headers: Vec<Option<Vec<String>>> = files.iter().map(InputFile::header).collect();
        let shards = files.first().into_iter().flat_map(InputFile::partitions);
        let assigned = shards.map(|partition| Assignment { partition, headers: headers.clone() }).collect();
        // An empty CSV file has no header to decode with, and nothing to decode.
        let empty = files.first().is_none_or(InputFile::ended);
        let events = if empty { VecDeque::new() } else { VecDeque::from([Event::Assigned(assigned)]) };
        Ok((Self { files, events, rewind: false }, size))
    }

    /// The names in the first line of each file, if it has a header.
    pub(super) fn headers(&self) -> Vec<Option<Vec<String>>> {
        self.files.iter().map(InputFile::header).collect()
    }

    /// The file whose next record is the earlier one, and the time up to which it is; a label that became known at the time
    /// of a row comes before it. None at the end of all.
    fn next_file(&mut self) -> Result<Option<(&mut InputFile, i64)>, SourceError> {
        let heads = self.files.iter_mut().map(InputFile::head).collect::<Result<Vec<Option<i64>>, SourceError>>()?;
        let (which, until) = match *heads.as_slice() {
            [Some(row), Some(label)] if label <= row => (1, row),
            [Some(_), Some(label)] => (0, label.saturating_sub(1)),
            [None, Some(_)] => (1, i64::MAX),
            [Some(_), ..] => (0, i64::MAX),
            _ => return Ok(None),
        };
        Ok(self.files.get_mut(which).map(|file| (file, until)))
    }

    /// Reads on until a shard has a record that it has not received, or there are no more.
    fn read(&mut self) -> Result<(), SourceError> {
        while self.events.is_empty() {
            let Some((file, until)) = self.next_file()? else {
                self.files.iter().try_for_each(InputFile::check_length)?;
                let partitions = self.files.iter().flat_map(InputFile::partitions);
                self.events.extend(partitions.map(Event::CaughtUp));
                return Ok(());
            };
            let dealt = file.take(until);
            self.events.extend(dealt.into_iter().map(Event::Rows));
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        if !std::mem::take(&mut self.rewind) {
            return Ok(());
        }
        match self.files.as_mut_slice() {
            [only] => only.seek(only.received()),
            // The order of two depends on all their records.
            several => several.iter_mut().try_for_each(|file| file.seek(Position::START)),
        }
    }

    fn file(&mut self, partition: &Partition) -> Option<&mut InputFile> {
        self.files.iter_mut().find(|file| file.has(partition))
    }
}

impl Source for FileSource {
    fn poll(&mut self, _: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let ended = self.files.iter().all(InputFile::ended);
        if !room || self.files.iter().any(InputFile::paused) && !ended {
            return Ok(None);
        }
        self.rewind()?;
        self.read()?;
        Ok(self.events.pop_front())
    }

    fn accept(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError> {
        if let Some(file) = self.file(partition) {
            file.resume(partition, position);
        }
        self.rewind = true;
        Ok(())
    }

    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError> {
        if let Some(file) = self.file(partition) {
            file.pause(partition);
        }
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
        match self.file(partition) {
            Some(file) => file.reread(partition, from, to),
            None => Ok(Reread::End),
        }
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
                    assert_eq!(assigned[0].headers, [Some(vec!["x".to_string()])], "{name}");
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
