//! Dead letters in a topic: reading them, and giving them back to the input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::connect::KafkaPlan;
use gristmill::plan::Plan;
use gristmill::rows::RawRecord;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{Producer, Reader, failure_of, headers_of, offsets_client, position_of, producer, to_headers};
use crate::broker::{BrokerError, Kind};
use crate::dead_letter::{Begin, DeadLetter, DeadLetters, Listed, Resend};
use crate::source::SourceError;

const ANSWER: Duration = Duration::from_secs(10);

/// Reads a topic of dead letters from end to end, outside of any group.
pub(super) struct LetterTopic {
    brokers: String,
    topic: String,
    client: Reader,
    /// The partitions that have not come to their end.
    left: usize,
}

impl LetterTopic {
    pub(super) fn open(plan: &Plan, topic: &str, begin: Begin) -> Result<Self, BrokerError> {
        let kafka = &plan.connections.kafka;
        // Only offsets are stored under this name.
        let client = offsets_client(kafka, &format!("{}-dead-letters", plan.group))?;
        let reader = Self { brokers: kafka.brokers().to_string(), topic: topic.to_string(), client, left: 0 };
        let metadata = reader.client.fetch_metadata(Some(topic), ANSWER);
        let metadata = metadata.map_err(|error| reader.failure("connecting to Kafka", &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let found =
            found.ok_or_else(|| BrokerError::new(Kind::Topic, format!("the topic `{topic}` does not exist")))?;
        let numbers: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
        let reading = |error: KafkaError| reader.failure("reading dead letters", &error);
        let mut list = TopicPartitionList::new();
        for number in &numbers {
            list.add_partition_offset(topic, *number, Offset::Beginning).map_err(reading)?;
        }
        if begin == Begin::AfterReplayed {
            let committed = reader.client.committed_offsets(list.clone(), ANSWER).map_err(reading)?;
            for element in committed.elements().iter().filter(|one| matches!(one.offset(), Offset::Offset(_))) {
                list.set_partition_offset(topic, element.partition(), element.offset()).map_err(reading)?;
            }
        }
        reader.client.assign(&list).map_err(reading)?;
        Ok(Self { left: numbers.len(), ..reader })
    }

    fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        failure_of(doing, error, &self.brokers, self.client.context().reason().as_deref())
    }
}

impl DeadLetters for LetterTopic {
    fn next(&mut self) -> Result<Option<Listed>, SourceError> {
        let mut quiet = Instant::now();
        while self.left > 0 {
            match self.client.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    quiet = Instant::now();
                    let headers = headers_of(&message);
                    let record = RawRecord {
                        position: position_of(message.offset()),
                        timestamp: message.timestamp().to_millis(),
                        key: message.key(),
                        value: message.payload(),
                        headers: &headers,
                    };
                    if let Some(letter) = DeadLetter::from_record(&record) {
                        let at = format!("{}-{} offset {}", self.topic, message.partition(), message.offset());
                        return Ok(Some(Listed { at, letter }));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.left -= 1,
                Some(Err(error)) => return Err(self.failure("reading dead letters", &error).into()),
                None if quiet.elapsed() > ANSWER => {
                    let message = format!("topic {} does not answer", self.topic);
                    return Err(BrokerError::new(Kind::Unreachable, message).into());
                }
                None => {}
            }
        }
        Ok(None)
    }

    fn remember(&mut self) -> Result<(), SourceError> {
        let failed = |error: KafkaError| self.failure("remembering what was replayed", &error);
        let replayed = self.client.position().map_err(failed)?;
        let mut read = TopicPartitionList::new();
        for element in replayed.elements().iter().filter(|one| matches!(one.offset(), Offset::Offset(_))) {
            read.add_partition_offset(&self.topic, element.partition(), element.offset()).map_err(failed)?;
        }
        let committed = if read.count() == 0 { Ok(()) } else { self.client.commit(&read, CommitMode::Sync) };
        Ok(committed.map_err(failed)?)
    }
}

/// Sends records back to the topic of the input that they came from.
pub(super) struct Resender {
    inputs: Vec<Arc<str>>,
    kafka: KafkaPlan,
    producer: Producer,
}

impl Resender {
    pub(super) fn open(plan: &Plan) -> Result<Self, BrokerError> {
        let kafka = plan.connections.kafka.clone();
        Ok(Self { inputs: plan.inputs.clone(), producer: producer(&kafka)?, kafka })
    }

    fn failure(&self, error: &KafkaError) -> BrokerError {
        failure_of("replaying", error, self.kafka.brokers(), None)
    }
}

impl Resend for Resender {
    fn send(&mut self, letter: &DeadLetter) -> Result<(), SourceError> {
        let headers = to_headers(&letter.headers, 0);
        // A letter of an input that the document does not read any longer goes to that of rows.
        let known = self.inputs.iter().find(|input| **input == letter.partition.topic);
        let topic = known.or(self.inputs.first()).map_or("", |topic| topic);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, 0)
            .partition(letter.partition.number)
            .headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        record.timestamp = letter.timestamp;
        Ok(self.producer.send(record).map_err(|(error, _)| self.failure(&error))?)
    }

    fn flush(&mut self) -> Result<(), SourceError> {
        self.producer.flush(Duration::from_secs(60)).map_err(|error| self.failure(&error))?;
        match self.producer.context().take_undelivered() {
            Some(lost) => Err(self.failure(&lost.error).into()),
            None => Ok(()),
        }
    }
}
