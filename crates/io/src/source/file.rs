//! Records from a file or standard input, plain or compressed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gristmill::plan::{InputPlan, Plan};
use gristmill::rows::{Partition, RawRecord, RawRows};
use gristmill::spec::Format;

use super::records::{Cut, HARD_LIMIT, Records};
use super::{Assignment, Event, Reread, Source, SourceError};

const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// One file as one partition; its positions are rows, from 0.
pub struct FileSource {
    path: String,
    partition: Partition,
    header: Option<Vec<String>>,
    records: Records<Box<dyn BufRead + Send>>,
    events: VecDeque<Event>,
    next: i64,
    paused: bool,
    ended: bool,
    record: Vec<u8>,
}

/// Counts the bytes that leave the disk, for the progress bar.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn failed(path: &str, error: &io::Error) -> SourceError {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; the path is taken from the folder you run in".into(),
        io::ErrorKind::PermissionDenied => "permission denied; may this user read it?".into(),
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it".into(),
        _ => error.to_string(),
    };
    SourceError::File { path: path.into(), why: what }
}

/// The size of the file in bytes, where it has one.
fn size(path: &str) -> Option<u64> {
    std::fs::metadata(path).ok().filter(|data| data.is_file()).map(|data| data.len())
}

impl FileSource {
    /// Opens the plan's file; `read` is told the bytes read. The second value is the file's size, where known.
    pub fn open(plan: &Plan, read: Arc<AtomicU64>) -> Result<(Self, Option<u64>), SourceError> {
        let InputPlan::File { path, delimiter, header: named, .. } = &plan.input else {
            return Err(SourceError::File { path: String::new(), why: "the input is not a file".into() });
        };
        let reader = open(path, read).map_err(|error| failed(path, &error))?;
        let csv = plan.format == Format::Csv;
        let mut records = Records::new(reader, csv, *delimiter);
        let partition = Partition::new(plan.input_name(), 0);
        let named = csv && *named;
        let header = if named { header(path, &mut records, *delimiter)? } else { None };
        let empty = named && header.is_none();
        if empty {
            tracing::warn!("{path} is empty: there is nothing to do");
        }
        let assigned = Event::Assigned(vec![Assignment { partition: partition.clone(), header: header.clone() }]);
        let source = Self {
            path: path.clone(),
            partition,
            header: header.clone(),
            records,
            // An empty CSV file has no header to decode with, and nothing to decode.
            events: if empty { VecDeque::new() } else { VecDeque::from([assigned]) },
            next: 0,
            paused: true,
            ended: empty,
            record: Vec::new(),
        };
        Ok((source, size(path)))
    }

    /// The names in the file's first line, where it has one.
    pub(crate) fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    fn skip_to(&mut self, position: i64) -> Result<(), SourceError> {
        while self.next < position {
            if !self.records.next(&mut self.record).map_err(|cut| cut_short(&self.path, cut))? {
                let (rows, path) = (self.next, self.path.clone());
                let why =
                    format!("it has {rows} records, but {position} of it were learned already: is it another file?");
                return Err(SourceError::File { path, why });
            }
            self.next += 1;
        }
        Ok(())
    }

    /// The next records, as far as there are any before a position.
    fn batch(&mut self, before: i64) -> Result<RawRows, SourceError> {
        let mut rows = RawRows::new(self.partition.clone());
        while rows.len() < BATCH && rows.size() < BATCH_BYTES && self.next < before {
            let more = self.records.next(&mut self.record).map_err(|cut| cut_short(&self.path, cut))?;
            if !more {
                if self.next == 0 && rows.is_empty() {
                    tracing::warn!("{} is empty: there is nothing to do", self.path);
                }
                self.ended = true;
                break;
            }
            let record =
                RawRecord { offset: self.next, timestamp: None, key: None, value: Some(&self.record), headers: &[] };
            rows.push(record);
            self.next += 1;
        }
        Ok(rows)
    }
}

impl Source for FileSource {
    fn poll(&mut self, _: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        if !room || self.paused && !self.ended {
            return Ok(None);
        }
        if self.ended {
            return Ok(Some(Event::CaughtUp(self.partition.clone())));
        }
        let rows = self.batch(i64::MAX)?;
        if rows.is_empty() { Ok(Some(Event::CaughtUp(self.partition.clone()))) } else { Ok(Some(Event::Rows(rows))) }
    }

    fn accept(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, _: &Partition, position: i64) -> Result<(), SourceError> {
        self.skip_to(position)?;
        self.paused = false;
        Ok(())
    }

    fn pause(&mut self, _: &Partition) -> Result<(), SourceError> {
        self.paused = true;
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

    fn reread(&mut self, _: &Partition, from: i64, to: i64) -> Result<Reread, SourceError> {
        self.skip_to(from)?;
        let rows = self.batch(to)?;
        Ok(if rows.is_empty() { Reread::End } else { Reread::Rows(rows) })
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, SourceError> {
        Ok(vec![None; partitions.len()])
    }

    fn over_markers(&mut self, _: &Partition, _: i64) -> Result<Option<i64>, SourceError> {
        Ok(None)
    }
}

fn open(path: &str, read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
    if path == "-" {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, Counted { inner: io::stdin(), read })));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let raw = BufReader::with_capacity(1 << 16, Counted { inner: file, read });
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    Ok(match ending.as_deref() {
        Some("gz") => Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(raw))),
        Some("zst") => Box::new(BufReader::with_capacity(1 << 16, zstd::Decoder::with_buffer(raw)?)),
        _ => Box::new(raw),
    })
}

fn cut_short(path: &str, cut: Cut) -> SourceError {
    match cut {
        Cut::Io(error) => failed(path, &error),
        Cut::TooLarge(line) => SourceError::File {
            path: path.into(),
            why: format!(
                "the record that begins on line {line} is larger than {} MB; is it one record a line?",
                HARD_LIMIT >> 20
            ),
        },
    }
}

/// The names in the first line; nothing for an empty file.
fn header(
    path: &str,
    records: &mut Records<Box<dyn BufRead + Send>>,
    delimiter: u8,
) -> Result<Option<Vec<String>>, SourceError> {
    let mut line = Vec::new();
    let wrong = |why: String| SourceError::File { path: path.into(), why };
    match records.next(&mut line) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(Cut::Io(error)) => return Err(failed(path, &error)),
        Err(Cut::TooLarge(_)) => return Err(wrong("the first line is larger than any header".into())),
    }
    let text = String::from_utf8(line).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(format!(
            "the header on line {} is not UTF-8 (byte {at}); if it is Latin-1, convert it with `iconv -f latin1 -t utf-8`",
            records.line()
        ))
    })?;
    let name = |field: &str| field.trim().trim_matches('"').replace("\"\"", "\"");
    Ok(Some(text.split(char::from(delimiter)).map(name).collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
                    source.resume(&assigned[0].partition, 0).unwrap();
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
