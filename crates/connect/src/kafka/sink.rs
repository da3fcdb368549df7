//! Writes decisions and dead letters to topics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::connect::TopicPlan;
use gristmill::plan::{Plan, TargetPlan};
use gristmill::shard::Decision;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::{Place, Producer, Undelivered, failure_of, producer, to_headers};
use crate::broker::{BrokerError, Kind};
use crate::commit::PartitionCommit;
use crate::connector::Run;
use crate::dead_letter::DeadLetter;
use crate::sink::{OpenTargets, Sink, SinkError, Stopped};

/// How often a wait for delivery checks whether the run is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// How long to wait for a partition that a topic has gained: brokers learn of it one after the other.
const GROWTH: Duration = Duration::from_secs(30);
/// The interval between checks.
const GROWTH_PAUSE: Duration = Duration::from_millis(100);
/// How long a stop waits for brokers that do not answer.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(10);

/// Why a record was refused.
pub(crate) enum Refusal {
    /// The transaction must be aborted, and may be retried.
    Passing(KafkaError),
    /// A retry would not help.
    Final(SinkError),
}

impl From<Refusal> for SinkError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Final(error) => error,
            Refusal::Passing(error) => BrokerError::new(Kind::Other, error.to_string()).into(),
        }
    }
}

/// One producer of one member: its outputs in Kafka, the dead letters, and the state of its shards.
pub(super) struct KafkaSink {
    plan: Arc<Plan>,
    pub(crate) producer: Producer,
    /// For each output of the plan its topic, if it is one.
    topics: Vec<Option<String>>,
    dead_letters: Option<String>,
    stopped: Stopped,
}

impl KafkaSink {
    /// Writes with this producer to the plan's topics.
    pub(crate) fn new(plan: Arc<Plan>, producer: Producer, stopped: Stopped) -> Self {
        let topic = |target: &TargetPlan| target.of::<TopicPlan>().map(|plan| plan.topic.clone());
        let topics = plan.outputs.iter().map(|output| topic(&output.target)).collect();
        let dead_letters = plan.dead_letters.as_ref().and_then(topic);
        Self { plan, producer, topics, dead_letters, stopped }
    }

    /// Writes a part's decisions and dead letters.
    pub(crate) fn answers(&self, part: &PartitionCommit) -> Result<(), Refusal> {
        // Reused for each record.
        let mut source = String::new();
        for decision in part.outbox.decisions() {
            if let Some(Some(topic)) = self.topics.get(decision.output) {
                self.decision(topic, &decision, &mut source)?;
            }
        }
        if let Some(topic) = &self.dead_letters {
            part.dead_letters.iter().try_for_each(|letter| self.dead_letter(topic, letter))?;
        }
        Ok(())
    }

    /// Writes a part's journal entry and its pieces of a snapshot.
    pub(crate) fn state(&self, part: &PartitionCommit) -> Result<(), Refusal> {
        let partition = part.partition.number;
        if let Some(entry) = &part.entry {
            let (topic, value) = (self.plan.journal_topic(), entry.encode());
            let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&topic, Place::JOURNAL.packed());
            self.send(record.partition(partition).payload(&value), Place::JOURNAL)?;
        }
        for piece in &part.pieces {
            let (topic, key, value) = (self.plan.state_topic(), piece.key(), piece.value());
            let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&topic, Place::STATE.packed());
            self.send(record.partition(partition).key(key.as_bytes()).payload(&value), Place::STATE)?;
        }
        Ok(())
    }
}

impl KafkaSink {
    /// Writes the entries and pieces of these parts, and returns when they are durable. It waits for a partition that
    /// the topic has gained; records written along with it are then written twice, which a journal tolerates.
    pub(crate) fn keep(&self, parts: &[Arc<PartitionCommit>]) -> Result<(), SinkError> {
        let mut unknown: Option<Instant> = None;
        loop {
            let written = parts.iter().try_for_each(|part| self.state(part)).and_then(|()| self.delivered());
            match written {
                Err(Refusal::Passing(error))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownPartition)
                        && unknown.get_or_insert_with(Instant::now).elapsed() < GROWTH
                        && !(self.stopped)() =>
                {
                    std::thread::sleep(GROWTH_PAUSE);
                }
                written => return Ok(written?),
            }
        }
    }
}

/// The topics of a plan, where its input is of another system: each member has a producer of its own.
pub(crate) fn open(plan: &Arc<Plan>, run: &Run) -> Result<Box<dyn OpenTargets>, SinkError> {
    Ok(Box::new(Topics { plan: Arc::clone(plan), stopped: Arc::clone(&run.stopped) }))
}

struct Topics {
    plan: Arc<Plan>,
    stopped: Stopped,
}

impl OpenTargets for Topics {
    fn sinks(&self) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let producer = producer(&self.plan.connections.kafka)?;
        Ok(vec![Box::new(KafkaSink::new(Arc::clone(&self.plan), producer, Arc::clone(&self.stopped)))])
    }
}

impl Sink for KafkaSink {
    fn write(&mut self, part: &PartitionCommit) -> Result<(), SinkError> {
        Ok(self.answers(part)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.delivered()?)
    }
}

impl KafkaSink {
    fn decision(&self, topic: &str, decision: &Decision<'_>, source: &mut String) -> Result<(), Refusal> {
        use std::fmt::Write;
        source.clear();
        // Writing to memory cannot fail.
        let _ = write!(source, "{}-{}", decision.partition, decision.position);
        // One header: each costs a producer more than the JSON of a number, and the value names the model.
        let source = Header { key: "source", value: Some(source.as_str()) };
        let headers = OwnedHeaders::new_with_capacity(1).insert(source);
        let place = Place::new(decision.partition.number, decision.position);
        let mut record = BaseRecord::with_opaque_to(topic, place.packed()).payload(decision.value).headers(headers);
        record.key = decision.key;
        record.timestamp = decision.timestamp;
        self.send(record, place)
    }

    fn dead_letter(&self, topic: &str, letter: &DeadLetter) -> Result<(), Refusal> {
        let errors = letter.error_headers();
        let mut headers = to_headers(&letter.headers, errors.len());
        for (key, value) in &errors {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let place = Place::new(letter.partition.number, letter.position);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, place.packed()).headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        record.timestamp = letter.timestamp;
        self.send(record, place)
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8], usize>, place: Place) -> Result<(), Refusal> {
        let mut record = record;
        let mut unknown: Option<Instant> = None;
        self.producer.context().announced();
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    record = same;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::UnknownPartition), same))
                    if unknown.get_or_insert_with(Instant::now).elapsed() < GROWTH && !(self.stopped)() =>
                {
                    record = same;
                    self.look_again(record.topic);
                    std::thread::sleep(GROWTH_PAUSE);
                }
                Err((error, same)) => {
                    self.producer.context().reported();
                    let undelivered = Undelivered { topic: same.topic.to_string(), error, place };
                    return Err(self.refusal(&undelivered));
                }
            }
        }
    }

    /// The producer's metadata of a topic may be minutes old, and the topic may have grown since.
    fn look_again(&self, topic: &str) {
        if let Err(error) = self.producer.client().fetch_metadata(Some(topic), GROWTH_PAUSE * 20) {
            tracing::debug!("asking for topic {topic}: {error}");
        }
    }

    fn failure(&self, undelivered: &Undelivered) -> BrokerError {
        let Undelivered { topic, error, place } = undelivered;
        let answer = match *place {
            Place::JOURNAL => "the journal's entry".to_string(),
            Place::STATE => "a piece of the saved state".to_string(),
            place => {
                format!("the answer to {}-{}, offset {}", self.plan.input_name(), place.partition(), place.offset())
            }
        };
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            let message = format!(
                "topic `{topic}` takes no record as large as {answer}; raise its limit with \
                 `kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config \
                 max.message.bytes=…` and start again: nothing after the last commit is lost"
            );
            return BrokerError::new(Kind::Topic, message);
        }
        let reason = self.producer.context().reason();
        let doing = format!("writing {answer} to topic `{topic}`");
        failure_of(&doing, error, self.plan.connections.kafka.brokers(), reason.as_deref())
    }

    fn refusal(&self, undelivered: &Undelivered) -> Refusal {
        let code = undelivered.error.rdkafka_error_code();
        let hopeless = matches!(
            code,
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed
                    | RDKafkaErrorCode::PolicyViolation
                    | RDKafkaErrorCode::InvalidRecord
                    | RDKafkaErrorCode::InvalidTimestamp
                    | RDKafkaErrorCode::InvalidTopic
            )
        );
        if code == Some(RDKafkaErrorCode::UnknownPartition) {
            // Sent before the producer had any metadata of the topic, which was then that of before it grew.
            self.look_again(&undelivered.topic);
        }
        if hopeless || self.producer.context().refused() {
            return Refusal::Final(self.failure(undelivered).into());
        }
        Refusal::Passing(undelivered.error.clone())
    }

    /// Waits until everything is delivered: on the delivery reports, since the crate's own `flush` waits in steps of
    /// 100 ms, which cuts throughput to a quarter.
    pub(crate) fn delivered(&self) -> Result<(), Refusal> {
        let mut stopping: Option<Instant> = None;
        while !self.producer.context().settle(LOOK) {
            if (self.stopped)() && stopping.get_or_insert_with(Instant::now).elapsed() > PATIENCE_AT_STOP {
                let brokers = self.plan.connections.kafka.brokers();
                let message = format!(
                    "the run was stopped while no broker at {brokers} took its answers: what was not committed will \
                     be read again at the next start"
                );
                return Err(Refusal::Final(BrokerError::new(Kind::Unreachable, message).into()));
            }
        }
        match self.producer.context().take_undelivered() {
            Some(undelivered) => Err(self.refusal(&undelivered)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use gristmill::protocol::{Consumed, Entry, Run};
    use gristmill::rows::{Partition, Position, Positions};
    use gristmill::shard::Outbox;
    use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
    use rdkafka::client::DefaultClientContext;

    use super::*;

    /// The broker that `cargo xtask test` started.
    fn broker() -> String {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/broker/address");
        let started = || std::fs::read_to_string(file).expect("run `cargo xtask broker start` first");
        let known = std::env::var("GRISTMILL_BROKER");
        known.unwrap_or_else(|_| started().lines().next().unwrap().to_string())
    }

    /// A producer that gets a topic's metadata at its first write, and as it was before the topic grew.
    #[test]
    fn an_entry_for_a_partition_that_the_journal_has_just_gained_is_written() {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
        let document = format!(
            "name: t\nkafka: {{bootstrap.servers: \"{}\", group.id: grown-{since}}}\ninput: {{kafka: {{topics: [in]}}, \
             format: json, columns: {{x: float64, y: boolean}}}}\nfeatures: [x]\nlabel: {{column: y}}\nmodel: \
             [logistic_regression]\nguarantee: at_least_once\n",
            broker()
        );
        let plan = Arc::new(Plan::read("t", &document, &|_| None).unwrap());
        let (topic, options) = (plan.journal_topic(), AdminOptions::new());
        let admin: AdminClient<DefaultClientContext> =
            rdkafka::ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap();
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        pollster::block_on(admin.create_topics([&new], &options)).unwrap().remove(0).unwrap();
        let sink = KafkaSink::new(Arc::clone(&plan), producer(&plan.connections.kafka).unwrap(), Arc::new(|| false));
        let part = |number: i32| {
            let run = Run {
                topic: "in".into(),
                consumed: Consumed::nothing(Position::START),
                flushed: false,
                tick: None,
                tables: 0,
                version: 0,
            };
            let entry = Some(Entry { sequence: 0, runs: vec![run], code: None, installed: false });
            let (partition, letters, pieces) = (Partition::new("in", number), Vec::new(), Vec::new());
            Arc::new(PartitionCommit {
                partition,
                outbox: Outbox::default(),
                dead_letters: letters,
                entry,
                positions: Positions::default(),
                pieces,
            })
        };
        let grows = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(2));
            let new = NewPartitions::new(&topic, 3);
            pollster::block_on(admin.create_partitions([&new], &options)).unwrap().remove(0).unwrap();
        });
        sink.keep(&[part(0), part(2)]).unwrap();
        grows.join().unwrap();
        assert!(sink.producer.context().take_entries().contains_key(&2));
    }
}
