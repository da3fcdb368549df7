//! A row that was answered and waits for its label.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful, Truth};

/// The memory of a row besides its numbers and texts, about: itself, and its entry among the ids.
const OVERHEAD: usize = size_of::<Example>() + 96;

/// A row that waits for its label: features and score as they were when it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// Until when it waits, in microseconds of event time.
    pub(crate) due: i64,
    pub(crate) time: i64,
    /// What names it, where its label has a record of its own.
    pub(crate) id: Option<Box<str>>,
    pub(crate) features: Vec<f64>,
    /// The model's numbers.
    pub(crate) said: Vec<f64>,
    /// How many rows the model had learned from, or which version scored.
    pub(crate) version: u64,
    /// Its segment for each metric by segment.
    pub(crate) segments: Vec<String>,
    pub(crate) truth: Option<Truth>,
    /// Whether it was learned when its label came.
    pub(crate) learned: bool,
    /// The chunk in which it is estimated.
    pub(crate) chunk: Option<u64>,
}

impl Example {
    /// Its memory in bytes, about.
    pub(super) fn cost(&self) -> usize {
        let texts = self.segments.iter().map(|segment| 24 + segment.len()).sum::<usize>();
        let id = self.id.as_ref().map_or(0, |id| 2 * id.len());
        OVERHEAD + 8 * (self.features.len() + self.said.len()) + texts + id
    }

    pub(super) fn save(&self, to: &mut StateWriter) {
        to.u64(self.due as u64);
        to.u64(self.time as u64);
        self.features.save(to);
        self.said.save(to);
        save_truth(self.truth, to);
        self.segments.save(to);
        to.u64(self.version);
        to.u64(self.learned.into());
        self.chunk.save(to);
        to.u64(self.id.is_some().into());
        if let Some(id) = &self.id {
            to.text(id);
        }
    }

    /// Reads what a format has written; the first one had rows with a delay alone.
    pub(super) fn load(format: u16, from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let (due, time) = (from.u64()? as i64, from.u64()? as i64);
        let (mut features, mut said, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        features.load(from)?;
        said.load(from)?;
        let truth = load_truth(from)?;
        segments.load(from)?;
        let (mut version, mut learned, mut id) = (0, false, None);
        let mut chunk = None;
        if format > 1 {
            (version, learned) = (from.u64()?, from.u64()? == 1);
            chunk.load(from)?;
            id = if from.u64()? == 1 { Some(from.text()?.into()) } else { None };
        }
        Ok(Self { due, time, id, features, said, version, segments, truth, learned, chunk })
    }
}

/// A label: which of three, and its bits.
pub(super) fn save_truth(truth: Option<Truth>, to: &mut StateWriter) {
    let (which, bits) = match truth {
        Some(Truth::Class(class)) => (0, u64::from(class)),
        Some(Truth::Value(value)) => (1, value.to_bits()),
        None => (2, 0),
    };
    to.u64(which);
    to.u64(bits);
}

pub(super) fn load_truth(from: &mut StateReader<'_>) -> Result<Option<Truth>, StateError> {
    Ok(match (from.u64()?, from.u64()?) {
        (0, class) => Some(Truth::Class(class as u32)),
        (1, bits) => Some(Truth::Value(f64::from_bits(bits))),
        _ => None,
    })
}
