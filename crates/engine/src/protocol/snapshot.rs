//! A snapshot in pieces: chunks that fit into records, and a manifest that comes last and alone makes it valid.
//!
//! A log keeps the newest value of each key, so a few *slots* are used in turn: while one is being written, the
//! previous one stays intact. A chunk carries the sequence it belongs to and the manifest the checksum of all chunks: a
//! slot that is half new and half old is not a valid snapshot.

use std::collections::{BTreeMap, VecDeque};

use gristmill_learn::{StateError, StateReader, StateWriter};
use xxhash_rust::xxh3::xxh3_64;

use crate::rows::{Position, Positions};

/// The metadata of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its slot.
    pub slot: u32,
    /// The commits that it contains: the sequence of the next one.
    pub sequence: u64,
    /// The next position to read of each input.
    pub positions: Positions,
    /// Where in the journal to look for the entries after it: at or before the first of them.
    pub journal: Position,
    /// The number of chunks.
    pub chunks: u64,
    /// The bytes of all chunks together.
    pub length: u64,
    /// Their checksum.
    pub checksum: u64,
    /// The program that wrote it.
    pub program: u64,
    /// The plan it was written under.
    pub plan: u64,
}

/// A part of a snapshot that fits into one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Some of its bytes.
    Chunk {
        /// The slot.
        slot: u32,
        /// The snapshot's sequence.
        sequence: u64,
        /// The number of the chunk, from 0.
        index: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// What makes it valid.
    Manifest(Manifest),
}

const MANIFEST: &str = "manifest";
const CHUNK: &str = "chunk";

impl Piece {
    /// A snapshot's pieces in the order in which they must be written. `about` need not contain figures of its chunks.
    pub fn cut(about: Manifest, state: &[u8], limit: usize) -> VecDeque<Self> {
        let (slot, sequence) = (about.slot, about.sequence);
        let chunks = state.chunks(limit.max(1)).zip(0..);
        let mut pieces: VecDeque<Self> =
            chunks.map(|(bytes, index)| Self::Chunk { slot, sequence, index, bytes: bytes.to_vec() }).collect();
        let (chunks, length) = (pieces.len() as u64, state.len() as u64);
        pieces.push_back(Self::Manifest(Manifest { chunks, length, checksum: xxh3_64(state), ..about }));
        pieces
    }

    /// Its approximate size in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Chunk { bytes, .. } => bytes.len(),
            Self::Manifest(_) => 128,
        }
    }

    /// The key of its record.
    pub fn key(&self) -> String {
        match self {
            Self::Chunk { slot, index, .. } => format!("{slot}-{index}"),
            Self::Manifest(manifest) => format!("{}-{MANIFEST}", manifest.slot),
        }
    }

    /// The value of its record.
    pub fn value(&self) -> Vec<u8> {
        let mut to = StateWriter::default();
        match self {
            Self::Chunk { sequence, bytes, .. } => {
                to.begin(CHUNK, 1);
                to.u64(*sequence);
                to.bytes(bytes);
            }
            Self::Manifest(manifest) => {
                to.begin(MANIFEST, 2);
                to.u64(manifest.sequence);
                manifest.positions.save(&mut to);
                manifest.journal.save(&mut to);
                to.u64(manifest.chunks);
                to.u64(manifest.length);
                to.u64(manifest.checksum);
                to.u64(manifest.program);
                to.u64(manifest.plan);
            }
        }
        to.into_bytes()
    }
}

fn read_manifest(slot: u32, value: &[u8]) -> Result<Manifest, StateError> {
    let mut from = StateReader::new(value);
    let format = from.begin(MANIFEST, 2)?;
    let sequence = from.u64()?;
    let (positions, journal) = match format {
        ..2 => (Positions::unnamed(Position::number(from.u64()?)), Position::number(from.u64()?)),
        _ => (Positions::load(&mut from)?, Position::load(&mut from)?),
    };
    let manifest = Manifest {
        slot,
        sequence,
        positions,
        journal,
        chunks: from.u64()?,
        length: from.u64()?,
        checksum: from.u64()?,
        program: from.u64()?,
        plan: from.u64()?,
    };
    from.end()?;
    Ok(manifest)
}

fn read_chunk(value: &[u8]) -> Result<(u64, Vec<u8>), StateError> {
    let mut from = StateReader::new(value);
    from.begin(CHUNK, 1)?;
    let (sequence, bytes) = (from.u64()?, from.bytes()?.to_vec());
    from.end()?;
    Ok((sequence, bytes))
}

/// A complete snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its metadata.
    pub manifest: Manifest,
    /// The shard's state.
    pub state: Vec<u8>,
}

/// The contents of one partition's slots: the newest value of each key.
#[derive(Debug, Clone, Default)]
pub struct Slots {
    manifests: BTreeMap<u32, Manifest>,
    chunks: BTreeMap<(u32, u64), (u64, Vec<u8>)>,
    /// When manifests were written, in milliseconds since 1970, if known.
    written: BTreeMap<u32, i64>,
}

impl Slots {
    /// Adds a record of the log, in order. An unknown key or value is skipped: it cannot be part of a valid snapshot.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some((slot, rest)) = std::str::from_utf8(key).ok().and_then(|key| key.split_once('-')) else { return };
        let Ok(slot) = slot.parse::<u32>() else { return };
        match (rest, rest.parse::<u64>(), value) {
            (MANIFEST, _, Some(value)) => match read_manifest(slot, value) {
                Ok(manifest) => drop(self.manifests.insert(slot, manifest)),
                Err(_) => drop(self.manifests.remove(&slot)),
            },
            (MANIFEST, _, None) => drop(self.manifests.remove(&slot)),
            (_, Ok(index), Some(value)) => match read_chunk(value) {
                Ok(chunk) => drop(self.chunks.insert((slot, index), chunk)),
                Err(_) => drop(self.chunks.remove(&(slot, index))),
            },
            (_, Ok(index), None) => drop(self.chunks.remove(&(slot, index))),
            _ => {}
        }
    }

    /// Records when the record of a manifest was written.
    pub fn written_at(&mut self, key: &[u8], milliseconds: i64) {
        let slot = std::str::from_utf8(key).ok().and_then(|key| key.strip_suffix("-manifest")?.parse().ok());
        self.written.extend(slot.map(|slot: u32| (slot, milliseconds)));
    }

    /// When the snapshot of a slot was written, in milliseconds since 1970.
    pub fn written(&self, slot: u32) -> Option<i64> {
        self.written.get(&slot).copied()
    }

    /// The slots with a valid snapshot, the newest first.
    pub fn valid(&self) -> Vec<&Manifest> {
        let mut found: Vec<&Manifest> = self.manifests.values().filter(|one| self.state(one).is_some()).collect();
        found.sort_by_key(|manifest| std::cmp::Reverse(manifest.sequence));
        found
    }

    /// The newest valid snapshot.
    pub fn newest(&self) -> Option<Saved> {
        self.newest_of(|_| true)
    }

    /// The newest valid snapshot that satisfies a condition.
    pub fn newest_of(&self, fits: impl Fn(&Manifest) -> bool) -> Option<Saved> {
        let mut manifests: Vec<&Manifest> = self.manifests.values().collect();
        manifests.sort_by_key(|manifest| std::cmp::Reverse(manifest.sequence));
        let mut whole = manifests.iter().filter(|manifest| fits(manifest));
        whole.find_map(|manifest| Some(Saved { manifest: (**manifest).clone(), state: self.state(manifest)? }))
    }

    /// The slot to use next: the one with the oldest snapshot, or without one.
    pub fn next(&self, slots: u32) -> u32 {
        let age = |slot: &u32| self.manifests.get(slot).map_or(0, |manifest| manifest.sequence + 1);
        (0..slots).min_by_key(age).unwrap_or(0)
    }

    fn state(&self, manifest: &Manifest) -> Option<Vec<u8>> {
        let mut state = Vec::new();
        for index in 0..manifest.chunks {
            let (sequence, bytes) = self.chunks.get(&(manifest.slot, index))?;
            if *sequence != manifest.sequence {
                return None;
            }
            state.extend_from_slice(bytes);
        }
        (state.len() as u64 == manifest.length && xxh3_64(&state) == manifest.checksum).then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(slot: u32, sequence: u64) -> Manifest {
        let (positions, journal) = (Positions::of("t", Position::number(sequence * 10)), Position::number(sequence));
        Manifest { slot, sequence, positions, journal, program: 1, plan: 2, ..Manifest::default() }
    }

    fn before(slots: &Slots, position: u64) -> Option<Saved> {
        slots.newest_of(|manifest| manifest.positions.get("t") <= Some(Position::number(position)))
    }

    fn write(slots: &mut Slots, pieces: impl IntoIterator<Item = Piece>) {
        pieces.into_iter().for_each(|piece| slots.take(piece.key().as_bytes(), Some(&piece.value())));
    }

    /// The bytes of a snapshot's pieces, as stored in topics and folders.
    #[test]
    fn pieces_are_read_as_they_were_written() {
        let number = |value: u64| value.to_le_bytes().to_vec();
        let (positions, journal) = (Positions::of("t", Position::number(90)), Position::number(7));
        let about = Manifest { slot: 1, sequence: 5, positions, journal, program: 12, plan: 11, ..Manifest::default() };
        let pieces = Piece::cut(about, b"state", 3);
        let checksum = xxh3_64(b"state");
        let chunk = |bytes: &[u8]| {
            [&b"\x05\0\0\0\0\0\0\0chunk\x01\0"[..], &number(5), &number(bytes.len() as u64), bytes].concat()
        };
        let head = |format: u8| [&b"\x08\0\0\0\0\0\0\0manifest"[..], &[format, 0], &number(5)].concat();
        let rest = [2, 5, checksum, 12, 11].map(number).concat();
        let place = [number(1), number(1), b"t".to_vec(), [0, 90, 0, 7].map(number).concat()].concat();
        let manifest = [head(2), place, rest.clone()].concat();
        let expected = [("1-0", chunk(b"sta")), ("1-1", chunk(b"te")), ("1-manifest", manifest)];
        let found: Vec<(String, Vec<u8>)> = pieces.iter().map(|piece| (piece.key(), piece.value())).collect();
        assert_eq!(found, expected.map(|(key, value)| (key.to_string(), value)));
        // Before shards had several inputs it had one position, a number.
        let before = [head(1), number(90), number(7), rest].concat();
        let before = read_manifest(1, &before).unwrap();
        assert_eq!((before.positions.get("t"), before.journal), (Some(Position::number(90)), Position::number(7)));
        assert_eq!(checksum, 0x6dde_f6a5_42f5_2cb4, "as the reference program of XXH3 has it");
        let mut slots = Slots::default();
        found.iter().for_each(|(key, value)| slots.take(key.as_bytes(), Some(value)));
        assert_eq!(slots.newest().map(|saved| saved.state), Some(b"state".to_vec()));
    }

    #[test]
    fn valid_with_its_last_piece_and_not_before() {
        let mut slots = Slots::default();
        let state: Vec<u8> = (0..100).collect();
        let pieces = Piece::cut(about(0, 3), &state, 30);
        assert_eq!(pieces.len(), 5);
        for piece in pieces {
            assert_eq!(slots.newest(), None);
            write(&mut slots, [piece]);
        }
        let found = slots.newest().unwrap();
        assert_eq!((found.state, found.manifest.sequence, found.manifest.journal), (state, 3, Position::number(3)));
    }

    #[test]
    fn a_slot_half_overwritten_falls_back_to_the_other() {
        let mut slots = Slots::default();
        write(&mut slots, Piece::cut(about(0, 3), &[3; 100], 30));
        assert_eq!(slots.next(2), 1);
        write(&mut slots, Piece::cut(about(1, 5), &[5; 100], 30));
        assert_eq!(slots.next(2), 0);
        write(&mut slots, Piece::cut(about(0, 8), &[8; 100], 30).into_iter().take(2));
        assert_eq!(slots.newest().unwrap().manifest.sequence, 5);
        assert_eq!(slots.valid().len(), 1);
        write(&mut slots, Piece::cut(about(0, 8), &[8; 70], 30));
        assert_eq!(slots.newest().unwrap().state, vec![8; 70]);
        assert_eq!(before(&slots, 79).unwrap().manifest.sequence, 5);
        assert_eq!(before(&slots, 49), None);
        slots.take(b"0-manifest", None);
        assert_eq!(slots.newest().unwrap().manifest.sequence, 5);
    }

    #[test]
    fn foreign_records_are_no_snapshot() {
        let mut slots = Slots::default();
        for key in ["", "x", "0", "0-", "-0", "0-manifest", "0-0", "99999999999-1"] {
            slots.take(key.as_bytes(), Some(b"what is this"));
        }
        assert_eq!(slots.newest(), None);
        // A manifest that claims more chunks than there are costs nothing.
        let lie = Piece::Manifest(Manifest { chunks: u64::MAX, ..about(0, 1) });
        write(&mut slots, [lie]);
        assert_eq!(slots.newest(), None);
    }
}
