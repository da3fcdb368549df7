//! What all Kafka clients of a pipeline share: configuration, errors in words, topics.

mod clients;
mod context;
mod failure;
mod headers;
mod topics;

pub use clients::{Consumer, Producer, asker, consumer, producer, reader};
pub use context::{MemberContext, PlainContext, Rebalance};
pub(crate) use context::{Place, Undelivered};
pub use failure::{KafkaFailure, Kind};
pub(crate) use headers::{headers_of, to_headers};
pub use topics::{Ends, Topics, prepare};
