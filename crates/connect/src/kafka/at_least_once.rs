//! At least once on Kafka: outputs are flushed, then the journal, then offsets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, CommitOutcome};
use gristmill::rows::{Partition, Position};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::producer::Producer as _;

use super::{GroupMember, KafkaSink, failure_of, is_transient, offset_of, producer};
use crate::broker::{BrokerError, Kind};
use crate::commit::Commit;
use crate::commit_thread::BlockingCommitter;
use crate::committer::CommitterError;
use crate::sink::{Sink, Stopped};
use crate::state_loader::StateLoader;

/// How long a commit that blocks a revocation or a stop is retried.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct AtLeastOnceCommitter {
    plan: Arc<Plan>,
    group_member: Arc<GroupMember>,
    sinks: Vec<Box<dyn Sink>>,
    kafka: KafkaSink,
    /// The newest position of each partition: a commit during a rebalance fails, and the next one makes up for it.
    wanted: BTreeMap<Partition, Position>,
}

impl AtLeastOnceCommitter {
    pub(super) fn new(
        plan: Arc<Plan>,
        group_member: Arc<GroupMember>,
        sinks: Vec<Box<dyn Sink>>,
        stopped: Stopped,
    ) -> Result<Self, CommitterError> {
        let kafka = KafkaSink::new(Arc::clone(&plan), producer(&plan.connections.kafka)?, stopped);
        Ok(Self { plan, group_member, sinks, kafka, wanted: BTreeMap::new() })
    }

    fn offsets(&mut self, urgent: bool) -> Result<(), BrokerError> {
        let Some(consumer) = self.group_member.consumer() else { return Ok(()) };
        let brokers = self.plan.connections.kafka.brokers();
        let mut list = TopicPartitionList::with_capacity(self.wanted.len());
        for (Partition { topic, number }, position) in &self.wanted {
            let added = list.add_partition_offset(topic, *number, offset_of(*position));
            added.map_err(|error| failure_of("committing", &error, brokers, None))?;
        }
        let mode = if urgent { CommitMode::Sync } else { CommitMode::Async };
        let began = Instant::now();
        while let Err(error) = consumer.commit(&list, mode) {
            let failure = failure_of("committing positions", &error, brokers, None);
            if failure.kind == Kind::Refused {
                return Err(failure);
            }
            if !is_transient(&error) || began.elapsed() > PATIENCE {
                // The next owner reads the records again: at least once is kept.
                tracing::warn!(name: "offsets_not_committed", "{failure}; what was not committed will be read again");
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl BlockingCommitter for AtLeastOnceCommitter {
    fn commit(&mut self, commit: &Commit) -> Result<(Answer, Vec<(Partition, Position)>), CommitterError> {
        for part in &commit.parts {
            self.kafka.write(part)?;
            self.sinks.iter_mut().try_for_each(|sink| sink.write(part))?;
        }
        self.kafka.flush()?;
        self.sinks.iter_mut().try_for_each(|sink| sink.flush())?;
        self.kafka.keep(&commit.parts)?;
        let entries = self.kafka.producer.context().take_entries();
        // Partitions that are no longer ours are committed by their owners.
        let consumer = self.group_member.consumer();
        let ours = consumer.and_then(|consumer| consumer.assignment().ok()).unwrap_or_default();
        self.wanted.retain(|partition, _| ours.find_partition(&partition.topic, partition.number).is_some());
        for part in &commit.parts {
            let positions = part.positions.iter();
            self.wanted.extend(positions.map(|(input, position)| (part.partition.beside(input), position)));
        }
        self.offsets(commit.urgent)?;
        Ok((Answer::Done, commit.places(&entries)))
    }

    fn resolve_outcome(
        &mut self,
        commit: &Commit,
        _: &StateLoader,
    ) -> Result<Vec<(Partition, CommitOutcome)>, CommitterError> {
        // Every commit is answered with `Done` or ends the run, so there is never an outcome to resolve.
        Ok(commit.parts.iter().map(|part| (part.partition.clone(), CommitOutcome::Committed)).collect())
    }
}
