//! Dead letters where a pipeline has put them: reading them, and giving them back to the input.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use gristmill::plan::{InputPlan, Plan, TargetPlan};
use gristmill::rows::RawRecord;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::DeadLetter;
use crate::kafka::{self, KafkaFailure, Kind, PlainContext};

const ANSWER: Duration = Duration::from_secs(10);

/// A dead letter and where it lies now.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Where it lies: `dead-0 offset 5`, `line 7`.
    pub at: String,
    /// The letter.
    pub letter: DeadLetter,
}

/// Visits every dead letter of a pipeline.
pub fn list(plan: &Plan, visit: &mut dyn FnMut(Listed) -> Result<(), KafkaFailure>) -> Result<u64, KafkaFailure> {
    match &plan.dead_letters {
        None => {
            let message = "this pipeline has no `dead_letters`, so it stops at the first record it cannot read";
            Err(KafkaFailure::new(Kind::Other, message))
        }
        Some(TargetPlan::Kafka { topic, .. }) => from_topic(plan, &assigned(plan, topic)?, topic, visit),
        Some(TargetPlan::File { path }) => from_file(path, visit),
        Some(TargetPlan::Stdout) => Ok(0),
    }
}

fn from_file(path: &str, visit: &mut dyn FnMut(Listed) -> Result<(), KafkaFailure>) -> Result<u64, KafkaFailure> {
    let wrong = |why: String| KafkaFailure::new(Kind::Other, format!("cannot read {path}: {why}"));
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut count = 0;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| wrong(error.to_string()))?;
        let parsed: serde_json::Value = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("line {} is not a dead letter: {error}", number + 1)))?;
        let letter = DeadLetter::from_json(&parsed)
            .map_err(|why| wrong(format!("line {} is not a dead letter: {why}", number + 1)))?;
        visit(Listed { at: format!("line {}", number + 1), letter })?;
        count += 1;
    }
    Ok(count)
}

fn from_topic(
    plan: &Plan,
    (client, partitions): &(BaseConsumer<PlainContext>, usize),
    topic: &str,
    visit: &mut dyn FnMut(Listed) -> Result<(), KafkaFailure>,
) -> Result<u64, KafkaFailure> {
    let mut left = *partitions;
    let mut count = 0;
    let mut quiet = Instant::now();
    while left > 0 {
        match client.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                quiet = Instant::now();
                let headers: Vec<gristmill::rows::Header> = match message.headers() {
                    Some(all) => all.iter().map(|one| (one.key.into(), one.value.map(<[u8]>::to_vec))).collect(),
                    None => Vec::new(),
                };
                let record = RawRecord {
                    offset: message.offset(),
                    timestamp: message.timestamp().to_millis(),
                    key: message.key(),
                    value: message.payload(),
                    headers: &headers,
                };
                if let Some(letter) = DeadLetter::from_record(&record) {
                    count += 1;
                    visit(Listed {
                        at: format!("{topic}-{} offset {}", message.partition(), message.offset()),
                        letter,
                    })?;
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => return Err(failure(plan, "reading dead letters", &error, client)),
            None if quiet.elapsed() > ANSWER => {
                return Err(KafkaFailure::new(Kind::Unreachable, format!("topic {topic} does not answer")));
            }
            None => {}
        }
    }
    Ok(count)
}

fn failure(plan: &Plan, doing: &str, error: &KafkaError, client: &BaseConsumer<PlainContext>) -> KafkaFailure {
    KafkaFailure::of(doing, error, plan.kafka.brokers(), client.context().reason().as_deref())
}

/// A reader at the beginning of every partition that holds something, and their number.
fn assigned(plan: &Plan, topic: &str) -> Result<(BaseConsumer<PlainContext>, usize), KafkaFailure> {
    // Reading needs a group id with librdkafka, even outside of any group; nothing is ever committed to it.
    let mut outside = plan.kafka.clone();
    outside.properties.retain(|(name, _)| name != "group.id");
    outside.properties.push(("group.id".into(), format!("{}-dead-letters-reader", plan.kafka.group)));
    let client = kafka::reader(&outside)?;
    let metadata = client
        .fetch_metadata(Some(topic), ANSWER)
        .map_err(|error| failure(plan, "connecting to Kafka", &error, &client))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let found = found.ok_or_else(|| KafkaFailure::new(Kind::Topic, format!("the topic `{topic}` does not exist")))?;
    let mut list = TopicPartitionList::new();
    for partition in found.partitions() {
        let added = list.add_partition_offset(topic, partition.id(), Offset::Beginning);
        added.map_err(|error| failure(plan, "reading dead letters", &error, &client))?;
    }
    let count = list.count();
    client.assign(&list).map_err(|error| failure(plan, "reading dead letters", &error, &client))?;
    Ok((client, count))
}

/// Sends every dead letter back to the input's topic, as it was; returns how many.
pub fn replay(plan: &Plan) -> Result<u64, KafkaFailure> {
    let InputPlan::Kafka { topic, .. } = &plan.input else {
        let message = "the input is a file: correct the records there and run again";
        return Err(KafkaFailure::new(Kind::Other, message));
    };
    let producer = kafka::producer(&plan.kafka)?;
    let count = list(plan, &mut |Listed { letter, .. }| {
        let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len());
        for (key, value) in &letter.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, 0)
            .partition(letter.partition.number)
            .headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        record.timestamp = letter.timestamp;
        let sent = producer.send(record);
        sent.map_err(|(error, _)| KafkaFailure::of("replaying", &error, plan.kafka.brokers(), None))
    })?;
    let flushed = producer.flush(Duration::from_secs(60));
    flushed.map_err(|error| KafkaFailure::of("replaying", &error, plan.kafka.brokers(), None))?;
    match producer.context().undelivered() {
        Some(lost) => Err(KafkaFailure::of("replaying", &lost.error, plan.kafka.brokers(), None)),
        None => Ok(count),
    }
}
