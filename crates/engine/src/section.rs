//! What a section of a document brings to a shard, from decoding to decisions: parts that are saved and what each of them
//! depends on.

use gristmill_learn::{LearnError, StateError, StateReader, Stateful};
use serde_json::{Map, Value};

use crate::plan::{Definition, Plan};
use crate::rows::Partition;

/// A section of a shard.
pub(crate) trait Section: Sized {
    /// The section of a shard that has taken nothing in.
    fn open(plan: &Plan, partition: &Partition) -> Result<Self, LearnError>;

    /// What each of its parts depends on, in the order of [`Self::parts`]. `seen`: what the model sees of a row so far, to
    /// which a section adds what it makes of it.
    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition>;

    /// Its parts that are saved.
    fn parts(&self) -> Vec<&dyn Stateful>;

    /// The same, to load the state of each.
    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful>;

    /// What a part of this name had taken in that nothing will come of, once the part is gone.
    fn lost(_name: &str, _saved: &[u8]) -> Result<Option<Lost>, StateError> {
        Ok(None)
    }
}

/// The parts of a section that is an option or a list of what is saved.
macro_rules! each_is_a_part {
    () => {
        fn parts(&self) -> Vec<&dyn gristmill_learn::Stateful> {
            self.iter().map(|part| part as &dyn gristmill_learn::Stateful).collect()
        }

        fn parts_mut(&mut self) -> Vec<&mut dyn gristmill_learn::Stateful> {
            self.iter_mut().map(|part| part as &mut dyn gristmill_learn::Stateful).collect()
        }
    };
}
pub(crate) use each_is_a_part;

/// The parts of a section that is saved as a whole.
macro_rules! is_a_part {
    () => {
        fn parts(&self) -> Vec<&dyn gristmill_learn::Stateful> {
            vec![self]
        }

        fn parts_mut(&mut self) -> Vec<&mut dyn gristmill_learn::Stateful> {
            vec![self]
        }
    };
}
pub(crate) use is_a_part;

/// Rows that were read and that nothing will come of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// What they wait for, and what will not be done with them.
    pub what: &'static str,
    /// How many they are.
    pub rows: u64,
}

impl Lost {
    /// The rows that wait in a saved part, whose number stands behind `before` other numbers; none where there are none.
    pub(crate) fn waiting(
        what: &'static str,
        saved: &[u8],
        (component, before): (&'static str, usize),
    ) -> Result<Option<Self>, StateError> {
        let mut from = StateReader::new(saved);
        from.begin(component, 2)?;
        for _ in 0..before {
            from.u64()?;
        }
        let rows = from.u64()?;
        Ok((rows > 0).then_some(Self { what, rows }))
    }
}
