//! The targets of decisions and dead letters.

use std::sync::Arc;

use crate::broker::BrokerError;
use crate::commit::PartitionCommit;

/// Why outputs could not be written, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file or standard output.
    #[error("cannot write {target}: {why}")]
    Write {
        /// What was written to.
        target: String,
        /// Why.
        why: String,
    },
    /// The reader closed standard output, as `| head` does.
    #[error("standard output was closed by its reader")]
    Closed,
    /// A broker refuses.
    #[error("{0}")]
    Broker(#[from] BrokerError),
}

impl SinkError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Broker(error) => Some(error),
            Self::Write { .. } | Self::Closed => None,
        }
    }
}

/// Whether the run is ending, so that a missing broker does not block it forever.
pub type Stopped = Arc<dyn Fn() -> bool + Send + Sync>;

/// A target of decisions and dead letters.
pub trait Sink: Send {
    /// Writes those of a part's decisions and dead letters that belong to this sink.
    fn write(&mut self, part: &PartitionCommit) -> Result<(), SinkError>;
    /// Returns when everything written is durable at the receiver.
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// The targets of one system, open for the members of one process.
pub(crate) trait OpenTargets {
    /// The sinks of a member.
    fn sinks(&self) -> Result<Vec<Box<dyn Sink>>, SinkError>;
}
