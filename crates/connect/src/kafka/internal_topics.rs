//! A group's internal topics: its journal and its snapshots, with a partition for each of the input's.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::{Plan, Start};
use gristmill::protocol::{Entry, Manifest, Slots, StoredInput, StoredState};
use gristmill::rows::{Partition, Position, Positions, RawRecord};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::clients::{reader, uncommitted_client};
use super::{Reader, failure_of, is_transient, leaderless, offset_of, position_of, topic_administrator};
use crate::broker::{BrokerError, Kind};
use crate::store::Tail;

const ANSWER: Duration = Duration::from_secs(10);
/// How long a topic may be silent while it is read.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a pending transaction is checked.
const LOOK: Duration = Duration::from_millis(20);
/// How many records before its end are read first to find the last one: transaction markers are in between.
const BACK: i64 = 16;

/// The key under which the first partition's snapshots record the initial number of partitions.
pub(crate) const ORIGIN: &str = "origin";

/// A record of these topics, with its timestamp.
type Visit<'a> = &'a mut dyn FnMut(&RawRecord<'_>) -> Result<(), BrokerError>;

/// Clients outside the group that read its stored state.
pub(crate) struct InternalTopics {
    plan: Arc<Plan>,
    reader: Reader,
    uncommitted_client: Reader,
    /// The journal's partitions, as far as known.
    partitions: Cell<i32>,
}

impl InternalTopics {
    pub(crate) fn open(plan: &Arc<Plan>) -> Result<Self, BrokerError> {
        Ok(Self {
            plan: Arc::clone(plan),
            reader: reader(&plan.connections.kafka)?,
            uncommitted_client: uncommitted_client(&plan.connections.kafka)?,
            partitions: Cell::new(0),
        })
    }

    fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        let failure =
            failure_of(doing, error, self.plan.connections.kafka.brokers(), self.reader.context().reason().as_deref());
        if is_transient(error) || leaderless(error) {
            BrokerError { kind: Kind::Unreachable, ..failure }
        } else {
            failure
        }
    }

    fn bounds(&self, client: &Reader, topic: &str, partition: i32) -> Result<(i64, i64), BrokerError> {
        let doing = format!("asking for the ends of {topic}-{partition}");
        client.fetch_watermarks(topic, partition, ANSWER).map_err(|error| self.failure(&doing, &error))
    }

    /// The number of partitions of a topic.
    pub(crate) fn count(&self, topic: &str) -> Result<i32, BrokerError> {
        let metadata = self.reader.fetch_metadata(Some(topic), ANSWER);
        let metadata = metadata.map_err(|error| self.failure(&format!("asking for topic {topic}"), &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let count = found.and_then(|found| i32::try_from(found.partitions().len()).ok());
        count.ok_or_else(|| BrokerError::new(Kind::Topic, format!("the topic `{topic}` does not exist")))
    }

    /// Waits until no transaction that was begun before is pending.
    pub(crate) fn settle(&self, partition: &Partition, wanted: &dyn Fn() -> bool) -> Result<(), BrokerError> {
        if !self.plan.journals() {
            return Ok(());
        }
        let topic = self.plan.journal_topic();
        self.reach(&topic, partition.number)?;
        let (_, seen) = self.bounds(&self.uncommitted_client, &topic, partition.number)?;
        let mut told = Instant::now();
        while self.bounds(&self.reader, &topic, partition.number)?.1 < seen && wanted() {
            if told.elapsed() > ANSWER {
                told = Instant::now();
                tracing::warn!(name: "partition_waits", partition = %partition, "{partition} cannot be opened yet: a transaction of the member before is still pending");
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Ensures that the group's topics have a partition that the input has gained.
    fn reach(&self, journal: &str, partition: i32) -> Result<(), BrokerError> {
        if self.partitions.get() <= partition {
            let metadata = self.reader.fetch_metadata(Some(journal), ANSWER);
            let metadata = metadata.map_err(|error| self.failure("asking for the journal", &error))?;
            let found = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
            self.partitions.set(i32::try_from(found).unwrap_or(i32::MAX));
        }
        if self.partitions.get() <= partition { topic_administrator::grow(&self.plan, partition) } else { Ok(()) }
    }

    /// The group's committed position in a partition of an input, once no pending transaction would move it.
    fn committed(&self, partition: &Partition) -> Result<Option<Position>, BrokerError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.topic, partition.number);
        let found = self.reader.committed_offsets(list, ANSWER);
        let found = found.map_err(|error| self.failure("asking for the group's offsets", &error))?;
        Ok(match found.find_partition(&partition.topic, partition.number).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Some(position_of(offset)),
            _ => None,
        })
    }

    /// The last journal entry, and the group's positions.
    pub(crate) fn tail(&self, partition: &Partition) -> Result<Tail, BrokerError> {
        let mut committed = Positions::default();
        for input in &self.plan.inputs {
            let position = self.committed(&partition.beside(input))?;
            position.into_iter().for_each(|position| committed.set(input, position));
        }
        let mut sequence = None;
        if self.plan.journals() {
            let topic = self.plan.journal_topic();
            let (first, end) = self.bounds(&self.reader, &topic, partition.number)?;
            let mut back = BACK;
            while sequence.is_none() && end > first {
                let from = first.max(end - back);
                self.visit(&topic, partition.number, position_of(from), &|| true, &mut |record| {
                    sequence = Some(entry(&topic, record)?.sequence);
                    Ok(())
                })?;
                if from == first {
                    break;
                }
                back *= BACK;
            }
        }
        Ok(Tail { sequence, committed })
    }

    /// What is kept of a partition, settled before, with the journal since the newest snapshot that is usable; all of it where
    /// there is none.
    pub(crate) fn read_since(
        &self,
        partition: &Partition,
        usable: &dyn Fn(&Manifest) -> bool,
        wanted: &dyn Fn() -> bool,
    ) -> Result<StoredState, BrokerError> {
        let inputs = self.plan.inputs.iter().map(|input| self.input(&partition.beside(input)));
        let inputs = inputs.collect::<Result<_, BrokerError>>()?;
        let mut slots = Slots::default();
        let mut entries = Vec::new();
        if self.plan.journals() {
            slots = self.slots(partition.number, wanted)?;
            let topic = self.plan.journal_topic();
            let (begin, _) = self.bounds(&self.reader, &topic, partition.number)?;
            let begin = position_of(begin);
            let newest = slots.valid().into_iter().find(|manifest| usable(manifest));
            let from = newest.map_or(begin, |manifest| manifest.journal.max(begin));
            self.visit(&topic, partition.number, from, wanted, &mut |record| {
                entries.push(entry(&topic, record)?);
                Ok(())
            })?;
        }
        Ok(StoredState { slots, entries, inputs, settled: true })
    }

    fn input(&self, partition: &Partition) -> Result<StoredInput, BrokerError> {
        let committed = self.committed(partition)?;
        let (first, end) = self.bounds(&self.reader, &partition.topic, partition.number)?;
        let start = match self.plan.start {
            Start::Latest if !self.appeared_later(partition.number)? => end,
            _ => first,
        };
        let name = Arc::clone(&partition.topic);
        Ok(StoredInput { name, committed, first: position_of(first), start: position_of(start) })
    }

    /// The snapshots of a partition.
    pub(crate) fn slots(&self, partition: i32, wanted: &dyn Fn() -> bool) -> Result<Slots, BrokerError> {
        let mut slots = Slots::default();
        let topic = self.plan.state_topic();
        let (begin, _) = self.bounds(&self.reader, &topic, partition)?;
        self.visit(&topic, partition, position_of(begin), wanted, &mut |record| {
            slots.take(record.key.unwrap_or_default(), record.value);
            if let (Some(key), Some(timestamp)) = (record.key, record.timestamp) {
                slots.written_at(key, timestamp);
            }
            Ok(())
        })?;
        Ok(slots)
    }

    /// Whether a partition did not exist when the group began: it is read from its beginning, wherever others began.
    fn appeared_later(&self, partition: i32) -> Result<bool, BrokerError> {
        if !self.plan.journals() {
            return Ok(false);
        }
        Ok(self.origin()?.is_some_and(|count| partition >= count))
    }

    /// The initial number of partitions.
    pub(crate) fn origin(&self) -> Result<Option<i32>, BrokerError> {
        let mut origin = None;
        let topic = self.plan.state_topic();
        let (begin, _) = self.bounds(&self.reader, &topic, 0)?;
        self.visit(&topic, 0, position_of(begin), &|| true, &mut |record| {
            if record.key == Some(ORIGIN.as_bytes()) {
                origin = record.value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
            }
            Ok(())
        })?;
        Ok(origin)
    }

    /// Every committed record of a partition from a position to its current end.
    pub(crate) fn visit(
        &self,
        topic: &str,
        partition: i32,
        from: Position,
        wanted: &dyn Fn() -> bool,
        visit: Visit<'_>,
    ) -> Result<(), BrokerError> {
        let (first, end) = self.bounds(&self.reader, topic, partition)?;
        if from >= position_of(end) {
            return Ok(());
        }
        let doing = format!("reading {topic}-{partition}");
        let failed = |error: KafkaError| self.failure(&doing, &error);
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(topic, partition, offset_of(from.max(position_of(first))));
        added.and_then(|()| self.reader.assign(&list)).map_err(failed)?;
        let mut heard = Instant::now();
        while wanted() {
            match self.reader.poll(LOOK) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if message.topic() != topic || message.partition() != partition {
                        continue;
                    }
                    visit(&record_of(&message))?;
                    if message.offset() + 1 >= end {
                        break;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if is_transient(&error) && heard.elapsed() < SILENCE => {}
                Some(Err(error)) => return Err(failed(error)),
                None if heard.elapsed() > SILENCE => {
                    return Err(BrokerError::new(Kind::Unreachable, format!("{doing}: no answer")));
                }
                None => {}
            }
        }
        // Not to be confused with the next read.
        self.reader.unassign().map_err(failed)
    }
}

/// A record without its headers.
fn record_of<'a>(message: &'a BorrowedMessage<'_>) -> RawRecord<'a> {
    RawRecord {
        position: position_of(message.offset()),
        timestamp: message.timestamp().to_millis(),
        key: message.key(),
        value: message.payload(),
        headers: &[],
    }
}

fn entry(topic: &str, record: &RawRecord<'_>) -> Result<Entry, BrokerError> {
    Entry::decode(record.value.unwrap_or_default()).map_err(|error| {
        let message = format!(
            "topic {topic}, offset {}: this is no entry of a journal ({error}). Where something else writes into this topic, \
             give the pipeline a `group.id` of its own under `kafka:`; else `gristmill state reset FILE` deletes the topic \
             and starts over",
            record.position
        );
        BrokerError::new(Kind::Topic, message)
    })
}
