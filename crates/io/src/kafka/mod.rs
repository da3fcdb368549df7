//! What all Kafka clients of a pipeline share: configuration, errors in words, topics.

mod clients;
mod connection;
mod context;
mod failure;
mod headers;
mod internal_topics;
mod outage;
mod positions;
pub mod rights;
mod topics;

pub(crate) use clients::tailing_client;
pub use clients::{Consumer, Producer, Reader, consumer, offsets_client, producer, reader, transactional};
pub use context::{GroupMember, MemberContext, PlainContext, Rebalance};
pub(crate) use context::{Place, Undelivered};
pub(crate) use failure::is_transient;
pub use failure::{KafkaFailure, Kind};
pub(crate) use headers::{headers_of, to_headers};
pub(crate) use internal_topics::InternalTopics;
pub(crate) use outage::Outage;
pub(crate) use positions::{offset_of, position_of};
pub use topics::{Ends, Topics, prepare};
pub(crate) use topics::{forget_group, leaderless};
