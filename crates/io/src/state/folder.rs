//! The folder of a pipeline over a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use gristmill::plan::Plan;
use gristmill::protocol::{self, Consumed, Entry, Observed, Opening, Run, Snapshot, Tail};
use gristmill::rows::{Partition, RawRecord};
use gristmill_learn::{StateError, StateReader, StateWriter};
use xxhash_rust::xxh3::xxh3_64;

use super::StateFailure;
use super::frames::{frame, frames};
use crate::sink::Lines;

const SLOTS: [&str; 2] = ["snapshot-a", "snapshot-b"];

/// What one commit made visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) entry: Entry,
    /// The length of each output in a file, then of the dead letters.
    pub(super) lengths: Vec<u64>,
}

/// A saved state and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    /// The sequence of the next commit.
    pub(super) sequence: u64,
    pub(super) position: i64,
    pub(super) program: u64,
    pub(super) definition: Vec<(String, String)>,
    pub(super) state: Vec<u8>,
}

/// How a shard is to be opened.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// The saved state; none: untrained.
    pub snapshot: Option<Vec<u8>>,
    /// Where to begin to read.
    pub start: i64,
    /// What to read again, muted, before going on.
    pub replay: Vec<Run>,
    /// The lengths that outputs in files had at the last commit; none: nothing was ever committed.
    pub lengths: Option<Vec<u64>>,
}

/// The state of one pipeline over a file.
pub struct StateFolder {
    path: PathBuf,
    plan: Arc<Plan>,
    partition: Partition,
    _lock: File,
    journal: File,
    sequence: u64,
    consumed: Consumed,
    last: Option<Commit>,
    outputs: Vec<Lines>,
    program: u64,
    slot: usize,
    /// When the whole state was saved last, and the sequence it was saved at; none: never.
    saved: (Instant, Option<u64>),
    /// Records consumed since then.
    rows: u64,
}

fn failed(path: &Path, error: &std::io::Error) -> StateFailure {
    StateFailure::Folder { path: path.display().to_string(), why: error.to_string() }
}

/// A file's bytes; none where it is not there.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, StateFailure> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Replaces a file in one step: a crash leaves the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateFailure> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).map_err(|error| failed(path, &error))?;
    let folder = path.parent().unwrap_or(path);
    // The name itself must survive a power failure, too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, &error))
}

/// The program that runs: state is only rebuilt by the program that built it.
fn program() -> u64 {
    std::env::current_exe().and_then(fs::read).map_or(0, |bytes| xxh3_64(&bytes))
}

impl StateFolder {
    /// Opens the folder and says how the shard is to be opened.
    pub fn open(plan: &Arc<Plan>, partition: &Partition) -> Result<Option<(Self, Opened)>, StateFailure> {
        let Some(state) = &plan.state else { return Ok(None) };
        let path = PathBuf::from(&state.directory);
        fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
        let lock = File::create(path.join("lock")).map_err(|error| failed(&path, &error))?;
        if lock.try_lock().is_err() {
            let why = "another run uses it; wait for that one to end, or give this one a folder of its own".into();
            return Err(StateFailure::Folder { path: path.display().to_string(), why });
        }
        let (commits, saved) = (commits(&path)?, newest(&path)?);
        if commits.is_empty() && saved.is_some() {
            let why = "it has a snapshot, but its journal is gone: `gristmill state reset` starts over".into();
            return Err(StateFailure::Folder { path: path.display().to_string(), why });
        }
        let program = program();
        let opened = decide(plan, partition, &commits, saved.as_ref().map(|(_, saved)| saved), program)?;
        let last = commits.last().cloned();
        let journal = File::options().create(true).append(true).open(path.join("journal"));
        let sequence = last.as_ref().map(|commit| commit.entry.sequence + 1);
        let sequence = sequence.or(saved.as_ref().map(|(_, saved)| saved.sequence)).unwrap_or(0);
        let position = last.as_ref().and_then(|commit| commit.entry.next()).unwrap_or(opened.start);
        let folder = Self {
            journal: journal.map_err(|error| failed(&path, &error))?,
            path,
            plan: Arc::clone(plan),
            partition: partition.clone(),
            _lock: lock,
            sequence,
            consumed: Consumed::nothing(position),
            last,
            outputs: Vec::new(),
            program,
            slot: saved.as_ref().map_or(0, |(slot, _)| 1 - slot),
            saved: (Instant::now(), saved.map(|(_, saved)| saved.sequence)),
            rows: 0,
        };
        Ok(Some((folder, opened)))
    }

    /// The outputs whose lengths belong to every commit: those in files, in the plan's order, then the dead letters.
    pub(crate) fn watch(&mut self, outputs: Vec<Lines>) {
        self.outputs = outputs;
    }

    /// Counts consumed records towards the next commit.
    pub(crate) fn consume<'a>(&mut self, records: impl Iterator<Item = RawRecord<'a>>) {
        for record in records {
            self.consumed.add(&record);
            self.rows += 1;
        }
    }

    /// Makes everything since the last commit visible: outputs first, then the entry that says so.
    pub(crate) fn commit(&mut self) -> Result<(), crate::member::MemberError> {
        if self.consumed.count == 0 {
            return Ok(());
        }
        let lengths = self.outputs.iter().map(Lines::sync).collect::<Result<Vec<u64>, _>>()?;
        let run = Run { topic: Arc::clone(&self.partition.topic), consumed: self.consumed };
        let commit = Commit { entry: Entry { sequence: self.sequence, runs: vec![run] }, lengths };
        let journal = self.path.join("journal");
        let written = self.journal.write_all(&frame(&commit.encode())).and_then(|()| self.journal.sync_data());
        written.map_err(|error| failed(&journal, &error))?;
        self.sequence += 1;
        self.consumed = Consumed::nothing(self.consumed.next);
        self.last = Some(commit);
        Ok(())
    }

    /// Whether the whole state should be saved now.
    pub(crate) fn due(&self) -> bool {
        let snapshot = self.plan.state.as_ref().map(|state| &state.snapshot);
        let late = |every: std::time::Duration| self.saved.0.elapsed() >= every;
        self.rows > 0 && snapshot.is_some_and(|snapshot| self.rows >= snapshot.rows || late(snapshot.every.0))
    }

    /// Saves the whole state as of the last commit; the journal before it is not needed any more.
    pub(crate) fn save(&mut self, state: &[u8]) -> Result<(), StateFailure> {
        if self.sequence == 0 || self.saved.1 == Some(self.sequence) {
            return Ok(());
        }
        let definition = self.plan.definition().into_iter().map(|(part, text)| (part.to_string(), text)).collect();
        let saved = Saved {
            sequence: self.sequence,
            position: self.consumed.from,
            program: self.program,
            definition,
            state: state.to_vec(),
        };
        let slot = SLOTS.get(self.slot).copied().unwrap_or("snapshot-a");
        replace(&self.path.join(slot), &frame(&saved.encode()))?;
        self.slot = 1 - self.slot;
        self.saved = (Instant::now(), Some(self.sequence));
        self.rows = 0;
        // The last entry stays: it knows the lengths of the outputs.
        let kept = self.last.as_ref().map(|last| frame(&last.encode())).unwrap_or_default();
        let journal = self.path.join("journal");
        replace(&journal, &kept)?;
        self.journal = File::options().append(true).open(&journal).map_err(|error| failed(&journal, &error))?;
        Ok(())
    }
}

/// Asks the table of openings, and words what stands in the way.
fn decide(
    plan: &Plan,
    partition: &Partition,
    commits: &[Commit],
    saved: Option<&Saved>,
    program: u64,
) -> Result<Opened, StateFailure> {
    let sequence = saved.map_or(0, |saved| saved.sequence);
    let since = commits.iter().filter(|commit| commit.entry.sequence >= sequence);
    let same_plan = saved.is_none_or(|saved| changed(plan, saved).is_empty());
    let seen = Observed {
        snapshot: saved.map(|saved| Snapshot {
            sequence: saved.sequence,
            position: saved.position,
            same_code: saved.program == program && same_plan,
        }),
        journal: commits.last().map(|last| Tail {
            sequence: last.entry.sequence,
            position: last.entry.next().unwrap_or(0),
            complete: since.clone().zip(sequence..).all(|(commit, expected)| commit.entry.sequence == expected),
        }),
        offsets: commits.last().and_then(|last| last.entry.next()),
        first: 0,
        settled: true,
    };
    let start = match protocol::open(&seen) {
        Opening::Fresh | Opening::Wait => 0,
        Opening::Load => seen.offsets.or(saved.map(|saved| saved.position)).unwrap_or(0),
        Opening::Replay { from, .. } | Opening::TrustJournal { from, .. } => from,
        Opening::Stop(stop) => return Err(StateFailure::Stop { partition: partition.clone(), stop }),
    };
    if let Some(part) = saved.and_then(|saved| changed(plan, saved).into_iter().next()) {
        let why = format!(
            "it was saved with other `{part}`; `gristmill state reset` starts over, or put the document back as it was"
        );
        let path = plan.state.as_ref().map(|state| state.directory.clone()).unwrap_or_default();
        return Err(StateFailure::Folder { path, why });
    }
    Ok(Opened {
        snapshot: saved.map(|saved| saved.state.clone()),
        start,
        replay: since.flat_map(|commit| commit.entry.runs.clone()).collect(),
        lengths: commits.last().map(|last| last.lengths.clone()),
    })
}

/// The parts of the document that state depends on and that are not as they were.
fn changed(plan: &Plan, saved: &Saved) -> Vec<String> {
    let now = plan.definition();
    let then = saved.definition.iter();
    then.zip(&now).filter(|((_, then), (_, now))| then != now).map(|((part, _), _)| part.clone()).collect()
}

/// Every whole commit of the journal. What a crash has left half-written behind them is cut off.
pub(super) fn commits(folder: &Path) -> Result<Vec<Commit>, StateFailure> {
    let path = folder.join("journal");
    let bytes = read(&path)?;
    let (frames, length) = frames(&bytes);
    if length < bytes.len() {
        let cut = File::options().write(true).open(&path).and_then(|file| file.set_len(length as u64));
        cut.map_err(|error| failed(&path, &error))?;
    }
    let decoded = frames.into_iter().map(Commit::decode).collect::<Result<Vec<_>, _>>();
    decoded.map_err(|error| StateFailure::Folder { path: path.display().to_string(), why: error.to_string() })
}

/// The newest valid snapshot and its slot.
pub(super) fn newest(folder: &Path) -> Result<Option<(usize, Saved)>, StateFailure> {
    let mut found: Option<(usize, Saved)> = None;
    for (slot, name) in SLOTS.iter().enumerate() {
        let path = folder.join(name);
        let bytes = read(&path)?;
        let Some(payload) = frames(&bytes).0.first().copied() else { continue };
        let saved = Saved::decode(payload)
            .map_err(|error| StateFailure::Folder { path: path.display().to_string(), why: error.to_string() })?;
        if found.as_ref().is_none_or(|(_, other)| saved.sequence > other.sequence) {
            found = Some((slot, saved));
        }
    }
    Ok(found)
}

impl Commit {
    fn encode(&self) -> Vec<u8> {
        let mut to = StateWriter::default();
        to.begin("commit", 1);
        to.bytes(&self.entry.encode());
        to.u64(self.lengths.len() as u64);
        self.lengths.iter().for_each(|length| to.u64(*length));
        to.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = StateReader::new(bytes);
        from.begin("commit", 1)?;
        let entry = Entry::decode(from.bytes()?)?;
        let count = from.length(8)?;
        let lengths = (0..count).map(|_| from.u64()).collect::<Result<_, _>>()?;
        from.end()?;
        Ok(Self { entry, lengths })
    }
}

impl Saved {
    fn encode(&self) -> Vec<u8> {
        let mut to = StateWriter::default();
        to.begin("snapshot", 1);
        to.u64(self.sequence);
        to.u64(self.position as u64);
        to.u64(self.program);
        to.u64(self.definition.len() as u64);
        for (part, text) in &self.definition {
            to.text(part);
            to.text(text);
        }
        to.bytes(&self.state);
        to.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = StateReader::new(bytes);
        from.begin("snapshot", 1)?;
        let (sequence, position, program) = (from.u64()?, from.u64()? as i64, from.u64()?);
        let mut definition = Vec::new();
        for _ in 0..from.length(16)? {
            definition.push((from.text()?.to_string(), from.text()?.to_string()));
        }
        let state = from.bytes()?.to_vec();
        from.end()?;
        Ok(Self { sequence, position, program, definition, state })
    }
}
