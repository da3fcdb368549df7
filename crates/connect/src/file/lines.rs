//! Writes decisions and dead letters, each on a line of its own, to a file or standard output.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
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
    /// Opens the file, for one run at a time. `header`: the line that it begins with, in a format that has one; the records
    /// of such a format may hold line breaks between quotes.
    pub(super) fn open(path: &str, keep: Keep, header: Option<&[u8]>) -> Result<Self, SinkError> {
        let target = format!("file {path}");
        let failed = |error: io::Error| SinkError::Write { target: target.clone(), why: why_not_opened(&error) };
        let refused = |why: String| SinkError::Write { target: target.clone(), why };
        let mut file = File::options().create(true).write(true).truncate(false).open(path).map_err(failed)?;
        let data = file.metadata().map_err(failed)?;
        // A pipe or a device has no length.
        let mut length = 0;
        if data.is_file() {
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(refused(ANOTHER_RUN.into()));
            }
            length = match keep {
                Keep::Lines => whole(path, data.len(), header).map_err(failed)?.map_err(refused)?,
                Keep::Bytes(bytes) if bytes > data.len() => return Err(refused(cut_since(bytes, data.len()))),
                Keep::Bytes(bytes) => bytes,
                Keep::All => data.len(),
                Keep::Nothing => 0,
            };
            if length > 0 && keep != Keep::All {
                begins_as(path, header).map_err(failed)?.map_err(refused)?;
            }
            file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).map_err(failed)?;
        }
        let handle = file.try_clone().map_err(failed)?;
        let writer = Box::new(BufWriter::with_capacity(1 << 16, file));
        let lines = Self::new(target, Inner { writer, file: Some(handle), length });
        lines.begin(header.filter(|_| length == 0 && keep != Keep::All))?;
        Ok(lines)
    }

    /// Writes the header, if there is one.
    pub(super) fn begin(&self, header: Option<&[u8]>) -> Result<(), SinkError> {
        header.map_or(Ok(()), |header| self.with(|inner| inner.line(header)))
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

const ANOTHER_RUN: &str = "another run writes to it, and each would write into the lines of the other: give every process \
                           of a group a file of its own";
const NOT_OURS: &str =
    "its last line has no end and is none of this program's: end it with a line break, or name another file";
const NO_OBJECT: &str = "it does not begin with a JSON object, so it was written in another format, or by something else: name \
                         another file";
const OTHER_HEADER: &str = "its first line does not name the fields that `select` names now: name another file, so that each \
                            has one meaning for its columns";

fn why_not_opened(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist; create it first".into(),
        io::ErrorKind::PermissionDenied => "permission denied; may this user write there?".into(),
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it".into(),
        _ => error.to_string(),
    }
}

fn cut_since(committed: u64, there: u64) -> String {
    format!(
        "{committed} bytes of answers were committed to it, but it has {there}: somebody else has changed it. Put it back, or \
         start over with `gristmill state reset FILE`"
    )
}

/// The length up to the last whole record, which alone is kept; an error where the rest is none of this program's.
fn whole(path: &str, there: u64, header: Option<&[u8]>) -> io::Result<Result<u64, String>> {
    let whole = match header {
        Some(_) => Some(whole_records(path)?),
        None => whole_lines(path, there)?,
    };
    let Some(whole) = whole else { return Ok(Err(NOT_OURS.into())) };
    if whole < there {
        tracing::warn!(
            name: "output_cut", "file {path}: the last line was torn after {} bytes, as by a kill or a full disk, and is cut off: its \
             record is answered again",
            there - whole
        );
    }
    Ok(Ok(whole))
}

/// An error where a file does not begin as those of its format do: by the header, or by an object.
fn begins_as(path: &str, header: Option<&[u8]>) -> io::Result<Result<(), String>> {
    let expected = header.map_or(b"{".to_vec(), |header| [header, b"\n"].concat());
    let mut begin = Vec::new();
    File::open(path)?.take(expected.len() as u64).read_to_end(&mut begin)?;
    let refusal = if header.is_some() { OTHER_HEADER } else { NO_OBJECT };
    Ok(if begin == expected { Ok(()) } else { Err(refusal.into()) })
}

/// Where the last whole record ends, if records may hold line breaks between quotes.
fn whole_records(path: &str) -> io::Result<u64> {
    let (mut end, mut at, mut quoted) = (0, 0, false);
    for byte in BufReader::new(File::open(path)?).bytes() {
        at += 1;
        match byte? {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at,
            _ => {}
        }
    }
    Ok(end)
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
        let lines = Lines::open(path, keep, None).unwrap();
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

    /// The same for records that hold line breaks: the header stays, and nothing is written under another one.
    #[test]
    fn a_torn_record_is_cut_off_and_columns_keep_their_meaning() {
        let records = ["id,note\n", "1,\"two\nlines, \"\"quoted\"\"\"\n", "2,\n"];
        let whole = records.concat();
        for cut in 0..=whole.len() {
            let path = file("torn-record", &whole.as_bytes()[..cut]);
            let ends = (0..=3).map(|count| records[..count].concat().len());
            let kept = ends.filter(|end| *end <= cut).max().unwrap().max(records[0].len());
            let lines = Lines::open(&path, Keep::Lines, Some(b"id,note")).unwrap();
            lines.with(|inner| inner.line(b"3,new")).unwrap();
            lines.sync().unwrap();
            drop(lines);
            let found = std::fs::read_to_string(&path).unwrap();
            assert_eq!(found, format!("{}3,new\n", &whole[..kept]), "cut at {cut}");
            for keep in [Keep::Lines, Keep::Bytes(8)] {
                let refusal = Lines::open(&path, keep, Some(b"id,score")).err().unwrap().to_string();
                assert!(refusal.contains("does not name the fields that `select` names now"), "{refusal}");
            }
            // Nor are objects written below lines of CSV.
            let refusal = Lines::open(&path, Keep::Bytes(8), None).err().unwrap().to_string();
            assert!(refusal.contains("does not begin with a JSON object"), "{refusal}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), found);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn what_is_not_ours_is_not_cut() {
        for text in ["precious", "{\"a\":1}\nprecious", "\0\0"] {
            let path = file("precious", text.as_bytes());
            let refusal = Lines::open(&path, Keep::Lines, None).err().unwrap().to_string();
            assert!(refusal.contains("none of this program's"), "{refusal}");
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes());
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn two_runs_do_not_write_into_each_others_lines() {
        for keep in [Keep::Lines, Keep::Nothing, Keep::Bytes(3)] {
            let path = file("shared", b"{}\n");
            let first = Lines::open(&path, Keep::Lines, None).unwrap();
            let refusal = Lines::open(&path, keep, None).err().unwrap().to_string();
            assert!(refusal.contains("another run writes to it"), "{refusal}");
            assert_eq!(std::fs::read(&path).unwrap(), b"{}\n");
            drop(first);
            assert!(written(&path, keep).ends_with(b"{\"new\":1}\n"));
        }
    }

    #[test]
    fn devices_are_written_to_as_they_are() {
        for keep in [Keep::Lines, Keep::Nothing] {
            let (null, again) =
                (Lines::open("/dev/null", keep, None).unwrap(), Lines::open("/dev/null", keep, None).unwrap());
            for lines in [null, again] {
                lines.with(|inner| inner.line(b"{}")).unwrap();
                lines.with(|inner| inner.writer.flush()).unwrap();
            }
        }
        let full = Lines::open("/dev/full", Keep::Lines, None).unwrap();
        let refused = full.with(|inner| inner.line(b"{}").and_then(|()| inner.writer.flush())).unwrap_err().to_string();
        assert!(refused.contains("file /dev/full: No space left on device"), "{refused}");
    }
}
