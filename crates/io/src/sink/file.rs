//! Decisions and dead letters as lines of JSON, in a file or on standard output.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Sink, SinkError};
use crate::ledger::Part;

/// How much of a file that is there already is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: it is made anew.
    Nothing,
    /// Everything: what is written goes behind it.
    All,
    /// So many bytes: what is behind them was never committed.
    Bytes(u64),
}

/// An open file or standard output that the members of a process share.
#[derive(Clone)]
pub struct Lines {
    target: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    writer: Box<dyn Write + Send>,
    file: Option<File>,
    length: u64,
}

impl Lines {
    /// Opens the file.
    pub fn open(path: &str, keep: Keep) -> Result<Self, SinkError> {
        let target = format!("file {path}");
        let failed = |error: io::Error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "its folder does not exist; create it first".into(),
                io::ErrorKind::PermissionDenied => "permission denied; may this user write there?".into(),
                io::ErrorKind::IsADirectory => "it is a folder; name a file in it".into(),
                _ => error.to_string(),
            };
            SinkError::Write { target: target.clone(), why }
        };
        let mut file =
            File::options().create(true).write(true).truncate(keep == Keep::Nothing).open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        let length = match keep {
            Keep::Bytes(bytes) if bytes > there => {
                let why = format!(
                    "{bytes} bytes of answers were committed to it, but it has {there}: somebody else has changed it. \
                     Put it back, or start over with `gristmill state reset`"
                );
                return Err(SinkError::Write { target, why });
            }
            Keep::Bytes(bytes) => bytes,
            Keep::All | Keep::Nothing => there,
        };
        file.set_len(length).and_then(|()| file.seek(io::SeekFrom::Start(length))).map_err(failed)?;
        let handle = file.try_clone().map_err(failed)?;
        let writer = Box::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Self::new(target, Inner { writer, file: Some(handle), length }))
    }

    /// Standard output.
    pub fn stdout() -> Self {
        let writer = Box::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        Self::new("standard output".into(), Inner { writer, file: None, length: 0 })
    }

    fn new(target: String, inner: Inner) -> Self {
        Self { target, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Makes everything written durable; the length of the file then.
    pub(crate) fn sync(&self) -> Result<u64, SinkError> {
        let mut length = 0;
        self.with(|inner| {
            inner.writer.flush()?;
            length = inner.length;
            inner.file.as_ref().map_or(Ok(()), File::sync_data)
        })?;
        Ok(length)
    }

    fn with(&self, write: impl FnOnce(&mut Inner) -> io::Result<()>) -> Result<(), SinkError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut inner).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Write { target: self.target.clone(), why: error.to_string() },
        })
    }
}

impl Inner {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.writer.write_all(line)?;
        self.writer.write_all(b"\n")?;
        self.length += line.len() as u64 + 1;
        Ok(())
    }
}

/// Writes the decisions of one output, or the dead letters.
pub struct LineSink {
    lines: Lines,
    output: Option<usize>,
}

impl LineSink {
    /// For the decisions of the output with this number.
    pub fn decisions(lines: Lines, output: usize) -> Self {
        Self { lines, output: Some(output) }
    }

    /// For dead letters.
    pub fn dead_letters(lines: Lines) -> Self {
        Self { lines, output: None }
    }
}

impl Sink for LineSink {
    fn write(&mut self, part: &Part) -> Result<(), SinkError> {
        self.lines.with(|inner| match self.output {
            Some(output) => {
                let mut mine = part.outbox.decisions().filter(|decision| decision.output == output);
                mine.try_for_each(|decision| inner.line(decision.value))
            }
            None => part.letters.iter().try_for_each(|letter| inner.line(letter.to_json().to_string().as_bytes())),
        })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.with(|inner| inner.writer.flush())
    }
}
