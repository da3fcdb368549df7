//! The state folder of a pipeline over a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Entry, Piece, Slots, StoredInput, StoredState};
use gristmill::rows::Partition;
use gristmill_learn::{StateError, StateReader, StateWriter};

use super::Lines;
use super::frames::{frame, frames};
use crate::commit::PartitionCommit;
use crate::committer::CommitterError;
use crate::state::StateFailure;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// What each shard has consumed.
    pub(super) entries: Vec<(i32, Entry)>,
    /// The length of each output in a file and of the dead letters, by the file's path.
    pub(super) lengths: Lengths,
}

/// Lengths by path.
pub(super) type Lengths = Vec<(String, u64)>;

/// The state of one pipeline over a file.
pub(super) struct StateFolder {
    path: PathBuf,
    _lock: File,
    journal: File,
    commits: Vec<Commit>,
    outputs: Vec<(String, Lines)>,
}

fn failed(path: &Path, error: &std::io::Error) -> StateFailure {
    StateFailure::StoredState { place: path.display().to_string(), why: error.to_string() }
}

/// The folder, locked by one run at a time, if the plan has one.
fn locked(plan: &Plan) -> Result<Option<(PathBuf, File)>, StateFailure> {
    let Some(directory) = plan.state.as_ref().and_then(|state| state.directory.as_ref()) else { return Ok(None) };
    let path = PathBuf::from(directory);
    fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
    let lock = File::create(path.join("lock")).map_err(|error| failed(&path, &error))?;
    if lock.try_lock().is_err() {
        let why = "another run uses it; wait for that one to end, or give this one a folder of its own".into();
        return Err(StateFailure::StoredState { place: path.display().to_string(), why });
    }
    Ok(Some((path, lock)))
}

/// A file's bytes; none if it does not exist.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, StateFailure> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Replaces a file atomically: a crash leaves the old one or the new one.
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

impl StateFolder {
    /// Opens a folder, locked by one run at a time.
    pub(super) fn open(plan: &Plan) -> Result<Option<Self>, StateFailure> {
        let Some((path, lock)) = locked(plan)? else { return Ok(None) };
        let commits = commits(&path)?;
        if commits.is_empty() && !snapshots(&path)?.is_empty() {
            let why = "it has a snapshot, but its journal is gone: `gristmill state reset FILE` starts over".into();
            return Err(StateFailure::StoredState { place: path.display().to_string(), why });
        }
        let journal = File::options().create(true).append(true).open(path.join("journal"));
        let journal = journal.map_err(|error| failed(&path, &error))?;
        Ok(Some(Self { path, _lock: lock, journal, commits, outputs: Vec::new() }))
    }

    /// The lengths of output files at the last commit; a file that is not among them is new.
    pub(super) fn lengths(&self) -> Lengths {
        self.commits.last().map(|last| last.lengths.clone()).unwrap_or_default()
    }

    /// The outputs whose lengths belong to every commit.
    pub(super) fn watch(&mut self, outputs: Vec<(String, Lines)>) {
        self.outputs = outputs;
    }

    /// The stored state of a shard. The folder is a log of its own, so it knows how far it was read.
    pub(super) fn stored(&self, partition: &Partition, inputs: &[Arc<str>]) -> Result<StoredState, StateFailure> {
        let entries: Vec<Entry> = self.commits.iter().flat_map(|commit| commit.of(partition.number).cloned()).collect();
        let ends = entries.last().map(Entry::ends).unwrap_or_default();
        let input = |name: &Arc<str>| StoredInput {
            name: Arc::clone(name),
            committed: ends.get(name),
            ..StoredInput::default()
        };
        let inputs = inputs.iter().map(input).collect();
        Ok(StoredState { slots: slots(&self.path, partition.number)?, entries, inputs, settled: true })
    }

    /// Makes a commit durable: outputs first, then, in one frame, the entries, then the snapshot.
    pub(super) fn commit(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        let entries = parts.iter().filter_map(|part| Some((part.partition.number, part.entry.clone()?)));
        let entries: Vec<(i32, Entry)> = entries.collect();
        if !entries.is_empty() {
            let written = self.outputs.iter().map(|(path, lines)| Ok((path.clone(), lines.sync()?)));
            let written = written.collect::<Result<Lengths, CommitterError>>()?;
            // A commit of state alone leaves the outputs as they are.
            let lengths = if written.is_empty() { self.lengths() } else { written };
            let commit = Commit { entries, lengths };
            let journal = self.path.join("journal");
            let written = self.journal.write_all(&frame(&commit.encode())).and_then(|()| self.journal.sync_data());
            written.map_err(|error| failed(&journal, &error))?;
            self.commits.push(commit);
        }
        let saved = parts.iter().filter(|part| !part.pieces.is_empty());
        let mut saved =
            saved.map(|part| self.save(part.partition.number, &part.pieces)).collect::<Vec<_>>().into_iter();
        let any = saved.len() > 0;
        saved.try_for_each(|saved| saved)?;
        if any { Ok(self.shorten()?) } else { Ok(()) }
    }

    /// Deletes everything. Nothing is read before, so unreadable state is deleted, too.
    pub(super) fn forget(plan: &Plan) -> Result<(), StateFailure> {
        let Some((path, _lock)) = locked(plan)? else { return Ok(()) };
        for file in snapshots(&path)?.into_iter().chain([path.join("journal")]) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&file, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// A snapshot is a file of its pieces, which are written at once here.
    fn save(&self, shard: i32, pieces: &[Piece]) -> Result<(), StateFailure> {
        let Some(Piece::Manifest(manifest)) = pieces.last() else { return Ok(()) };
        let framed = pieces.iter().flat_map(|piece| [frame(piece.key().as_bytes()), frame(&piece.value())]);
        replace(&self.path.join(format!("snapshot-{shard}-{}", manifest.slot)), &framed.collect::<Vec<_>>().concat())
    }

    /// The journal does not need what is in all snapshots: the entries after the oldest lead from one to the next. The
    /// last entry of each shard stays, and the last commit, since it has the lengths of the outputs.
    fn shorten(&mut self) -> Result<(), StateFailure> {
        let mut needed: BTreeMap<i32, u64> = BTreeMap::new();
        for (shard, entry) in self.commits.iter().flat_map(|commit| &commit.entries) {
            needed.insert(*shard, entry.sequence);
        }
        for (shard, last) in &mut needed {
            let saved = slots(&self.path, *shard)?.valid().last().map_or(0, |manifest| manifest.sequence);
            *last = saved.min(*last);
        }
        let last = self.commits.pop();
        let wanted = |(shard, entry): &(i32, Entry)| needed.get(shard).is_none_or(|first| entry.sequence >= *first);
        self.commits.retain(|commit| commit.entries.iter().any(wanted));
        self.commits.extend(last);
        let journalled: Vec<u8> = self.commits.iter().flat_map(|commit| frame(&commit.encode())).collect();
        let journal = self.path.join("journal");
        replace(&journal, &journalled)?;
        self.journal = File::options().append(true).open(&journal).map_err(|error| failed(&journal, &error))?;
        Ok(())
    }
}

/// Every complete commit of the journal. A partial write after them, left by a crash, is cut off.
pub(super) fn commits(folder: &Path) -> Result<Vec<Commit>, StateFailure> {
    let path = folder.join("journal");
    let bytes = read(&path)?;
    let (frames, length) = frames(&bytes);
    if length < bytes.len() {
        let cut = File::options().write(true).open(&path).and_then(|file| file.set_len(length as u64));
        cut.map_err(|error| failed(&path, &error))?;
    }
    let decoded = frames.into_iter().map(Commit::decode).collect::<Result<Vec<_>, _>>();
    decoded.map_err(|error| {
        let why = format!("{error}; `gristmill state reset FILE` starts over");
        StateFailure::StoredState { place: path.display().to_string(), why }
    })
}

/// The contents of a shard's snapshots.
pub(super) fn slots(folder: &Path, shard: i32) -> Result<Slots, StateFailure> {
    let mut slots = Slots::default();
    let start = format!("snapshot-{shard}-");
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
    for path in snapshots(folder)?.into_iter().filter(named) {
        let bytes = read(&path)?;
        for pair in frames(&bytes).0.chunks(2) {
            if let [key, value] = pair {
                slots.take(key, Some(value));
            }
        }
    }
    Ok(slots)
}

/// The files of the snapshots.
pub(super) fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, StateFailure> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(|error| failed(folder, &error))?;
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snapshot-"));
    paths.retain(|path| named(path) && path.extension().is_none());
    paths.sort();
    Ok(paths)
}

impl Commit {
    /// The entry of a shard, if it has one here.
    fn of(&self, shard: i32) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |(number, _)| *number == shard).map(|(_, entry)| entry)
    }

    fn encode(&self) -> Vec<u8> {
        let mut to = StateWriter::default();
        to.begin("commit", 1);
        to.u64(self.entries.len() as u64);
        for (shard, entry) in &self.entries {
            to.u64(*shard as u64);
            to.bytes(&entry.encode());
        }
        to.u64(self.lengths.len() as u64);
        for (path, length) in &self.lengths {
            to.text(path);
            to.u64(*length);
        }
        to.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = StateReader::new(bytes);
        from.begin("commit", 1)?;
        let entries = (0..from.length(16)?).map(|_| Ok((from.u64()? as i32, Entry::decode(from.bytes()?)?)));
        let entries = entries.collect::<Result<Vec<_>, StateError>>()?;
        let count = from.length(16)?;
        let lengths = (0..count).map(|_| Ok((from.text()?.to_string(), from.u64()?))).collect::<Result<_, _>>()?;
        from.end()?;
        Ok(Self { entries, lengths })
    }
}
