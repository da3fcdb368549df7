//! What a section of a document brings to a shard, from decoding to decisions: parts that are saved, what each of them
//! depends on, and what it counts.

use gristmill_learn::{LearnError, StateError, StateReader, Stateful};
use serde_json::{Map, Value};

use crate::plan::{Definition, Plan};
use crate::resources::Resources;
use crate::rows::Partition;

/// A section of a shard.
pub(crate) trait Section: Sized {
    /// The section of a shard that has taken nothing in.
    fn open(plan: &Plan, resources: &Resources, partition: &Partition) -> Result<Self, LearnError>;

    /// What each of its parts depends on, in the order of [`Self::parts`]. `seen`: what the model sees of a row so far, to
    /// which a section adds what it makes of it.
    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition>;

    /// Its parts that are saved.
    fn parts(&self) -> Vec<&dyn Stateful>;

    /// The same, to load the state of each.
    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful>;

    /// Its counts.
    fn counted(&self, _plan: &Plan) -> Vec<Counted> {
        Vec::new()
    }

    /// What a part of this name had taken in that nothing will come of, once the part is gone.
    fn lost(_name: &str, _saved: &[u8]) -> Result<Option<Lost>, StateError> {
        Ok(None)
    }
}

/// A count in words.
type Said = fn(&Counted) -> String;

/// A figure that a section counts, and how a report shows it.
#[derive(Debug)]
pub struct Figure {
    /// Its key in JSON: a number, or a mapping where it is counted of several things.
    pub key: &'static str,
    /// In text: what stands before it, and how it is said. None: it is not in the text.
    pub said: Option<(&'static str, Said)>,
    /// Of several shards the highest counts, and not their sum.
    pub highest: bool,
}

impl Figure {
    /// Rows that came later than the grace allows and were processed as they came; without a grace, rows with windows
    /// whose time is before that of an earlier row.
    pub(crate) const LATE: Self = Self::summed("late", "rows", |rows| format!("{} came late", rows.count));
    /// Keys or ids that were forgotten, or rows that did not wait any longer, since they had no room.
    pub(crate) const FORGOTTEN: Self =
        Self::summed("forgotten", "forgotten", |keys| format!("{} of {}, for want of room", keys.count, keys.of));

    /// A figure of which the sum over all shards is shown.
    pub(crate) const fn summed(key: &'static str, before: &'static str, said: Said) -> Self {
        Self { key, said: Some((before, said)), highest: false }
    }

    /// So many of it.
    pub(crate) fn of(&'static self, of: impl Into<String>, count: u64) -> Counted {
        Counted { figure: self, of: of.into(), count }
    }

    /// So many, where it is of one thing alone; nothing where there are none.
    pub(crate) fn any(&'static self, count: u64) -> Option<Counted> {
        (count > 0).then(|| self.of("", count))
    }
}

/// What was counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The figure.
    pub figure: &'static Figure,
    /// What it is of, where it is counted of several things.
    pub of: String,
    /// How many.
    pub count: u64,
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

/// Rows that were read and will have no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// What they wait for, and what will not be done with them.
    pub what: &'static str,
    /// Their number.
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
