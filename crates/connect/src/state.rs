//! Why state cannot be kept or used, in words.

use gristmill::rows::Position;

/// Why state cannot be stored or used, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateFailure {
    /// The storage.
    #[error("the state in {place}: {why}")]
    StoredState {
        /// The folder, file or topic.
        place: String,
        /// Why, and what to do.
        why: String,
    },
    /// Reading must not continue; names the command that repairs it.
    #[error("{partition}: {stop}")]
    Stop {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// Why.
        stop: gristmill::protocol::Stop,
    },
    /// The definitions of components differ from those under which their state was saved.
    #[error(
        "{partition}: the state was saved with other {}; put the document back as it was, or let what has changed begin \
         untrained and keep the rest: `gristmill state reset FILE --changed`, which says first what that costs. Where \
         two pipelines use one group, give this one a `group.id` of its own under `kafka:`",
        names(.changed)
    )]
    Changed {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// The components.
        changed: Vec<String>,
    },
    /// The state as of a position was saved under another document: under this one it never existed.
    #[error(
        "{partition}: the state as of {position} was saved under another document{}; put it back as it was to see or use \
         that state",
        if .changed.is_empty() { String::new() } else { format!(", with other {}", names(.changed)) }
    )]
    OtherDocument {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// The position.
        position: Position,
        /// Which definitions differ, if that is known.
        changed: Vec<String>,
    },
    /// The state as of a position can no longer be rebuilt.
    #[error("{partition}: the state as of {position} is not kept any more: {}", reach(.snapshots, *.position))]
    NotKept {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// The position.
        position: Position,
        /// The positions of the existing snapshots.
        snapshots: Vec<Position>,
    },
    /// The input is not what was learned from.
    #[error(transparent)]
    Differs(#[from] gristmill::protocol::JournalError),
    /// A snapshot is complete, but this program cannot read it: a newer one wrote it, or another program.
    #[error(
        "{partition}: its saved state cannot be used: {source}. Go on with the version of gristmill that wrote it; or \
         `gristmill state adopt FILE` goes on from where the group stands with a model that begins untrained; or \
         `gristmill state reset FILE` starts over"
    )]
    Unusable {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// The mismatch.
        source: gristmill_learn::StateError,
    },
}

/// What exists instead of a state that is not stored.
fn reach(snapshots: &[Position], position: Position) -> String {
    match snapshots.iter().min() {
        None => "there is no snapshot, and the journal does not lead there".into(),
        Some(oldest) if *oldest > position => format!("the oldest offset that is there is {oldest}"),
        Some(_) => {
            let mut all = snapshots.to_vec();
            all.sort_unstable();
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("the journal does not lead there from a snapshot; there are snapshots as of {}", all.join(", "))
        }
    }
}

fn names(changed: &[String]) -> String {
    changed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
