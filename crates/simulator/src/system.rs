//! How the logs of a simulated system count positions, and which of them belong to a shard.

use std::fmt;
use std::sync::Arc;

use gristmill::connect::{self, InputKind, TargetKind};
use gristmill::rows::Position;

/// Records in a segment, and in an entry, where positions have three parts.
const SEGMENT: usize = 5;
const ENTRY: usize = 2;

/// The second input of a shard.
pub const LATE: &str = "late";

/// A kind of system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Positions are numbers one apart, and a shard has one input: as on Kafka.
    Numbered,
    /// Positions are segment, entry and index, with gaps between them, and a shard has two inputs: as on Pulsar with labels
    /// in a topic of their own.
    Segmented,
}

impl System {
    /// The topics of a shard's inputs.
    pub fn inputs(self) -> Vec<Arc<str>> {
        let names: &[&str] = match self {
            Self::Numbered => &["in"],
            Self::Segmented => &["in", LATE],
        };
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    /// The position of a log's record with this number, from 0.
    pub fn position(self, number: usize) -> Position {
        let within = number % SEGMENT;
        let parts = Position::in_parts((number / SEGMENT) as u64, (within / ENTRY) as u64, (within % ENTRY) as u32);
        parts.filter(|_| self == Self::Segmented).unwrap_or(Position::number(number as u64))
    }

    /// The number of the first record at or after a position.
    pub fn number(self, position: Position) -> usize {
        match position.parts() {
            Some((segment, entry, index)) => {
                let within = (entry as usize).saturating_mul(ENTRY).saturating_add(index as usize).min(SEGMENT);
                (segment as usize).saturating_mul(SEGMENT).saturating_add(within)
            }
            None => position.as_number().map_or(usize::MAX, |number| number as usize),
        }
    }
}

/// A topic of the simulated system, which is a connector like others: a group shares it, and what is written to it is
/// committed together with its positions.
#[derive(Debug, Clone)]
pub struct Simulated(pub String);

const SYSTEM: connect::System = "simulated";

impl InputKind for Simulated {
    fn system(&self) -> connect::System {
        SYSTEM
    }

    fn name(&self) -> &str {
        &self.0
    }

    fn shared(&self) -> bool {
        true
    }

    fn shards_in_words(&self) -> String {
        "one shard for each partition".into()
    }

    fn commits_where(&self) -> &'static str {
        "`exactly_once` needs every answer in a simulated topic"
    }
}

impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the simulated topic {}", self.0)
    }
}

impl TargetKind for Simulated {
    fn system(&self) -> connect::System {
        SYSTEM
    }

    fn transactional(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lead_back_to_their_records() {
        for system in [System::Numbered, System::Segmented] {
            for number in 0..40 {
                let position = system.position(number);
                assert_eq!(
                    (system.number(position), system.number(position.next())),
                    (number, number + 1),
                    "{position}"
                );
                assert!(position < system.position(number + 1));
            }
            assert!(system.number(Position::END) > 1 << 40);
        }
    }
}
