//! Mistakes of a document as they are found, each at its place.

use super::{Document, Path, Problem};

/// What is wrong so far.
pub(crate) struct Mistakes<'a> {
    pub(crate) document: &'a Document,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Mistakes<'a> {
    pub(crate) fn of(document: &'a Document) -> Self {
        Self { document, problems: Vec::new() }
    }

    pub(crate) fn wrong(&mut self, at: Path, message: impl Into<String>) -> &mut Problem {
        let place = self.document.place(&at);
        self.problems.push(Problem::at(place, message));
        let last = self.problems.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "pushed just now")]
        &mut self.problems[last]
    }

    pub(crate) fn wrong_with_help(&mut self, at: Path, message: impl Into<String>, help: impl Into<String>) {
        self.wrong(at, message).help = Some(help.into());
    }

    pub(crate) fn topic(&mut self, topic: &str, at: Path) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > 249 || !topic.chars().all(fits) || topic == "." || topic == ".." {
            let message = format!("`{topic}` cannot name a topic: use letters, digits, `.`, `_` and `-`");
            self.wrong(at, message);
        }
    }

    /// The character between the fields of a CSV file.
    pub(crate) fn delimiter(&mut self, written: Option<&str>, at: Path) -> u8 {
        match written.map(str::as_bytes) {
            None => b',',
            Some([one]) if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => *one,
            Some(_) => {
                self.wrong(at, "`delimiter` must be one ASCII character");
                b','
            }
        }
    }
}
