//! Decisions and dead letters to topics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::{Plan, TargetPlan};
use gristmill::shard::{Decision, Outbox};
use gristmill::spec::Guarantee;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::{Sink, SinkError, Transaction};
use crate::dead_letters::DeadLetter;
use crate::kafka::{KafkaFailure, Kind, Place, Producer, Undelivered, producer, to_headers};

/// How often delivery is looked at: the crate's own `flush` waits in steps of 100 ms, which cuts throughput to a
/// quarter.
const LOOK: Duration = Duration::from_micros(100);
/// How long a stop waits for brokers that do not answer.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(10);

/// The producer of one member: all its outputs in Kafka, and the dead letters.
pub struct KafkaSink {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Arc<Plan>,
    producer: Producer,
    /// For each output of the plan its topic, if it is one.
    topics: Vec<Option<String>>,
    dead_letters: Option<String>,
    /// Whether the run is ending.
    stopped: Box<dyn Fn() -> bool + Send + Sync>,
}

impl KafkaSink {
    /// A producer for the plan's topics. `stopped` tells whether the run is ending, so that a broker that is gone
    /// does not hold it for ever.
    pub fn open(plan: Arc<Plan>, stopped: Box<dyn Fn() -> bool + Send + Sync>) -> Result<Self, SinkError> {
        let topic = |target: &TargetPlan| match target {
            TargetPlan::Kafka { topic, .. } => Some(topic.clone()),
            _ => None,
        };
        let topics = plan.outputs.iter().map(|output| topic(&output.target)).collect();
        let dead_letters = plan.dead_letters.as_ref().and_then(topic);
        let producer = producer(&plan.kafka)?;
        Ok(Self { shared: Arc::new(Shared { plan, producer, topics, dead_letters, stopped }) })
    }
}

impl Sink for KafkaSink {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction>, SinkError> {
        Ok(Box::new(Batch { shared: Arc::clone(&self.shared) }))
    }
}

struct Batch {
    shared: Arc<Shared>,
}

impl Transaction for Batch {
    fn write(&mut self, decisions: &Outbox, dead_letters: &[DeadLetter]) -> Result<(), SinkError> {
        let mut text = Text::default();
        for decision in decisions.decisions() {
            if let Some(Some(topic)) = self.shared.topics.get(decision.output) {
                self.shared.decision(topic, &decision, &mut text)?;
            }
        }
        if let Some(topic) = &self.shared.dead_letters {
            dead_letters.iter().try_for_each(|letter| self.shared.dead_letter(topic, letter))?;
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), SinkError> {
        self.shared.flush()
    }
}

/// Room for the headers' values, used again for each record.
#[derive(Default)]
struct Text {
    model: String,
    source: String,
}

impl Shared {
    fn decision(&self, topic: &str, decision: &Decision<'_>, text: &mut Text) -> Result<(), SinkError> {
        use std::fmt::Write;
        text.model.clear();
        text.source.clear();
        // Writing to memory cannot fail.
        let _ = write!(text.model, "{}@{}", self.plan.name, decision.version);
        let _ = write!(text.source, "{}-{}", decision.partition, decision.offset);
        let headers = OwnedHeaders::new_with_capacity(3)
            .insert(Header { key: "pipeline", value: Some(&*self.plan.name) })
            .insert(Header { key: "model", value: Some(text.model.as_str()) })
            .insert(Header { key: "source", value: Some(text.source.as_str()) });
        let place = Place::new(decision.partition.number, decision.offset);
        let mut record = BaseRecord::with_opaque_to(topic, place.packed()).payload(decision.value).headers(headers);
        record.key = decision.key;
        record.timestamp = decision.timestamp;
        self.send(record, place)
    }

    fn dead_letter(&self, topic: &str, letter: &DeadLetter) -> Result<(), SinkError> {
        let errors = letter.error_headers();
        let mut headers = to_headers(&letter.headers, errors.len());
        for (key, value) in &errors {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let place = Place::new(letter.partition.number, letter.offset);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, place.packed()).headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        record.timestamp = letter.timestamp;
        self.send(record, place)
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8], usize>, place: Place) -> Result<(), SinkError> {
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    record = same;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, same)) => {
                    let undelivered = Undelivered { topic: same.topic.to_string(), error, place };
                    return Err(self.failure(&undelivered).into());
                }
            }
        }
    }

    fn failure(&self, undelivered: &Undelivered) -> KafkaFailure {
        let Undelivered { topic, error, place } = undelivered;
        let source = format!("{}-{}, offset {}", self.plan.input_name(), place.partition(), place.offset());
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            let message = format!(
                "topic `{topic}` takes no record as large as the answer to {source}; raise its limit with \
                 `kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config \
                 max.message.bytes=…` and start again: nothing after the last commit is lost"
            );
            return KafkaFailure::new(Kind::Topic, message);
        }
        let reason = self.producer.context().reason();
        let doing = format!("writing the answer to {source} to topic `{topic}`");
        KafkaFailure::of(&doing, error, self.plan.kafka.brokers(), reason.as_deref())
    }

    /// Waits until everything is delivered.
    fn flush(&self) -> Result<(), SinkError> {
        let mut stopping: Option<Instant> = None;
        while self.producer.in_flight_count() > 0 {
            if (self.stopped)() && stopping.get_or_insert_with(Instant::now).elapsed() > PATIENCE_AT_STOP {
                let brokers = self.plan.kafka.brokers();
                let message = format!(
                    "the run was stopped while no broker at {brokers} took its answers: what was not committed will \
                     be read again at the next start"
                );
                return Err(KafkaFailure::new(Kind::Unreachable, message).into());
            }
            std::thread::sleep(LOOK);
        }
        match self.producer.context().undelivered() {
            Some(undelivered) => Err(self.failure(&undelivered).into()),
            None => Ok(()),
        }
    }
}
