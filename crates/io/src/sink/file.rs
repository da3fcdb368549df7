//! Decisions and dead letters as lines of JSON, in a file or on standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

use gristmill::shard::Outbox;
use gristmill::spec::Guarantee;

use super::{Sink, SinkError, Transaction};
use crate::dead_letters::DeadLetter;

/// An open file or standard output that the members of a process share.
#[derive(Clone)]
pub struct Lines {
    target: String,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Lines {
    /// Opens the file: made anew, or gone on with where the input goes on as well.
    pub fn open(path: &str, append: bool) -> Result<Self, SinkError> {
        let target = format!("file {path}");
        let mut options = File::options();
        options.create(true).write(true).append(append).truncate(!append);
        let file = options.open(path).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "its folder does not exist; create it first".into(),
                io::ErrorKind::PermissionDenied => "permission denied; may this user write there?".into(),
                io::ErrorKind::IsADirectory => "it is a folder; name a file in it".into(),
                _ => error.to_string(),
            };
            SinkError::Write { target: target.clone(), why }
        })?;
        Ok(Self::new(target, Box::new(BufWriter::with_capacity(1 << 16, file))))
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::new("standard output".into(), Box::new(BufWriter::with_capacity(1 << 16, io::stdout())))
    }

    /// Any writer, for tests and the demo.
    pub fn new(target: String, writer: Box<dyn Write + Send>) -> Self {
        Self { target, writer: Arc::new(Mutex::new(writer)) }
    }

    fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SinkError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write(writer.as_mut()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Write { target: self.target.clone(), why: error.to_string() },
        })
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
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction>, SinkError> {
        Ok(Box::new(Batch { lines: self.lines.clone(), output: self.output }))
    }
}

struct Batch {
    lines: Lines,
    output: Option<usize>,
}

impl Transaction for Batch {
    fn write(&mut self, decisions: &Outbox, dead_letters: &[DeadLetter]) -> Result<(), SinkError> {
        self.lines.with(|writer| {
            match self.output {
                Some(output) => {
                    for decision in decisions.decisions().filter(|decision| decision.output == output) {
                        writer.write_all(decision.value)?;
                        writer.write_all(b"\n")?;
                    }
                }
                None => {
                    for letter in dead_letters {
                        serde_json::to_writer(&mut *writer, &letter.to_json())?;
                        writer.write_all(b"\n")?;
                    }
                }
            }
            Ok(())
        })
    }

    fn commit(self: Box<Self>) -> Result<(), SinkError> {
        self.lines.with(|writer| writer.flush())
    }
}
