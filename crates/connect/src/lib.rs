//! The systems that records come from and go to.
//!
//! A [`Connector`](connector::Connector) is one system: it makes ready what a plan names there, joins its consumer group as a
//! [`Source`](source::Source) and a [`Committer`](committer::Committer), and opens what the group keeps, its
//! [`Log`](log::Log)s and its [`StateStore`](store::StateStore). `outputs` are the
//! [`Sink`](sink::Sink)s of the other systems that a plan writes to. Each system has a folder of its own; nothing outside of it
//! knows which one it is talking to.

pub mod broker;
pub mod commit;
mod commit_thread;
pub mod committer;
pub mod connector;
pub mod dead_letter;
mod file;
mod http;
mod interleave;
mod kafka;
mod lock;
pub mod log;
mod outputs;
pub mod restore;
pub mod sink;
pub mod source;
pub mod state;
mod state_loader;
pub mod store;

pub use lock::lock;

/// A broker within this process, and clients of it.
pub mod local {
    pub use crate::kafka::{LocalBroker, Tail, Writer};
}
