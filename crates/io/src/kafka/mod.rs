//! What all Kafka clients of a pipeline share: configuration, errors in words, topics.

mod clients;
mod context;
mod failure;
mod topics;

pub use clients::{Consumer, Producer, asker, consumer, producer, reader};
pub use context::{MemberContext, PlainContext, Rebalance};
pub(crate) use context::{Place, Undelivered};
pub use failure::{KafkaFailure, Kind};
pub use topics::{Ends, Topics, prepare};
