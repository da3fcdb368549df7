//! The Kafka clients and their configuration.

use std::sync::{Arc, Mutex};

use gristmill::connect::KafkaPlan;
use gristmill::plan::Plan;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::ThreadedProducer;

use super::connection::unreadable;
use super::{MemberContext, PlainContext};
use crate::broker::{BrokerError, Kind};
use crate::lock::lock;

/// A consumer that is a member of the group.
pub(super) type Consumer = BaseConsumer<MemberContext>;
/// A producer whose delivery reports a thread of its own serves.
pub(super) type Producer = ThreadedProducer<PlainContext>;

/// A client outside the group.
pub(super) type Reader = BaseConsumer<PlainContext>;

/// The group member that a source reads as and a committer commits for.
#[derive(Default)]
pub(super) struct GroupMember(Mutex<Option<Arc<Consumer>>>);

impl GroupMember {
    /// Its consumer; none once it has left.
    pub(super) fn consumer(&self) -> Option<Arc<Consumer>> {
        lock(&self.0).clone()
    }

    /// Joins as this consumer from now on.
    pub(super) fn join(&self, consumer: Consumer) {
        *lock(&self.0) = Some(Arc::new(consumer));
    }

    /// Leaves the group. From now on changes are acknowledged at once: the member no longer answers them.
    pub(super) fn leave(&self) {
        if let Some(consumer) = lock(&self.0).take() {
            consumer.context().close();
        }
    }
}

/// Larger than any record that a broker would accept: brokers limit records, not this client. Batches still stay at
/// librdkafka's 1 MB.
const LARGEST_MESSAGE: &str = "100000000";

fn config(plan: &KafkaPlan, role: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "gristmill");
    config.set_log_level(RDKafkaLogLevel::Info);
    if role == "C" {
        // The default of 1000 leaves a fast consumer without records for up to a second whenever its queue was full.
        config.set("fetch.queue.backoff.ms", "10");
        // The default of 100,000 records for each partition have left the caches by the time they are read: a tenth of
        // them costs a tenth less CPU, and less memory. A request brings no more than that.
        config.set("queued.min.messages", "10000");
    } else {
        config.set("partitioner", "murmur2_random");
        config.set("queue.buffering.max.messages", "1000000");
        config.set("message.max.bytes", LARGEST_MESSAGE);
    }
    for (name, value) in plan.properties_for(role) {
        config.set(name, value);
    }
    config
}

fn created<T>(plan: &KafkaPlan, what: &str, result: rdkafka::error::KafkaResult<T>) -> Result<T, BrokerError> {
    result.map_err(|error| {
        let message = match unreadable(plan) {
            Some(why) => format!("the {what} cannot be made: {why}"),
            None => format!("the {what} cannot be made: {error}; check the values under `kafka:`"),
        };
        BrokerError::new(Kind::Other, message)
    })
}

/// A member of the group, number `member` of its process.
pub(super) fn consumer(plan: &Plan, member: usize, consumer_protocol: bool) -> Result<Consumer, BrokerError> {
    let mut config = config(&plan.connections.kafka, "C");
    config
        .set("group.id", &plan.group)
        .set("group.protocol", if consumer_protocol { "consumer" } else { "classic" })
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false")
        // The other values skip lost records silently; the start is decided when partitions are assigned.
        .set("auto.offset.reset", "error");
    if !consumer_protocol && config.get("session.timeout.ms").is_none() {
        config.set("session.timeout.ms", "10000");
    }
    if plan.inputs.len() > 1 {
        // The only way of assigning partitions that keeps those with the same number together.
        let name = if consumer_protocol { "group.remote.assignor" } else { "partition.assignment.strategy" };
        config.set(name, "range");
    }
    if let Some(instance) = config.get("group.instance.id").map(str::to_string) {
        config.set("group.instance.id", format!("{instance}-{member}"));
    }
    created(&plan.connections.kafka, "consumer", config.create_with_context(MemberContext::default()))
}

/// A client outside the group that reads the offsets stored under a group's name. It never joins, so its answers do not
/// depend on the state of the group's members: an expelled member can no longer ask.
pub(super) fn offsets_client(plan: &KafkaPlan, group: &str) -> Result<Reader, BrokerError> {
    let mut config = outside(plan, "read_committed");
    config.set("group.id", group);
    created(plan, "client", config.create_with_context(PlainContext::default()))
}

/// A client outside the group, for metadata, offsets and reading committed records.
pub(super) fn reader(plan: &KafkaPlan) -> Result<Reader, BrokerError> {
    offsets_client(plan, &plan.group)
}

/// The same for a thread that waits for records throughout the run: it does not poll the broker constantly.
pub(crate) fn tailing_client(plan: &KafkaPlan) -> Result<Reader, BrokerError> {
    let mut config = outside(plan, "read_committed");
    config.set("fetch.wait.max.ms", "500");
    created(plan, "client", config.create_with_context(PlainContext::default()))
}

/// A client outside the group that also sees pending records: where logs end.
pub(crate) fn uncommitted_client(plan: &KafkaPlan) -> Result<Reader, BrokerError> {
    created(plan, "client", outside(plan, "read_uncommitted").create_with_context(PlainContext::default()))
}

fn outside(plan: &KafkaPlan, isolation: &str) -> ClientConfig {
    let mut config = config(plan, "C");
    // It never joins, whatever the group's settings.
    for name in [
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "partition.assignment.strategy",
        "max.poll.interval.ms",
    ] {
        config.remove(name);
    }
    config
        .set("group.id", &plan.group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        // A client that reads existing records does not wait for more.
        .set("fetch.wait.max.ms", "10")
        .set("auto.offset.reset", "error");
    config
}

/// A producer.
pub(super) fn producer(plan: &KafkaPlan) -> Result<Producer, BrokerError> {
    let mut config = config(plan, "P");
    config.set("enable.idempotence", "true");
    created(plan, "producer", config.create_with_context(PlainContext::default()))
}

/// A producer whose records no broker accepts, to test whether it may write: it requests an invalid number of
/// acknowledgements.
pub(super) fn prober(plan: &KafkaPlan) -> Result<Producer, BrokerError> {
    let mut config = config(plan, "P");
    config.set("enable.idempotence", "false").set("acks", "2").set("message.timeout.ms", "5000");
    created(plan, "producer", config.create_with_context(PlainContext::default()))
}

/// A transactional producer. The open transaction of a killed member blocks readers until the time-out, so that is
/// short; the same id fences the earlier producer.
pub(super) fn transactional(plan: &KafkaPlan, id: &str) -> Result<Producer, BrokerError> {
    let mut config = config(plan, "P");
    config.set("enable.idempotence", "true").set("transactional.id", id);
    if config.get("transaction.timeout.ms").is_none() {
        config.set("transaction.timeout.ms", "10000");
    }
    if config.get("linger.ms").is_none() {
        // A commit is handed over at once, so there is nothing to wait for.
        config.set("linger.ms", "1");
    }
    created(plan, "producer", config.create_with_context(PlainContext::default()))
}

/// The same settings for an admin client.
pub(super) fn administrator(plan: &KafkaPlan) -> Result<rdkafka::admin::AdminClient<PlainContext>, BrokerError> {
    created(plan, "client", config(plan, "P").create_with_context(PlainContext::default()))
}
