//! Answers changes of the group's assignment.

use gristmill::rows::Partition;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::{InputPartition, KafkaSource};
use crate::kafka::Rebalance;
use crate::source::{Assignment, Event, SourceError};

impl KafkaSource {
    /// Answers a change of the assignment as far as the member has nothing to do with it. A shard is the member's while it
    /// has the partitions of all inputs.
    pub(super) fn rebalance(&mut self, change: Rebalance) -> Result<Option<Event>, SourceError> {
        let numbered = |list: Vec<(String, i32)>| -> Vec<InputPartition> {
            list.into_iter().filter_map(|(topic, number)| Some((self.input(&topic)?, number))).collect()
        };
        match change {
            Rebalance::Assign(list) => {
                let partitions = numbered(list);
                self.take(&partitions)?;
                let whole = self.assigned.add(&partitions);
                let shards = self.shards(whole);
                let assigned = shards.into_iter().map(|partition| Assignment { partition, headers: Vec::new() });
                let assigned: Vec<Assignment> = assigned.collect();
                Ok((!assigned.is_empty() || self.topics.len() == 1).then_some(Event::Assigned(assigned)))
            }
            Rebalance::Revoke { partitions, lost } => {
                let partitions = numbered(partitions);
                let broken = self.assigned.remove(partitions);
                let shards = self.shards(broken);
                if shards.is_empty() {
                    let revoked = self.assigned.acknowledged_at_once();
                    self.unassign(&revoked)?;
                    return Ok(None);
                }
                Ok(Some(if lost { Event::Lost(shards) } else { Event::Revoked(shards) }))
            }
        }
    }

    /// Takes partitions without reading them yet.
    fn take(&self, partitions: &[InputPartition]) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let Partition { topic, number } = self.partition(*partition);
            let added = list.add_partition_offset(&topic, number, Offset::Beginning);
            added.map_err(|error| self.failure("taking partitions", &error))?;
        }
        let answer =
            if self.cooperative() { self.consumer.incremental_assign(&list) } else { self.consumer.assign(&list) };
        let answer = answer.and_then(|()| self.consumer.pause(&list));
        Ok(answer.map_err(|error| self.failure("taking partitions", &error))?)
    }

    /// Acknowledges the earliest revocation.
    pub(super) fn acknowledge(&mut self) -> Result<(), SourceError> {
        let revoked = self.assigned.acknowledged();
        self.unassign(&revoked)
    }

    fn unassign(&self, revoked: &[InputPartition]) -> Result<(), SourceError> {
        let partitions: Vec<Partition> = revoked.iter().map(|partition| self.partition(*partition)).collect();
        let answer = if self.cooperative() {
            self.consumer.incremental_unassign(&self.list(&partitions))
        } else {
            self.consumer.unassign()
        };
        Ok(answer.map_err(|error| self.failure("giving partitions up", &error))?)
    }
}
