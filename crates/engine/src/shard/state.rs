//! The saved state of a shard: counters, then one part for each component, with the definition it depends on.

use std::sync::Arc;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::{Counts, Shard};
use crate::plan::Definition;
use crate::rows::{Position, Positions, SchemaDrift};

const NAME: &str = "shard";

/// A part of a saved state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPart {
    /// The component's name.
    pub name: String,
    /// What it depends on.
    pub definition: String,
    /// Its bytes.
    pub size: usize,
}

/// The parts of a saved state, without loading it.
pub fn saved_parts(saved: &[u8]) -> Result<Vec<SavedPart>, StateError> {
    let mut from = StateReader::new(saved);
    Header::read(&mut from)?;
    let mut parts = Vec::new();
    for _ in 0..from.length(24)? {
        let (name, definition) = (from.text()?.to_string(), from.text()?.to_string());
        parts.push(SavedPart { name, definition, size: from.bytes()?.len() });
    }
    from.end()?;
    Ok(parts)
}

/// What precedes the parts.
struct Header {
    positions: Positions,
    counts: Counts,
    written: Vec<(String, u64)>,
    refused: Vec<(String, u64)>,
    drift: SchemaDrift,
    labels: Option<Vec<(String, u64)>>,
}

impl Header {
    fn read(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let version = from.begin(NAME, 4)?;
        let positions = match version {
            // Shards had one input, and this number meant none yet.
            ..4 => Some(from.u64()?).filter(|known| *known != u64::MAX).map(Position::number).map(Positions::unnamed),
            _ => Some(Positions::load(from)?),
        };
        let positions = positions.unwrap_or_default();
        let counts = Counts { rows: from.u64()?, scored: from.u64()?, learned: from.u64()?, decisions: from.u64()? };
        let mut named = || -> Result<Vec<(String, u64)>, StateError> {
            let count = from.length(16)?;
            (0..count).map(|_| Ok((from.text()?.to_string(), from.u64()?))).collect()
        };
        let (written, refused) = (named()?, named()?);
        let drift = SchemaDrift { unknown: named()?, absent: named()? };
        let labels = if version >= 3 { Some(named()?) } else { None };
        Ok(Self { positions, counts, written, refused, drift, labels })
    }
}

impl Shard {
    pub(super) fn load_header(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let header = Header::read(from)?;
        self.positions = header.positions.renamed("", &self.partition.topic);
        self.counts = header.counts;
        for (output, count) in self.plan.outputs.iter().zip(&mut self.written) {
            // Nothing has been written to a new output; an output that no longer exists is not counted.
            *count = header.written.iter().find(|(name, _)| *name == output.name).map_or(0, |(_, count)| *count);
        }
        self.refused = header.refused.into_iter().collect();
        self.drift = header.drift;
        // Labels before they were counted are unknown: the positive class is treated as one that may have occurred.
        let before = self.plan.label.iter().map(|label| (label.positive.clone(), 0));
        self.labels = header.labels.unwrap_or_else(|| before.filter(|(positive, _)| !positive.is_empty()).collect());
        Ok(())
    }
}

impl Stateful for Shard {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 4);
        // The same model over a topic with another name has the same bytes.
        self.positions.renamed(&self.partition.topic, "").save(to);
        let Counts { rows, scored, learned, decisions } = self.counts;
        [rows, scored, learned, decisions].into_iter().for_each(|count| to.u64(count));
        to.u64(self.written.len() as u64);
        for (output, count) in self.plan.outputs.iter().zip(&self.written) {
            to.text(&output.name);
            to.u64(*count);
        }
        to.u64(self.refused.len() as u64);
        for (reason, count) in &self.refused {
            to.text(reason);
            to.u64(*count);
        }
        for names in [&self.drift.unknown, &self.drift.absent, &self.labels] {
            to.u64(names.len() as u64);
            for (name, records) in names {
                to.text(name);
                to.u64(*records);
            }
        }
        let definition = self.plan.definition();
        to.u64(definition.len() as u64);
        for (Definition { name, text }, part) in definition.iter().zip(self.sections.parts()) {
            to.text(name);
            to.text(text);
            to.part(part);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.load_header(from)?;
        let plan = Arc::clone(&self.plan);
        let definition = plan.definition();
        let unfit = |why: String| StateError::Unfit { component: NAME.into(), why };
        let parts = from.length(24)?;
        if parts != definition.len() {
            return Err(unfit(format!("it has {parts} parts, this pipeline has {}", definition.len())));
        }
        for (Definition { name, text }, part) in definition.iter().zip(self.sections.parts_mut()) {
            let (found, saved) = (from.text()?, from.text()?);
            if found != name || saved != text {
                return Err(unfit(format!("its `{found}` was defined otherwise than this pipeline's `{name}`")));
            }
            StateReader::into(from.bytes()?, part)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sections.parts().map(Stateful::size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout of programs that did not count labels.
    #[test]
    fn a_header_of_the_second_layout() {
        let mut to = StateWriter::default();
        to.begin(NAME, 2);
        [7, 5, 4, 3, 2].into_iter().for_each(|number| to.u64(number));
        for names in [vec![("all", 2)], vec![], vec![("extra", 1)], vec![]] {
            to.u64(names.len() as u64);
            for (name, count) in names {
                to.text(name);
                to.u64(count);
            }
        }
        let saved = to.into_bytes();
        let mut from = StateReader::new(&saved);
        let header = Header::read(&mut from).unwrap();
        from.end().unwrap();
        let counts = Counts { rows: 5, scored: 4, learned: 3, decisions: 2 };
        let positions = Positions::unnamed(Position::number(7));
        assert_eq!((header.positions, header.counts, header.labels), (positions, counts, None));
        assert_eq!(header.drift.unknown, [("extra".to_string(), 1)]);
    }
}
