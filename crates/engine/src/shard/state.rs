//! The saved state of a shard: counters, then one part for each component, with the definition it depends on.

use std::sync::Arc;

use gristmill_learn::{Chain, StateError, StateReader, StateWriter, Stateful};

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
    fn parts(&self) -> impl Iterator<Item = &dyn Stateful> {
        let label = std::iter::once(&self.classes as &dyn Stateful);
        let classes = label.chain(self.clean.iter().map(|rule| rule as &dyn Stateful));
        let classes = classes.chain(self.reorder.iter().map(|hold| hold as &dyn Stateful));
        let classes = classes.chain(self.lookups.iter().map(|table| table as &dyn Stateful));
        let classes = classes.chain(std::iter::once(&self.categories as &dyn Stateful));
        let classes = classes.chain(self.windows.iter().map(|windows| windows as &dyn Stateful));
        let classes = classes.chain(self.pending.iter().map(|pending| pending as &dyn Stateful));
        let classes = classes.chain(self.augment.iter().map(|augment| augment as &dyn Stateful));
        let classes = classes.chain(self.scorer.iter().map(|scorer| scorer as &dyn Stateful));
        classes.chain(self.model.iter().flat_map(Chain::steps)).chain(self.evaluation.parts())
    }

    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut dyn Stateful> {
        let label = std::iter::once(&mut self.classes as &mut dyn Stateful);
        let classes = label.chain(self.clean.iter_mut().map(|rule| rule as &mut dyn Stateful));
        let classes = classes.chain(self.reorder.iter_mut().map(|hold| hold as &mut dyn Stateful));
        let classes = classes.chain(self.lookups.iter_mut().map(|table| table as &mut dyn Stateful));
        let classes = classes.chain(std::iter::once(&mut self.categories as &mut dyn Stateful));
        let classes = classes.chain(self.windows.iter_mut().map(|windows| windows as &mut dyn Stateful));
        let classes = classes.chain(self.pending.iter_mut().map(|pending| pending as &mut dyn Stateful));
        let classes = classes.chain(self.augment.iter_mut().map(|augment| augment as &mut dyn Stateful));
        let classes = classes.chain(self.scorer.iter_mut().map(|scorer| scorer as &mut dyn Stateful));
        classes.chain(self.model.iter_mut().flat_map(Chain::steps_mut)).chain(self.evaluation.parts_mut())
    }

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
        for (Definition { name, text }, part) in definition.iter().zip(self.parts()) {
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
        for (Definition { name, text }, part) in definition.iter().zip(self.parts_mut()) {
            let (found, saved) = (from.text()?, from.text()?);
            if found != name || saved != text {
                return Err(unfit(format!("its `{found}` was defined otherwise than this pipeline's `{name}`")));
            }
            StateReader::into(from.bytes()?, part)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.parts().map(Stateful::size).sum::<usize>()
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
