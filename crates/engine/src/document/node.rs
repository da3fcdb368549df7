//! A YAML value and its place.

/// A range of bytes of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it is written.
    pub place: Place,
    /// What it is.
    pub kind: NodeKind,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A scalar: its text, and whether it was written without quotes.
    Scalar {
        /// The text, unquoted.
        text: String,
        /// Written without quotes, so that `5`, `true` and `null` are not text.
        plain: bool,
        /// All of it came from one variable: where a list or a mapping is expected, it is parsed as one.
        variable: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order written.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// An empty mapping at a place: the settings of a bare name.
    pub(super) fn empty(place: Place) -> Self {
        Self { place, kind: NodeKind::Mapping(Vec::new()) }
    }

    /// Text as it would be written in the document.
    pub(super) fn scalar(place: Place, text: String, plain: bool) -> Self {
        Self { place, kind: NodeKind::Scalar { text, plain, variable: false } }
    }

    /// Maps every place in it.
    pub(super) fn move_to(&mut self, to: &dyn Fn(Place) -> Place) {
        self.place = to(self.place);
        match &mut self.kind {
            NodeKind::Sequence(items) => items.iter_mut().for_each(|item| item.move_to(to)),
            NodeKind::Mapping(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_place = to(entry.key_place);
                entry.value.move_to(to);
            }),
            NodeKind::Scalar { .. } => {}
        }
    }

    /// Whether it is empty: no value, `null` or `~`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { text, plain: true, .. } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The scalar's text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Its kind, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            _ if self.is_null() => "nothing".into(),
            NodeKind::Scalar { text, .. } => format!("`{text}`"),
            NodeKind::Sequence(_) => "a list".into(),
            NodeKind::Mapping(_) => "a mapping".into(),
        }
    }

    pub(super) fn place(&self, path: &[String]) -> Place {
        let Some((first, rest)) = path.split_first() else { return self.place };
        match &self.kind {
            NodeKind::Mapping(entries) => match entries.iter().find(|entry| entry.key == *first) {
                Some(entry) if rest.is_empty() && entry.value.text().is_none() => entry.key_place,
                Some(entry) => entry.value.place(rest),
                None => self.place,
            },
            NodeKind::Sequence(items) => match first.parse::<usize>().ok().and_then(|index| items.get(index)) {
                Some(item) => item.place(rest),
                None => self.place,
            },
            NodeKind::Scalar { .. } => self.place,
        }
    }
}
