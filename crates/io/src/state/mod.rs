//! Where a shard's state is kept between runs, and the commands that look at it or change it.
//!
//! For a pipeline over a file that is a folder: a journal with one entry for each commit, and snapshots in slots used
//! in turn. The entry is what makes a commit: it says how much was consumed and how long each output was then. After a
//! crash outputs are cut to those lengths, the newest valid snapshot is loaded, and the records since are read again
//! with answers muted. A group on Kafka keeps the same in two topics (`kafka::KeptTopics`).

mod folder;
mod frames;
mod keeper;
mod openable;
mod rebuild;
mod show;

pub(crate) use folder::Lengths;
pub use folder::StateFolder;
use keeper::at_rest;
pub use openable::openable;
pub use show::{adopt, as_of, reset, reset_changed, reset_to, resting, show, write};

/// Why state cannot be kept or used, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateFailure {
    /// Where it is kept.
    #[error("the state in {place}: {why}")]
    Kept {
        /// The folder, file or topic.
        place: String,
        /// Why, and what to do.
        why: String,
    },
    /// Nothing may be read on; says which command repairs it.
    #[error("{partition}: {stop}")]
    Stop {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// Why.
        stop: gristmill::protocol::Stop,
    },
    /// Components are defined otherwise than when their state was saved.
    #[error(
        "{partition}: the state was saved with other {}; put the document back as it was, or let what has changed begin \
         untrained and keep the rest: `gristmill state reset FILE --changed`",
        names(.changed)
    )]
    Changed {
        /// The partition.
        partition: gristmill::rows::Partition,
        /// The components.
        changed: Vec<String>,
    },
    /// The input is not what was learned from.
    #[error("{0}; was the input changed? `gristmill state reset` starts over")]
    Differs(#[from] gristmill::protocol::JournalError),
}

fn names(changed: &[String]) -> String {
    changed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
