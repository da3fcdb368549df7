//! Finds what a group's topics hold of a partition, in a thread of its own: the member goes on meanwhile.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use gristmill::plan::Plan;
use gristmill::protocol::{CommitOutcome, StoredState};
use gristmill::rows::Partition;

use super::{CommitterError, Found, Known, PartitionCommit, outcome_of, reopen, unchanged};
use crate::kafka::{InternalTopics, KafkaFailure, Kind};

/// How long to wait before brokers that do not answer are asked again.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

type Results = BTreeMap<Partition, (u64, Option<Result<Found, CommitterError>>)>;

/// Asks the thread. Clones ask the same one.
#[derive(Clone)]
pub(super) struct StateLoader {
    plan: Arc<Plan>,
    requests: Sender<(Partition, Option<Known>, u64)>,
    results: Arc<Mutex<Results>>,
    asked: u64,
}

fn lock(results: &Mutex<Results>) -> std::sync::MutexGuard<'_, Results> {
    results.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StateLoader {
    pub(super) fn start(plan: Arc<Plan>) -> Result<Self, CommitterError> {
        let (requests, todo) = channel::<(Partition, Option<Known>, u64)>();
        let results: Arc<Mutex<Results>> = Arc::default();
        let (found, own) = (Arc::clone(&results), Arc::clone(&plan));
        let body = move || {
            let mut topics = None;
            for (partition, known, number) in todo {
                let wanted = || lock(&found).get(&partition).is_some_and(|(asked, _)| *asked == number);
                let result = find(&own, &mut topics, &partition, known.as_ref(), &wanted);
                let mut found = lock(&found);
                if let (Some((asked, slot)), Some(result)) = (found.get_mut(&partition), result)
                    && *asked == number
                {
                    *slot = Some(result);
                }
            }
        };
        let thread = std::thread::Builder::new().name("loader".into()).spawn(body);
        thread.map_err(|error| KafkaFailure::new(Kind::Other, format!("a thread cannot be started: {error}")))?;
        Ok(Self { plan, requests, results, asked: 0 })
    }

    pub(super) fn load_state(
        &mut self,
        partition: &Partition,
        known: Option<Known>,
    ) -> Result<Option<Found>, CommitterError> {
        let mut results = lock(&self.results);
        match results.get_mut(partition) {
            Some((_, result)) => match result.take() {
                Some(result) => {
                    results.remove(partition);
                    result.map(Some)
                }
                None => Ok(None),
            },
            None => {
                self.asked += 1;
                results.insert(partition.clone(), (self.asked, None));
                // The thread lives as long as somebody may ask it.
                let _ = self.requests.send((partition.clone(), known, self.asked));
                Ok(None)
            }
        }
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        lock(&self.results).remove(partition);
    }

    /// What became of a part whose commit was cut off; nothing is pending any more.
    pub(super) fn commit_outcome(&self, part: &PartitionCommit) -> Result<CommitOutcome, KafkaFailure> {
        let topics = InternalTopics::open(&self.plan)?;
        // A transaction that somebody else has left open hides what is committed behind it.
        topics.settle(&part.partition, &|| true)?;
        let tail = topics.tail(&part.partition)?;
        Ok(outcome_of(part, tail.sequence, &tail.committed))
    }
}

/// What was found; nothing where it is not wanted any more.
fn find(
    plan: &Arc<Plan>,
    topics: &mut Option<InternalTopics>,
    partition: &Partition,
    known: Option<&Known>,
    wanted: &dyn Fn() -> bool,
) -> Option<Result<Found, CommitterError>> {
    loop {
        if !wanted() {
            return None;
        }
        let found = attempt(plan, topics, partition, known, wanted);
        match found {
            Ok(Some(found)) => return Some(Ok(found)),
            Ok(None) => {}
            Err(CommitterError::Sink(crate::sink::SinkError::Kafka(failure))) if failure.kind == Kind::Unreachable => {
                tracing::warn!("{partition} cannot be opened yet: {failure}; trying again");
                // A client that lost its way is made anew.
                *topics = None;
                std::thread::sleep(AGAIN);
            }
            Err(error) => return Some(Err(error)),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn attempt(
    plan: &Arc<Plan>,
    topics: &mut Option<InternalTopics>,
    partition: &Partition,
    known: Option<&Known>,
    wanted: &dyn Fn() -> bool,
) -> Result<Option<Found>, CommitterError> {
    let topics = match topics {
        Some(topics) => topics,
        None => topics.insert(InternalTopics::open(plan)?),
    };
    topics.settle(partition, wanted)?;
    if let Some(known) = known {
        let tail = topics.tail(partition)?;
        if unchanged(plan, known, tail.sequence, &tail.committed) {
            return Ok(Some(Found::Unchanged));
        }
    }
    let kept: StoredState = topics.read(partition, wanted)?;
    reopen(plan, partition, &kept)
}
