//! Where answers go.

mod file;
mod kafka;

pub use file::{Keep, LineSink, Lines};
pub use kafka::KafkaSink;

use gristmill::shard::Outbox;
use gristmill::spec::Guarantee;

use crate::dead_letters::DeadLetter;

/// Why answers could not be written, with what to do.
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
    /// Standard output was closed by its reader, as by `| head`.
    #[error("standard output was closed by its reader")]
    Closed,
    /// Kafka refuses.
    #[error("{0}")]
    Kafka(#[from] crate::kafka::KafkaFailure),
}

/// Something that takes decisions and dead letters.
pub trait Sink: Send {
    /// The strongest guarantee it can keep.
    fn guarantee(&self) -> Guarantee;
    /// Begins what will be committed together.
    fn begin(&mut self) -> Result<Box<dyn Transaction>, SinkError>;
}

/// What is committed together. Dropping it aborts it; committing consumes it; there is no third way out.
pub trait Transaction: Send {
    /// Writes those of the decisions and dead letters that belong to this sink.
    fn write(&mut self, decisions: &Outbox, dead_letters: &[DeadLetter]) -> Result<(), SinkError>;
    /// Returns when everything written is safe with the receiver.
    fn commit(self: Box<Self>) -> Result<(), SinkError>;
}
