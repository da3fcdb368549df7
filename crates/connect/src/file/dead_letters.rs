//! Dead letters in a file, one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader};

use crate::dead_letter::{DeadLetter, DeadLetters, Listed};
use crate::source::SourceError;

/// A file of dead letters that is being read.
pub(super) struct LetterFile {
    path: String,
    lines: BufReader<File>,
    number: usize,
}

impl LetterFile {
    pub(super) fn open(path: &str) -> Result<Self, SourceError> {
        let failed = |error: std::io::Error| SourceError::File { path: path.to_string(), why: error.to_string() };
        Ok(Self { path: path.to_string(), lines: BufReader::new(File::open(path).map_err(failed)?), number: 0 })
    }

    fn wrong(&self, why: impl std::fmt::Display) -> SourceError {
        SourceError::File { path: self.path.clone(), why: format!("line {} is not a dead letter: {why}", self.number) }
    }
}

impl DeadLetters for LetterFile {
    fn next(&mut self) -> Result<Option<Listed>, SourceError> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        let read = read.map_err(|error| SourceError::File { path: self.path.clone(), why: error.to_string() })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if !line.ends_with('\n') {
            tracing::warn!(
                name: "dead_letter_torn", "{}: line {} has no end: it is being written, or was torn, and is passed over",
                self.path,
                self.number
            );
            return Ok(None);
        }
        let parsed: serde_json::Value = serde_json::from_str(&line).map_err(|error| self.wrong(error))?;
        let letter = DeadLetter::from_json(&parsed).map_err(|why| self.wrong(why))?;
        Ok(Some(Listed { at: format!("line {}", self.number), letter }))
    }

    fn remember(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}
