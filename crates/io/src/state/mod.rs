//! Where a shard's state is kept between runs.
//!
//! For a pipeline over a file that is a folder: a journal with one entry for each commit, and snapshots in two slots
//! used in turn. The entry is what makes a commit: it says how much was consumed and how long each output was then.
//! After a crash outputs are cut to those lengths, the newest valid snapshot is loaded, and the records since are
//! read again with answers muted.

mod folder;
mod frames;
mod show;

pub use folder::{Opened, StateFolder};
pub use show::{export, reset, show};

/// Why state cannot be kept or used, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateFailure {
    /// The folder or a file in it.
    #[error("the state in {path}: {why}")]
    Folder {
        /// The file or folder.
        path: String,
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
    /// The input is not what was learned from.
    #[error("{0}; was the file changed? `gristmill state reset` starts over")]
    Differs(#[from] gristmill::protocol::JournalError),
}
