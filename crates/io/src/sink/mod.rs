//! Where answers go.

mod file;
mod http;
mod kafka;

pub use file::{Keep, LineSink, Lines};
pub use http::HttpSink;
pub use kafka::KafkaSink;
pub(crate) use kafka::{Refusal, Stopped};

use crate::commit::PartitionCommit;

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
    /// Writes those of a part's decisions and dead letters that belong to this sink.
    fn write(&mut self, part: &PartitionCommit) -> Result<(), SinkError>;
    /// Returns when everything written is safe with the receiver.
    fn flush(&mut self) -> Result<(), SinkError>;
}
