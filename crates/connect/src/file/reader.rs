//! Reads the records of a file in order, plain or decompressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gristmill::connect::{FilePlan, InputPlan};
use gristmill::rows::{Partition, Position, RawRecord, RawRows};
use gristmill::spec::Format;
use gristmill_formats::packed;

use super::records::{Cut, HARD_LIMIT, Records};
use crate::source::SourceError;

const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// The records of a file; their offsets are rows, from 0.
pub(super) struct Reader {
    path: String,
    /// The delimiter, if the file is CSV.
    csv: Option<u8>,
    /// Whether the first line names the columns.
    named: bool,
    header: Option<Vec<String>>,
    records: Records<Box<dyn BufRead + Send>>,
    read: Arc<AtomicU64>,
    next: Position,
    ended: bool,
    record: Vec<u8>,
}

/// Counts the bytes read from disk, for the progress bar.
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

impl Reader {
    /// Opens an input; `read` counts the bytes read. The second value is the file's size, if known.
    pub(super) fn open(
        input: &InputPlan,
        format: Format,
        read: Arc<AtomicU64>,
    ) -> Result<(Self, Option<u64>), SourceError> {
        let Some(FilePlan { path, delimiter, header: named, .. }) = input.of() else {
            return Err(SourceError::File { path: input.name().into(), why: "the input is not a file".into() });
        };
        let csv = (format == Format::Csv).then_some(*delimiter);
        let reader = Self::of(path, csv, *named, read)?;
        if reader.ended {
            tracing::warn!(name: "input_empty", "{path} is empty: there is nothing to do");
        }
        Ok((reader, size(path)))
    }

    /// Opens any file. `csv`: the delimiter, if it is CSV; `named`: whether the first line then names the columns.
    pub(super) fn of(path: &str, csv: Option<u8>, named: bool, read: Arc<AtomicU64>) -> Result<Self, SourceError> {
        let opened = open(path, Arc::clone(&read)).map_err(|error| failed(path, &error))?;
        let mut reader = Self {
            path: path.to_string(),
            csv,
            named: csv.is_some() && named,
            header: None,
            records: Records::new(opened, csv.is_some(), csv.unwrap_or_default()),
            read,
            next: Position::START,
            ended: false,
            record: Vec::new(),
        };
        reader.begin()?;
        Ok(reader)
    }

    /// Reads the header; a file that should have one and does not has ended.
    fn begin(&mut self) -> Result<(), SourceError> {
        let delimiter = self.csv.unwrap_or_default();
        self.header = if self.named { header(&self.path, &mut self.records, delimiter)? } else { None };
        self.ended = self.named && self.header.is_none();
        self.next = Position::START;
        Ok(())
    }

    /// The names in the file's first line, if it has a header.
    pub(super) fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// The next record's offset.
    pub(super) fn next(&self) -> Position {
        self.next
    }

    /// Whether there are no more records.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Seeks to a record; back to an earlier one by reading from the beginning.
    pub(super) fn seek(&mut self, position: Position) -> Result<(), SourceError> {
        if position < self.next {
            let opened = open(&self.path, Arc::clone(&self.read)).map_err(|error| failed(&self.path, &error))?;
            self.records = Records::new(opened, self.csv.is_some(), self.csv.unwrap_or_default());
            self.begin()?;
        }
        while self.next < position {
            if !self.records.next(&mut self.record).map_err(|cut| cut_short(&self.path, cut))? {
                return Err(self.shorter(position));
            }
            self.next = self.next.next();
        }
        Ok(())
    }

    /// There are fewer records than were learned from.
    pub(super) fn shorter(&self, position: Position) -> SourceError {
        let why = format!(
            "it has {} records, but {position} of it were learned already: is it another file? `gristmill state reset FILE` \
             starts over",
            self.next
        );
        SourceError::File { path: self.path.clone(), why }
    }

    /// The next records, if there are any before a position.
    pub(super) fn batch(&mut self, partition: &Partition, before: Position) -> Result<RawRows, SourceError> {
        let mut rows = RawRows::new(partition.clone());
        while rows.len() < BATCH && rows.size() < BATCH_BYTES && self.next < before {
            let more = self.records.next(&mut self.record).map_err(|cut| cut_short(&self.path, cut))?;
            if !more {
                if self.next == Position::START && rows.is_empty() {
                    tracing::warn!(name: "input_empty", "{} is empty: there is nothing to do", self.path);
                }
                self.ended = true;
                break;
            }
            // A blank line is not a record, but a position in the file all the same.
            let blank = self.record.iter().all(u8::is_ascii_whitespace);
            if !blank || self.csv.is_some() {
                let value = Some(self.record.as_slice());
                rows.push(RawRecord { position: self.next, timestamp: None, key: None, value, headers: &[] });
            }
            self.next = self.next.next();
        }
        Ok(rows)
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

/// The size of the file in bytes, if it has one.
fn size(path: &str) -> Option<u64> {
    std::fs::metadata(path).ok().filter(|data| data.is_file()).map(|data| data.len())
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

/// The names in the first line; none for an empty file.
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
    if let Some(what) = packed(&line) {
        return Err(wrong(format!("it is no text, but {what}")));
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
