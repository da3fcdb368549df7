//! Callbacks of librdkafka's clients: logs, errors, rebalances.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use gristmill::rows::Position;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Message, TopicPartitionList};

use super::failure::is_refusal;
use super::position_of;
use crate::lock::lock;

/// librdkafka's own log is shown only on request: what matters is also reported as an error, with a message of ours.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", "{level:?} {facility}: {message}");
}

/// The last reason that librdkafka gave for an error, and whether it is permanent.
#[derive(Debug, Default)]
struct Trouble {
    reason: Mutex<Option<String>>,
    refused: AtomicBool,
    /// The last disconnect by a broker: librdkafka reports it only in its log.
    hung_up: Mutex<Option<String>>,
}

impl Trouble {
    fn note(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
        let code = error.rdkafka_error_code();
        // "All brokers down" follows the actual reason, and must not replace it.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) && !self.refused.load(Ordering::Relaxed) {
            *lock(&self.reason) = Some(reason.to_string());
            self.refused.store(code.is_some_and(is_refusal), Ordering::Relaxed);
        }
    }
}

/// A client that only reads or writes: it records the last error and counts undelivered records.
#[derive(Debug, Default)]
pub(super) struct PlainContext {
    trouble: Trouble,
    failed: Mutex<Option<Undelivered>>,
    /// The offsets of journal entries, by partition.
    entries: Mutex<BTreeMap<i32, Position>>,
    /// Records announced and not yet reported.
    outstanding: AtomicIsize,
    settled: Condvar,
}

/// The first record that could not be delivered.
#[derive(Debug, Clone)]
pub(crate) struct Undelivered {
    pub(crate) topic: String,
    pub(crate) error: KafkaError,
    pub(crate) place: Place,
}

/// The origin of an output's record: partition and offset packed into one number, since one accompanies every record
/// and a box for each would cost more than the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

const OFFSET_BITS: u32 = 48;

impl Place {
    /// A journal entry.
    pub(crate) const JOURNAL: Self = Self(usize::MAX);
    /// A piece of a snapshot.
    pub(crate) const STATE: Self = Self(usize::MAX - 1);

    pub(crate) fn new(partition: i32, position: Position) -> Self {
        let offset = position.as_number().unwrap_or(u64::MAX) as usize & ((1 << OFFSET_BITS) - 1);
        Self(((partition as usize) << OFFSET_BITS) | offset)
    }

    pub(crate) fn packed(self) -> usize {
        self.0
    }

    pub(crate) fn partition(self) -> usize {
        self.0 >> OFFSET_BITS
    }

    pub(crate) fn offset(self) -> usize {
        self.0 & ((1 << OFFSET_BITS) - 1)
    }
}

impl PlainContext {
    /// The reason for the last error.
    pub(super) fn reason(&self) -> Option<String> {
        lock(&self.trouble.reason).clone()
    }

    /// Whether the broker refuses our credentials.
    pub(super) fn refused(&self) -> bool {
        self.trouble.refused.load(Ordering::Relaxed)
    }

    /// The last disconnect by a broker, in librdkafka's words.
    pub(super) fn hung_up(&self) -> Option<String> {
        lock(&self.trouble.hung_up).clone()
    }

    pub(crate) fn take_undelivered(&self) -> Option<Undelivered> {
        lock(&self.failed).take()
    }

    /// A record is about to be handed over; if it is refused, `reported` follows.
    pub(crate) fn announced(&self) {
        self.outstanding.fetch_add(1, Ordering::AcqRel);
    }

    /// The delivery of a record was reported. The last one wakes waiting threads.
    pub(crate) fn reported(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Under the lock, or a waiter that has just checked would miss it.
            let _failed = lock(&self.failed);
            self.settled.notify_all();
        }
    }

    /// Waits until every announced record was reported, at most this long; whether that is so.
    pub(crate) fn settle(&self, longest: Duration) -> bool {
        let pending = || self.outstanding.load(Ordering::Acquire) > 0;
        let waited = self.settled.wait_timeout_while(lock(&self.failed), longest, |_| pending());
        drop(waited);
        !pending()
    }

    pub(crate) fn take_entries(&self) -> BTreeMap<i32, Position> {
        std::mem::take(&mut lock(&self.entries))
    }
}

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" && message.contains("Disconnected") {
            *lock(&self.trouble.hung_up) = Some(message.to_string());
        }
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.note(&error, reason);
    }
}

impl ConsumerContext for PlainContext {}

impl ProducerContext for PlainContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, place: usize) {
        if let (Ok(message), true) = (result, Place(place) == Place::JOURNAL) {
            lock(&self.entries).insert(message.partition(), position_of(message.offset()));
        }
        if let Err((error, message)) = result {
            lock(&self.failed).get_or_insert_with(|| Undelivered {
                topic: message.topic().to_string(),
                error: error.clone(),
                place: Place(place),
            });
        }
        self.reported();
    }
}

/// A change of the group's assignment, as librdkafka reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rebalance {
    /// These partitions are assigned to us.
    Assign(Vec<(String, i32)>),
    /// These are to be released; `lost`: they have other owners already.
    Revoke {
        /// The partitions.
        partitions: Vec<(String, i32)>,
        /// Whether it is too late to commit.
        lost: bool,
    },
}

/// A group member: rebalances are queued for the member's own loop instead of being acknowledged here, so that it can
/// commit before it releases partitions.
#[derive(Debug, Default)]
pub(super) struct MemberContext {
    trouble: Trouble,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl MemberContext {
    /// The next change to answer.
    pub(super) fn next(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// Whether a change waits for its answer.
    pub(super) fn waiting(&self) -> bool {
        !lock(&self.rebalances).is_empty()
    }

    /// From now on changes are acknowledged at once: the member no longer answers them.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// The reason for the last error.
    pub(super) fn reason(&self) -> Option<String> {
        lock(&self.trouble.reason).clone()
    }

    /// Whether the broker refuses our credentials.
    pub(super) fn refused(&self) -> bool {
        self.trouble.refused.load(Ordering::Relaxed)
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.note(&error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!("positions were not committed: {error}");
        }
    }

    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = list.elements().iter().map(|one| (one.topic().to_string(), one.partition())).collect();
        let assign = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if !self.closing.load(Ordering::SeqCst) {
            let change = if assign {
                Rebalance::Assign(partitions)
            } else {
                Rebalance::Revoke { partitions, lost: consumer.assignment_lost() }
            };
            tracing::debug!("rebalance: {change:?}");
            lock(&self.rebalances).push_back(change);
            return;
        }
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let answer = match (assign, cooperative) {
            // An assignment that arrives while leaving is declined.
            (true, true) => consumer.incremental_assign(&TopicPartitionList::new()),
            (true, false) => consumer.assign(&TopicPartitionList::new()),
            (false, true) => consumer.incremental_unassign(list),
            (false, false) => consumer.unassign(),
        };
        if let Err(error) = answer {
            tracing::debug!("while leaving the group: {error}");
        }
    }
}
