//! What a group keeps in topics, for those who load it and for the commands that look at it or change it.

use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::protocol::{Manifest, StoredState};
use gristmill::rows::{Partition, Position};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::replay_reader::ReplayReader;
use super::{InternalTopics, KafkaSink, PlainContext, failure_of, offset_of, offsets_client, transactional};
use crate::broker::{BrokerError, Kind};
use crate::commit::{PIECE, PartitionCommit};
use crate::committer::CommitterError;
use crate::sink::SinkError;
use crate::store::{Past, StateStore, Tail, Wanted};

const ANSWER: Duration = Duration::from_secs(10);

/// The group's topics.
pub(super) struct TopicStore {
    plan: Arc<Plan>,
    topics: InternalTopics,
}

impl TopicStore {
    pub(super) fn open(plan: &Arc<Plan>) -> Result<Self, BrokerError> {
        Ok(Self { plan: Arc::clone(plan), topics: InternalTopics::open(plan)? })
    }
}

impl StateStore for TopicStore {
    fn partitions(&self) -> Result<Vec<Partition>, CommitterError> {
        let name = self.plan.input_name();
        Ok((0..self.topics.count(name)?).map(|number| Partition::new(name, number)).collect())
    }

    fn settle(&self, partition: &Partition, wanted: Wanted<'_>) -> Result<(), CommitterError> {
        Ok(self.topics.settle(partition, wanted)?)
    }

    fn tail(&self, partition: &Partition) -> Result<Tail, CommitterError> {
        Ok(self.topics.tail(partition)?)
    }

    fn read_since(
        &self,
        partition: &Partition,
        usable: &dyn Fn(&Manifest) -> bool,
        wanted: Wanted<'_>,
    ) -> Result<StoredState, CommitterError> {
        Ok(self.topics.read_since(partition, usable, wanted)?)
    }

    fn past(&self) -> Result<Box<dyn Past>, CommitterError> {
        Ok(Box::new(ReplayReader::new(Arc::clone(&self.plan))))
    }

    fn largest_piece(&self) -> usize {
        PIECE
    }

    fn install(&mut self, part: PartitionCommit) -> Result<(), CommitterError> {
        Ok(install(&self.plan, &part)?)
    }

    fn commit_position(&mut self, partition: &Partition, position: Position) -> Result<(), CommitterError> {
        Ok(commit_position(&self.plan, partition, position)?)
    }

    fn described(&self) -> (&'static str, String) {
        ("topics", format!("{}, {}", self.plan.journal_topic(), self.plan.state_topic()))
    }
}

fn failed(plan: &Plan, doing: &str, error: &rdkafka::error::KafkaError) -> BrokerError {
    failure_of(doing, error, plan.connections.kafka.brokers(), None)
}

/// Offsets can be committed from outside only while the group has no members.
pub(super) fn at_rest(plan: &Plan) -> Result<BaseConsumer<PlainContext>, BrokerError> {
    let offsets_client = offsets_client(&plan.connections.kafka, &plan.group)?;
    let mut list = TopicPartitionList::new();
    list.add_partition(plan.input_name(), 0);
    let doing = "asking for the group's offsets";
    let found = offsets_client.committed_offsets(list, ANSWER).map_err(|error| failed(plan, doing, &error))?;
    let known = found.elements().iter().any(|one| matches!(one.offset(), Offset::Offset(_)));
    if known && offsets_client.commit(&found, CommitMode::Sync).is_err() {
        let message = format!("group {} is at work: stop its members first (SIGTERM, or Ctrl-C)", plan.group);
        return Err(BrokerError::new(Kind::Other, message));
    }
    Ok(offsets_client)
}

/// Commits the group's position in a partition. The group must have no members.
fn commit_position(plan: &Plan, partition: &Partition, position: Position) -> Result<(), BrokerError> {
    let offsets_client = at_rest(plan)?;
    let mut list = TopicPartitionList::new();
    let added = list.add_partition_offset(&partition.topic, partition.number, offset_of(position));
    let committed = added.and_then(|()| offsets_client.commit(&list, CommitMode::Sync));
    committed.map_err(|error| failed(plan, "committing the group's position", &error))
}

fn install(plan: &Arc<Plan>, part: &PartitionCommit) -> Result<(), BrokerError> {
    let offsets_client = at_rest(plan)?;
    let producer = transactional(&plan.connections.kafka, &format!("{}-state", plan.group))?;
    let doing = "writing the state";
    let fail = |error: rdkafka::error::KafkaError| failed(plan, doing, &error);
    producer.init_transactions(ANSWER).map_err(fail)?;
    producer.begin_transaction().map_err(fail)?;
    let sink = KafkaSink::new(Arc::clone(plan), producer, Arc::new(|| false));
    let refused = |refusal| BrokerError::new(Kind::Other, SinkError::from(refusal).to_string());
    sink.state(part).map_err(refused)?;
    sink.delivered().map_err(refused)?;
    let mut list = TopicPartitionList::new();
    for (input, position) in part.positions.iter() {
        list.add_partition_offset(input, part.partition.number, offset_of(position)).map_err(fail)?;
    }
    let metadata = offsets_client.group_metadata();
    let metadata = metadata.ok_or_else(|| BrokerError::new(Kind::Other, "the group cannot be reached"))?;
    sink.producer.send_offsets_to_transaction(&list, &metadata, ANSWER).map_err(fail)?;
    sink.producer.commit_transaction(ANSWER).map_err(fail)
}
