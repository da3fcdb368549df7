//! Mistakes in an expression, with their places.

/// A mistake in the text of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The number of the item, from 0.
    pub item: usize,
    /// Where it begins, in bytes from the start of the item's text.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
    /// An unknown name, and the known names, from which a caller can suggest the nearest.
    pub unknown: Option<(String, Vec<String>)>,
}

impl Mistake {
    pub(crate) fn new(place: (usize, usize), message: impl Into<String>) -> Self {
        let (from, to) = place;
        Self { item: 0, from, to, message: message.into(), help: None, unknown: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn unknown(self, name: &str, known: impl IntoIterator<Item = String>) -> Self {
        Self { unknown: Some((name.to_string(), known.into_iter().collect())), ..self }
    }
}
