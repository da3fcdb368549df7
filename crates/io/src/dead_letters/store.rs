//! Dead letters where a pipeline has put them: reading them, and giving them back to the input.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use gristmill::plan::{InputPlan, Plan, TargetPlan};
use gristmill::rows::RawRecord;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::DeadLetter;
use crate::kafka::{self, KafkaFailure, Kind, PlainContext, headers_of, position_of, to_headers};

const ANSWER: Duration = Duration::from_secs(10);

/// A dead letter and where it lies now.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Where it lies: `dead-0 offset 5`, `line 7`.
    pub at: String,
    /// The letter.
    pub letter: DeadLetter,
}

/// What to do with each dead letter.
type Visit<'a> = &'a mut dyn FnMut(Listed) -> Result<(), KafkaFailure>;

/// Visits every dead letter of a pipeline.
pub fn list(plan: &Plan, visit: Visit<'_>) -> Result<u64, KafkaFailure> {
    match &plan.dead_letters {
        None => Err(nowhere()),
        Some(TargetPlan::Kafka { topic, .. }) => Reader::open(plan, topic, Begin::First)?.read(visit),
        Some(TargetPlan::File { path }) => from_file(path, visit),
        Some(TargetPlan::Stdout | TargetPlan::Http(_)) => Ok(0),
    }
}

fn nowhere() -> KafkaFailure {
    let message = "this pipeline has no `dead_letters`, so it stops at the first record it cannot read";
    KafkaFailure::new(Kind::Other, message)
}

fn from_file(path: &str, visit: Visit<'_>) -> Result<u64, KafkaFailure> {
    let wrong = |why: String| KafkaFailure::new(Kind::Other, format!("cannot read {path}: {why}"));
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let (mut count, mut file) = (0, BufReader::new(file));
    for number in 0.. {
        let mut line = String::new();
        if file.read_line(&mut line).map_err(|error| wrong(error.to_string()))? == 0 {
            break;
        }
        if !line.ends_with('\n') {
            tracing::warn!(
                "{path}: line {} has no end: it is being written, or was torn, and is passed over",
                number + 1
            );
            break;
        }
        let parsed: serde_json::Value = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("line {} is not a dead letter: {error}", number + 1)))?;
        let letter = DeadLetter::from_json(&parsed)
            .map_err(|why| wrong(format!("line {} is not a dead letter: {why}", number + 1)))?;
        visit(Listed { at: format!("line {}", number + 1), letter })?;
        count += 1;
    }
    Ok(count)
}

/// Where a reader begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// At the first letter there is.
    First,
    /// After the last letter that was replayed.
    AfterReplayed,
}

/// Reads a dead-letter topic from end to end, outside of any group.
struct Reader<'a> {
    plan: &'a Plan,
    topic: &'a str,
    client: BaseConsumer<PlainContext>,
    partitions: usize,
}

impl<'a> Reader<'a> {
    fn open(plan: &'a Plan, topic: &'a str, begin: Begin) -> Result<Self, KafkaFailure> {
        // Only offsets are kept under this name.
        let client = kafka::offsets_client(&plan.kafka, &format!("{}-dead-letters", plan.kafka.group))?;
        let reader = Self { plan, topic, client, partitions: 0 };
        let metadata = reader.client.fetch_metadata(Some(topic), ANSWER);
        let metadata = metadata.map_err(|error| reader.failure("connecting to Kafka", &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let found =
            found.ok_or_else(|| KafkaFailure::new(Kind::Topic, format!("the topic `{topic}` does not exist")))?;
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
        Ok(Self { partitions: numbers.len(), ..reader })
    }

    fn failure(&self, doing: &str, error: &KafkaError) -> KafkaFailure {
        KafkaFailure::of(doing, error, self.plan.kafka.brokers(), self.client.context().reason().as_deref())
    }

    fn read(&self, visit: Visit<'_>) -> Result<u64, KafkaFailure> {
        let (mut left, mut count, mut quiet) = (self.partitions, 0, Instant::now());
        while left > 0 {
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
                        count += 1;
                        let at = format!("{}-{} offset {}", self.topic, message.partition(), message.offset());
                        visit(Listed { at, letter })?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
                Some(Err(error)) => return Err(self.failure("reading dead letters", &error)),
                None if quiet.elapsed() > ANSWER => {
                    let message = format!("topic {} does not answer", self.topic);
                    return Err(KafkaFailure::new(Kind::Unreachable, message));
                }
                None => {}
            }
        }
        Ok(count)
    }

    /// Remembers how far letters were replayed.
    fn commit(&self) -> Result<(), KafkaFailure> {
        let replayed = self.client.position().map_err(|error| self.failure("remembering what was replayed", &error))?;
        let mut read = TopicPartitionList::new();
        for element in replayed.elements().iter().filter(|one| matches!(one.offset(), Offset::Offset(_))) {
            let added = read.add_partition_offset(self.topic, element.partition(), element.offset());
            added.map_err(|error| self.failure("remembering what was replayed", &error))?;
        }
        let committed = if read.count() == 0 { Ok(()) } else { self.client.commit(&read, CommitMode::Sync) };
        committed.map_err(|error| self.failure("remembering what was replayed", &error))
    }
}

/// Sends every dead letter that was not sent before back to the input's topic, as it was; returns how many.
pub fn replay(plan: &Plan) -> Result<u64, KafkaFailure> {
    let InputPlan::Kafka { topic: input, .. } = &plan.input else {
        let message = "the input is a file: correct the records there and run again";
        return Err(KafkaFailure::new(Kind::Other, message));
    };
    let producer = kafka::producer(&plan.kafka)?;
    let mut send = |Listed { letter, .. }: Listed| {
        let headers = to_headers(&letter.headers, 0);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(input, 0)
            .partition(letter.partition.number)
            .headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        record.timestamp = letter.timestamp;
        let sent = producer.send(record);
        sent.map_err(|(error, _)| KafkaFailure::of("replaying", &error, plan.kafka.brokers(), None))
    };
    let (reader, count) = match &plan.dead_letters {
        Some(TargetPlan::Kafka { topic, .. }) => {
            let reader = Reader::open(plan, topic, Begin::AfterReplayed)?;
            let count = reader.read(&mut send)?;
            (Some(reader), count)
        }
        Some(TargetPlan::File { path }) => (None, from_file(path, &mut send)?),
        _ => return Err(nowhere()),
    };
    let flushed = producer.flush(Duration::from_secs(60));
    flushed.map_err(|error| KafkaFailure::of("replaying", &error, plan.kafka.brokers(), None))?;
    if let Some(lost) = producer.context().take_undelivered() {
        return Err(KafkaFailure::of("replaying", &lost.error, plan.kafka.brokers(), None));
    }
    reader.map_or(Ok(count), |reader| reader.commit().map(|()| count))
}
