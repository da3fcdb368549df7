//! Writes decisions and dead letters as lines of JSON, to a file or standard output.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use crate::commit::PartitionCommit;
use crate::lock::lock;
use crate::sink::{Sink, SinkError};

/// How much of an existing file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing: it is truncated.
    Nothing,
    /// Everything, torn or not: nothing is changed, and nothing will be written.
    All,
    /// Every whole line: writes are appended to them. A last line that a kill or a full disk left incomplete is cut
    /// off; it was never committed, so its record is scored again.
    Lines,
    /// This many bytes: those after them were never committed.
    Bytes(u64),
}

impl Keep {
    /// How long a file of this length stays, or why it cannot be written to.
    fn length(self, path: &str, there: u64) -> io::Result<Result<u64, String>> {
        Ok(Ok(match self {
            Self::Lines => match whole_lines(path, there)? {
                Some(whole) => {
                    if whole < there {
                        tracing::warn!(
                            name: "output_cut", "file {path}: the last line was torn after {} bytes, as by a kill or a full disk, and is cut off: its \
                             record is answered again",
                            there - whole
                        );
                    }
                    whole
                }
                None => {
                    let why = "its last line has no end and is none of this program's: end it with a line break, or name \
                               another file";
                    return Ok(Err(why.into()));
                }
            },
            Self::Bytes(bytes) if bytes > there => {
                return Ok(Err(format!(
                    "{bytes} bytes of answers were committed to it, but it has {there}: somebody else has changed it. \
                     Put it back, or start over with `gristmill state reset FILE`"
                )));
            }
            Self::Bytes(bytes) => bytes,
            Self::All => there,
            Self::Nothing => 0,
        }))
    }
}

/// An open file or standard output that the members of a process share.
#[derive(Clone)]
pub(super) struct Lines {
    target: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    writer: Box<dyn Write + Send>,
    file: Option<File>,
    length: u64,
}

impl Lines {
    /// Opens the file, for one run at a time.
    pub(super) fn open(path: &str, keep: Keep) -> Result<Self, SinkError> {
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
        let mut file = File::options().create(true).write(true).truncate(false).open(path).map_err(failed)?;
        let data = file.metadata().map_err(failed)?;
        // A pipe or a device has no length.
        let mut length = 0;
        if data.is_file() {
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                let why = "another run writes to it, and each would write into the lines of the other: give every process of a \
                           group a file of its own";
                return Err(SinkError::Write { target, why: why.into() });
            }
            let kept = keep.length(path, data.len()).map_err(failed)?;
            length = kept.map_err(|why| SinkError::Write { target: target.clone(), why })?;
            file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).map_err(failed)?;
        }
        let handle = file.try_clone().map_err(failed)?;
        let writer = Box::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Self::new(target, Inner { writer, file: Some(handle), length }))
    }

    /// Standard output.
    pub(super) fn stdout() -> Self {
        let writer = Box::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        Self::new("standard output".into(), Inner { writer, file: None, length: 0 })
    }

    fn new(target: String, inner: Inner) -> Self {
        Self { target, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Makes everything written durable; returns the length of the file.
    pub(super) fn sync(&self) -> Result<u64, SinkError> {
        let mut length = 0;
        self.with(|inner| {
            inner.writer.flush()?;
            length = inner.length;
            inner.file.as_ref().map_or(Ok(()), File::sync_data)
        })?;
        Ok(length)
    }

    fn with(&self, write: impl FnOnce(&mut Inner) -> io::Result<()>) -> Result<(), SinkError> {
        write(&mut lock(&self.inner)).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Write { target: self.target.clone(), why: error.to_string() },
        })
    }
}

/// Where the last whole line of a file ends; none if the bytes after it are not the beginning of a decision, which is
/// an object.
fn whole_lines(path: &str, length: u64) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let mut block = [0; 1 << 16];
    let (mut end, mut first) = (length, None);
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let part = block.get_mut(..(end - begin) as usize).unwrap_or_default();
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            end = begin + at as u64 + 1;
            first = part.get(at + 1).copied().or(first);
            break;
        }
        first = part.first().copied();
        end = begin;
    }
    Ok(first.is_none_or(|first| first == b'{').then_some(end))
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
pub(super) struct LineSink {
    lines: Lines,
    output: Option<usize>,
}

impl LineSink {
    /// For the decisions of the output with this number.
    pub(super) fn decisions(lines: Lines, output: usize) -> Self {
        Self { lines, output: Some(output) }
    }

    /// For dead letters.
    pub(super) fn dead_letters(lines: Lines) -> Self {
        Self { lines, output: None }
    }
}

impl Sink for LineSink {
    fn write(&mut self, part: &PartitionCommit) -> Result<(), SinkError> {
        self.lines.with(|inner| match self.output {
            Some(output) => {
                let mut mine = part.outbox.decisions().filter(|decision| decision.output == output);
                mine.try_for_each(|decision| inner.line(decision.value))
            }
            None => part.dead_letters.iter().try_for_each(|letter| inner.line(letter.to_json().to_string().as_bytes())),
        })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.with(|inner| inner.writer.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the test's own.
    fn file(name: &str, bytes: &[u8]) -> String {
        let path = std::env::temp_dir().join(format!("gristmill-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn written(path: &str, keep: Keep) -> Vec<u8> {
        let lines = Lines::open(path, keep).unwrap();
        lines.with(|inner| inner.line(b"{\"new\":1}")).unwrap();
        lines.sync().unwrap();
        drop(lines);
        let bytes = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        bytes
    }

    /// Wherever a line was torn: nothing is ever appended to it, and no whole line is lost.
    #[test]
    fn a_torn_last_line_is_cut_off() {
        let long = format!("{{\"long\":\"{}\"}}\n", "x".repeat(200_000));
        let (first, second) = ("{\"a\":1}\n", "{\"b\":22}\n");
        let whole = [first, second, &long].concat();
        let cuts = (0..=20).chain([60_000, 65_535, 65_536, 65_537, 131_090, whole.len() - 1, whole.len()]);
        for cut in cuts {
            let path = file("torn", &whole.as_bytes()[..cut]);
            let kept = whole[..cut].rfind('\n').map_or(0, |at| at + 1);
            let expected = [&whole[..kept], "{\"new\":1}\n"].concat();
            assert!(written(&path, Keep::Lines) == expected.as_bytes(), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_ours_is_not_cut() {
        for text in ["precious", "{\"a\":1}\nprecious", "\0\0"] {
            let path = file("precious", text.as_bytes());
            let refusal = Lines::open(&path, Keep::Lines).err().unwrap().to_string();
            assert!(refusal.contains("none of this program's"), "{refusal}");
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes());
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn two_runs_do_not_write_into_each_others_lines() {
        for keep in [Keep::Lines, Keep::Nothing, Keep::Bytes(3)] {
            let path = file("shared", b"{}\n");
            let first = Lines::open(&path, Keep::Lines).unwrap();
            let refusal = Lines::open(&path, keep).err().unwrap().to_string();
            assert!(refusal.contains("another run writes to it"), "{refusal}");
            assert_eq!(std::fs::read(&path).unwrap(), b"{}\n");
            drop(first);
            assert!(written(&path, keep).ends_with(b"{\"new\":1}\n"));
        }
    }

    #[test]
    fn devices_are_written_to_as_they_are() {
        for keep in [Keep::Lines, Keep::Nothing] {
            let (null, again) = (Lines::open("/dev/null", keep).unwrap(), Lines::open("/dev/null", keep).unwrap());
            for lines in [null, again] {
                lines.with(|inner| inner.line(b"{}")).unwrap();
                lines.with(|inner| inner.writer.flush()).unwrap();
            }
        }
        let full = Lines::open("/dev/full", Keep::Lines).unwrap();
        let refused = full.with(|inner| inner.line(b"{}").and_then(|()| inner.writer.flush())).unwrap_err().to_string();
        assert!(refused.contains("file /dev/full: No space left on device"), "{refused}");
    }
}
