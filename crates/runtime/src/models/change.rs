//! The records of the models topic: pieces of files, and changes.

use serde::{Deserialize, Serialize};

/// A model whose bytes are in the topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name in decisions.
    pub name: String,
    /// The XXH3 of its bytes, 128 bits in hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub size: usize,
    /// The number of pieces.
    pub pieces: usize,
}

/// A version: the model that scores, and its shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// Its number, from 1; 0 is the document's model.
    pub number: u64,
    /// The requested operation.
    pub why: String,
    /// The model that scores; none: the document's own model.
    pub model: Option<Stored>,
    /// Its shadow.
    pub shadow: Option<Stored>,
}

impl ModelVersion {
    /// The version of a group without changes.
    pub(super) fn nothing() -> Self {
        Self { number: 0, why: "the document".into(), model: None, shadow: None }
    }
}

/// The kind of a record, by its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A piece of the file with this digest.
    Piece(String, usize),
    /// A change.
    Version,
}

const PIECE: &str = "piece";
const CHANGE: &str = "change";

/// The key of a piece.
pub(super) fn piece_key(digest: &str, piece: usize) -> String {
    format!("{PIECE}/{digest}/{piece}")
}

/// The key of a change: never the same twice, or compaction would delete one.
pub(super) fn change_key(number: u64, mark: u64) -> String {
    format!("{CHANGE}/{number}/{mark:016x}")
}

/// The content of a key; none if it is unknown.
pub(super) fn record(key: &[u8]) -> Option<Record> {
    let mut parts = std::str::from_utf8(key).ok()?.split('/');
    match (parts.next()?, parts.next()?, parts.next()?) {
        (PIECE, digest, piece) => Some(Record::Piece(digest.to_string(), piece.parse().ok()?)),
        (CHANGE, ..) => Some(Record::Version),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_they_are() {
        assert_eq!(record(piece_key("ab", 3).as_bytes()), Some(Record::Piece("ab".into(), 3)));
        assert_eq!(record(change_key(7, 9).as_bytes()), Some(Record::Version));
        for other in [&b"piece/ab"[..], b"piece/ab/x", b"other/1/2", b"\xff", b""] {
            assert_eq!(record(other), None, "{other:?}");
        }
        assert_ne!(change_key(7, 9), change_key(7, 10));
    }
}
