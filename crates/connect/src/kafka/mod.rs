//! Kafka: clients, errors in words, topics, the members of a group, and what a group keeps.

mod at_least_once;
mod blocks;
mod clients;
mod connection;
mod connector;
mod context;
mod dead_letters;
mod failure;
mod headers;
mod internal_topics;
mod local;
mod log;
mod outage;
mod positions;
mod replay_reader;
mod rights;
mod sink;
mod source;
mod store;
mod table;
mod topic_administrator;
mod topics;
mod transactional;

use clients::{
    Consumer, GroupMember, Producer, Reader, consumer, offsets_client, producer, reader, tailing_client, transactional,
};
pub(crate) use connector::Kafka;
use context::{MemberContext, Place, PlainContext, Rebalance, Undelivered};
use failure::{connection_refused, failure_of, is_transient, leaderless};
use headers::{headers_of, to_headers};
use internal_topics::InternalTopics;
pub use local::{LocalBroker, Tail, Writer};
use outage::Outage;
use positions::{offset_of, position_of};
pub(crate) use sink::open;
use sink::{KafkaSink, Refusal};
use topics::{forget_group, prepare};
