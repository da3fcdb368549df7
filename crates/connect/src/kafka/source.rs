//! Records from Kafka, read as a member of a consumer group.

mod assigned;
mod comeback;
mod inputs;
mod lookout;
mod rebalance;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::rows::{Partition, Position, RawRows};
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use self::assigned::Assigned;
use self::comeback::{COMEBACKS, Comeback, WARNING_PAUSE};
use self::lookout::{Lookout, Sight};
use super::blocks::{BATCH, BATCH_BYTES, push};
use super::replay_reader::ReplayReader;
use super::{
    Consumer, GroupMember, Reader, connection_refused, consumer, failure_of, is_transient, offset_of, offsets_client,
    position_of,
};
use crate::broker::{BrokerError, Kind};
use crate::interleave::Interleaver;
use crate::source::{Ahead, Event, Reread, Source, SourceError};

/// For requests to the group's coordinator.
const ANSWER: Duration = Duration::from_secs(10);
/// How long librdkafka may take to start with a partition that was just assigned.
const BEGIN: Duration = Duration::from_secs(10);
/// How long records may wait for room before fetching is paused.
const NO_ROOM: Duration = Duration::from_secs(1);
/// How long brokers may be unreachable while partitions are being assigned: below `max.poll.interval.ms`, after which
/// the group would reassign the partitions anyway.
const OUTAGE: Duration = Duration::from_secs(240);

/// A partition of an input: the number of the input, and its own.
type InputPartition = (usize, i32);

/// A group member's input. Dropping it leaves the group.
pub(super) struct KafkaSource {
    plan: Arc<Plan>,
    member: usize,
    group_member: Arc<GroupMember>,
    consumer: Arc<Consumer>,
    outside: Reader,
    replay_reader: ReplayReader,
    events: VecDeque<Event>,
    /// The topics of a shard's inputs.
    topics: Vec<Arc<str>>,
    /// The records and bytes of the largest recent block.
    usual: (usize, usize),
    /// The partitions that are being read, and from where: records of others, or before that, are discarded.
    reading: BTreeMap<InputPartition, Position>,
    /// The partitions that were set to their position a second time.
    sought: BTreeSet<InputPartition>,
    /// What the group has assigned.
    assigned: Assigned,
    /// The shards that were accepted.
    held: BTreeSet<i32>,
    /// Puts the records of several inputs in order.
    interleaver: Interleaver,
    /// When the brokers were last asked whether an input was read to its end.
    asked_for_ends: Instant,
    /// The maximum number of records taken together, and the last number.
    batch: usize,
    taken: usize,
    lookout: Lookout,
    comeback: Option<Comeback>,
    /// How often the client was replaced since partitions were last assigned.
    comebacks: u32,
    /// Since when there is no room for records, and whether fetching is paused.
    backpressure: Option<(Instant, bool)>,
    /// Whether the broker may still turn out not to support the protocol.
    may_fall_back: bool,
    /// Whether it did.
    fell_back: bool,
    last_warning: Option<Instant>,
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.group_member.leave();
    }
}

impl KafkaSource {
    /// Joins the group as member number `member` of this process.
    pub(super) fn join(plan: Arc<Plan>, member: usize, group_member: Arc<GroupMember>) -> Result<Self, SourceError> {
        let consumer_protocol = plan.connections.kafka.consumer_protocol.unwrap_or(true);
        let consumer = subscribed(&plan, &group_member, member, consumer_protocol)?;
        let outside = offsets_client(&plan.connections.kafka, &plan.group)?;
        let may_fall_back = plan.connections.kafka.consumer_protocol.is_none();
        Ok(Self {
            replay_reader: ReplayReader::new(Arc::clone(&plan)),
            member,
            group_member,
            consumer,
            outside,
            events: VecDeque::new(),
            topics: plan.inputs.clone(),
            assigned: Assigned::new(plan.inputs.len()),
            interleaver: Interleaver::new(plan.inputs.len()),
            asked_for_ends: Instant::now(),
            usual: (0, 0),
            reading: BTreeMap::new(),
            sought: BTreeSet::new(),
            held: BTreeSet::new(),
            batch: BATCH,
            taken: 0,
            lookout: Lookout::new(),
            comeback: None,
            comebacks: 0,
            backpressure: None,
            may_fall_back,
            fell_back: false,
            last_warning: None,
            plan,
        })
    }

    fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        let context = self.consumer.context();
        let brokers = self.plan.connections.kafka.brokers();
        match context.reason() {
            Some(reason) if context.refused() => connection_refused(brokers, &reason),
            _ => failure_of(doing, error, brokers, None),
        }
    }

    fn cooperative(&self) -> bool {
        matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    fn partition(&self, (input, number): InputPartition) -> Partition {
        let topic = self.topics.get(input).map_or_else(|| "".into(), Arc::clone);
        Partition { topic, number }
    }

    /// The shards with these numbers, named after their first input.
    fn shards(&self, numbers: impl IntoIterator<Item = i32>) -> Vec<Partition> {
        numbers.into_iter().map(|number| self.partition((0, number))).collect()
    }

    /// The number of an input.
    fn input(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|known| **known == *topic)
    }

    fn input_partition(&self, partition: &Partition) -> Option<InputPartition> {
        Some((self.input(&partition.topic)?, partition.number))
    }

    fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&partition.topic, partition.number);
        }
        list
    }

    /// Handles an error of the poll loop: some are transient, some end the run.
    fn on_poll_error(&mut self, error: KafkaError) -> Result<(), SourceError> {
        if let KafkaError::PartitionEOF(number) = error {
            return self.on_end(number);
        }
        let failure = self.failure("reading from the group", &error);
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        if failure.kind == Kind::Protocol && self.may_fall_back {
            return self.fall_back();
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnreleasedInstanceId) if fatal => self.place_is_taken(),
            // How librdkafka 2.12 fails when the group has expelled a member for its silence.
            Some(RDKafkaErrorCode::InvalidRequest) if fatal && self.comebacks < COMEBACKS => {
                tracing::warn!(name: "member_rejoins", member = self.member, "member {}: the group has given it up: joining it anew", self.member);
                self.come_back(Duration::ZERO);
            }
            _ if fatal || matches!(failure.kind, Kind::Refused | Kind::Forbidden) => return Err(failure.into()),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => return Err(failure.into()),
            Some(RDKafkaErrorCode::PollExceeded) => self.was_too_slow(),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => self.lookout.suspect(),
            _ if failure.kind == Kind::Unreachable => self.lookout.outage.lasts(&failure),
            _ => self.warn(&failure),
        }
        Ok(())
    }

    /// Joins by the classic protocol.
    fn fall_back(&mut self) -> Result<(), SourceError> {
        tracing::warn!(name: "protocol_fell_back", "the broker does not offer the group protocol of KIP-848: using the classic one");
        self.may_fall_back = false;
        self.fell_back = true;
        self.group_member.leave();
        self.consumer = subscribed(&self.plan, &self.group_member, self.member, false)?;
        Ok(())
    }

    /// librdkafka recovers by itself; a warning now and then is enough.
    fn warn(&mut self, what: &dyn std::fmt::Display) {
        if self.last_warning.is_none_or(|last| last.elapsed() > WARNING_PAUSE) {
            let reason = self.consumer.context().reason().unwrap_or_default();
            tracing::warn!(name: "poll_failed", "{what} {reason}; trying again");
            self.last_warning = Some(Instant::now());
        }
    }

    fn consumer_protocol(&self) -> bool {
        self.plan.connections.kafka.consumer_protocol.unwrap_or(!self.fell_back)
    }

    /// Adds a message to the block of its partition; the partition, if it was read from the wrong position.
    fn place(&self, message: &BorrowedMessage<'_>, blocks: &mut Vec<RawRows>) -> Option<InputPartition> {
        // One topic is the usual case, and its name need not be looked at.
        let input = if self.topics.len() == 1 { 0 } else { self.input(message.topic())? };
        let at = (input, message.partition());
        let from = self.reading.get(&at)?;
        if position_of(message.offset()) < *from {
            return Some(at);
        }
        push(blocks, self.usual, self.topics.get(input)?, message);
        None
    }

    /// Takes what has arrived, up to a batch, and turns it into events in order.
    fn receive(&mut self, wait: Duration) -> Result<(), SourceError> {
        let mut blocks: Vec<RawRows> = Vec::new();
        let (mut count, mut bytes, mut wait) = (0, 0, wait);
        let (mut error, mut astray) = (None, None);
        while count < self.batch && bytes < BATCH_BYTES && !self.consumer.context().waiting() {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    bytes += message.payload_len() + 64;
                    count += 1;
                    astray = self.place(&message, &mut blocks).or(astray);
                }
                Some(Err(found)) => {
                    error = Some(found);
                    break;
                }
                None => break,
            }
            wait = Duration::ZERO;
        }
        // The member's work meanwhile was on these: an error that arrives alone is about them.
        let before = std::mem::replace(&mut self.taken, count);
        if error.is_some() {
            self.taken = self.taken.max(before);
        }
        let astray = astray.filter(|at| self.sought.insert(*at));
        if let Some((at, from)) = astray.and_then(|at| Some((at, *self.reading.get(&at)?))) {
            // A partition that was just assigned may start at its beginning after all: seek again. Only once: a seek
            // itself delivers some records a second time.
            let partition = self.partition(at);
            let again = self.consumer.seek(&partition.topic, partition.number, offset_of(from), Duration::ZERO);
            tracing::debug!("{partition} is set to {from} once more: {again:?}");
        }
        let sizes = blocks.iter().map(|block| (block.len(), block.size()));
        self.usual = sizes.max().unwrap_or_default();
        for block in blocks {
            let Some(at) = self.input_partition(&block.partition) else { continue };
            self.reading.entry(at).and_modify(|from| *from = block.next().unwrap_or(*from));
            self.received(at, block);
        }
        error.map_or(Ok(()), |error| self.on_poll_error(error))
    }
}

fn subscribed(
    plan: &Plan,
    group_member: &GroupMember,
    member: usize,
    consumer_protocol: bool,
) -> Result<Arc<Consumer>, SourceError> {
    group_member.join(consumer(plan, member, consumer_protocol)?);
    let gone = || BrokerError::new(Kind::Other, "the member has left its group");
    let consumer = group_member.consumer().ok_or_else(gone)?;
    let topics: Vec<&str> = plan.inputs.iter().map(|topic| &**topic).collect();
    consumer
        .subscribe(&topics)
        .map_err(|error| failure_of("joining the group", &error, plan.connections.kafka.brokers(), None))?;
    Ok(consumer)
}

impl Source for KafkaSource {
    fn poll(&mut self, wait: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        if !self.comes_back(wait)? {
            return Ok(self.events.pop_front());
        }
        let generation = self.consumer_protocol();
        if let Sight::Gone = self.lookout.look(&self.plan, self.member, generation, &self.outside)? {
            return Ok(Some(Event::Gone));
        }
        if room {
            self.release_backpressure()?;
        } else {
            self.apply_backpressure()?;
        }
        if room && self.events.is_empty() && !self.consumer.context().waiting() {
            self.receive(wait)?;
            self.interleave()?;
        }
        if room && let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let Some(change) = self.consumer.context().next() else { return Ok(None) };
        // Once there is an assignment, the protocol is known to work.
        self.may_fall_back = false;
        self.rebalance(change)
    }

    fn accept(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.held.extend(partitions.iter().map(|partition| partition.number));
        self.lookout.holds(!self.held.is_empty());
        self.comebacks = 0;
        Ok(())
    }

    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError> {
        // Earlier queued records are discarded: the position counts.
        self.events.retain(|event| !matches!(event, Event::Rows(rows) if rows.partition == *partition));
        let began = Instant::now();
        let seek = || self.consumer.seek(&partition.topic, partition.number, offset_of(position), ANSWER);
        while let Err(error) = seek() {
            // A partition that was just assigned may not have started yet.
            if began.elapsed() > BEGIN {
                return Err(self.failure(&format!("reading {partition} from {position} on"), &error).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(at) = self.input_partition(partition) {
            self.reading.insert(at, position);
            self.sought.remove(&at);
            self.interleaver.restart(at.0, at.1);
        }
        let resumed = self.consumer.resume(&self.list(std::slice::from_ref(partition)));
        resumed.map_err(|error| self.failure("reading on", &error).into())
    }

    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError> {
        if let Some(at) = self.input_partition(partition) {
            self.reading.remove(&at);
            self.stop_waiting_for(at);
        }
        let paused = self.consumer.pause(&self.list(std::slice::from_ref(partition)));
        paused.map_err(|error| self.failure("pausing a partition", &error).into())
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.held.retain(|number| !partitions.iter().any(|partition| partition.number == *number));
        self.lookout.holds(!self.held.is_empty());
        if let Some(comeback) = &mut self.comeback {
            // Its group has forgotten the client that would acknowledge it.
            comeback.released = true;
            return Ok(());
        }
        let released = |partition: &Partition| partitions.iter().any(|shard| shard.number == partition.number);
        // Not all partitions of a shard need be revoked: the others are kept, and not read.
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        let kept: Vec<Partition> = self.assigned.left_of(&numbers).map(|at| self.partition(at)).collect();
        if !kept.is_empty() {
            let paused = self.consumer.pause(&self.list(&kept));
            paused.map_err(|error| self.failure("pausing a partition", &error))?;
        }
        self.reading.retain(|(_, number), _| !numbers.contains(number));
        numbers.iter().for_each(|number| self.interleaver.forget(*number));
        // Records that were already queued belong to another member now.
        self.events.retain(|event| match event {
            Event::Rows(rows) => !released(&rows.partition),
            Event::CaughtUp(partition) => !released(partition),
            _ => true,
        });
        self.acknowledge()
    }

    fn rejoin(&mut self) -> Result<(), SourceError> {
        self.group_member.leave();
        self.consumer = subscribed(&self.plan, &self.group_member, self.member, self.consumer_protocol())?;
        self.comeback = None;
        self.held.clear();
        self.assigned = Assigned::new(self.topics.len());
        self.interleaver.clear();
        self.lookout.holds(false);
        self.events.clear();
        self.reading.clear();
        self.sought.clear();
        self.backpressure = None;
        Ok(())
    }

    fn lost(&self) -> bool {
        self.comeback.is_some() || self.consumer.assignment_lost()
    }

    fn reread(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        Ok(self.replay_reader.read(partition, from, to)?)
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<Position>>, SourceError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let ask = || self.outside.committed_offsets(self.list(partitions), ANSWER);
        let found = self.retry("asking for the group's offsets", OUTAGE, ask)?;
        let offset = |partition: &Partition| match found.find_partition(&partition.topic, partition.number)?.offset() {
            Offset::Offset(offset) => Some(position_of(offset)),
            _ => None,
        };
        Ok(partitions.iter().map(offset).collect())
    }

    fn skip_control_records(
        &mut self,
        partition: &Partition,
        position: Position,
        to: Option<Position>,
    ) -> Result<Ahead, SourceError> {
        Ok(self.replay_reader.skip_control_records(partition, position, to)?)
    }
}

impl KafkaSource {
    /// Without room no records are taken; after a while fetching is paused, since a member must continue to poll.
    fn apply_backpressure(&mut self) -> Result<(), SourceError> {
        let (since, told) = *self.backpressure.get_or_insert((Instant::now(), false));
        if since.elapsed() < NO_ROOM {
            return Ok(());
        }
        if !told {
            self.backpressure = Some((since, true));
            let paused = self.consumer.pause(&self.list(&self.read_now()));
            paused.map_err(|error| self.failure("pausing", &error))?;
        }
        self.receive(Duration::ZERO)
    }

    fn release_backpressure(&mut self) -> Result<(), SourceError> {
        match self.backpressure.take() {
            Some((_, true)) => {
                let resumed = self.consumer.resume(&self.list(&self.read_now()));
                resumed.map_err(|error| self.failure("reading on", &error).into())
            }
            _ => Ok(()),
        }
    }

    fn read_now(&self) -> Vec<Partition> {
        self.reading.keys().map(|at| self.partition(*at)).collect()
    }

    /// Retries while the group changes, its coordinator moves or no broker answers, up to a limit.
    fn retry<T>(
        &self,
        doing: &str,
        longest: Duration,
        mut ask: impl FnMut() -> Result<T, KafkaError>,
    ) -> Result<T, BrokerError> {
        let began = Instant::now();
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let failure = self.failure(doing, &error);
                    let unreachable = failure.kind == Kind::Unreachable;
                    if !(unreachable || is_transient(&error)) || began.elapsed() > longest {
                        return Err(failure);
                    }
                    if unreachable {
                        tracing::warn!(name: "subscription_retried", "{failure}; trying again");
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}
