//! Where a shard's state is kept between runs, and the commands that look at it or change it.
//!
//! For a pipeline over a file that is a folder: a journal with one entry for each commit, and snapshots in slots used
//! in turn. The entry is what makes a commit: it says how much was consumed and how long each output was then. After a
//! crash outputs are cut to those lengths, the newest valid snapshot is loaded, and the records since are read again
//! with answers muted. A consumer group keeps the same in two topics.

mod change;
mod openable;
mod rebuild;
mod show;
mod store;

pub use change::{Change, changes, reset_changed};
pub use openable::openable;
pub use show::{adopt, as_of, reset, reset_to, resting, show, write};
