//! Finds what a group keeps of a shard, in a thread of its own: the member goes on meanwhile.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use gristmill::protocol::CommitOutcome;
use gristmill::resources::RunnablePlan;
use gristmill::rows::Partition;

use crate::broker::{BrokerError, Kind};
use crate::commit::PartitionCommit;
use crate::committer::{CommitterError, Found, Known};
use crate::lock::lock;
use crate::restore::{outcome_of, reopen, unchanged};
use crate::store::{OpenStore, StateStore};

/// How long to wait before brokers that do not answer are asked again.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

type Results = BTreeMap<Partition, (u64, Option<Result<Found, CommitterError>>)>;

/// A handle to the thread. Clones share the thread.
#[derive(Clone)]
pub(crate) struct StateLoader {
    open: OpenStore,
    requests: Sender<(Partition, Option<Known>, u64)>,
    results: Arc<Mutex<Results>>,
    asked: u64,
}

impl StateLoader {
    /// Begins to wait for requests; `open` opens the store, anew after each failure.
    pub(crate) fn start(plan: RunnablePlan, open: OpenStore) -> Result<Self, CommitterError> {
        let (requests, todo) = channel::<(Partition, Option<Known>, u64)>();
        let results: Arc<Mutex<Results>> = Arc::default();
        let (found, own) = (Arc::clone(&results), Arc::clone(&open));
        let body = move || {
            let mut store = None;
            for (partition, known, number) in todo {
                let wanted = || lock(&found).get(&partition).is_some_and(|(asked, _)| *asked == number);
                let result = find(&plan, &own, &mut store, &partition, known.as_ref(), &wanted);
                let mut found = lock(&found);
                if let (Some((asked, slot)), Some(result)) = (found.get_mut(&partition), result)
                    && *asked == number
                {
                    *slot = Some(result);
                }
            }
        };
        let thread = std::thread::Builder::new().name("loader".into()).spawn(body);
        thread.map_err(|error| BrokerError::new(Kind::Other, format!("a thread cannot be started: {error}")))?;
        Ok(Self { open, requests, results, asked: 0 })
    }

    pub(crate) fn load_state(
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
                // The thread lives as long as its handles.
                let _ = self.requests.send((partition.clone(), known, self.asked));
                Ok(None)
            }
        }
    }

    pub(crate) fn forget(&mut self, partition: &Partition) {
        lock(&self.results).remove(partition);
    }

    /// The outcome of a part whose commit was interrupted; no transaction is pending any more.
    pub(crate) fn commit_outcome(&self, part: &PartitionCommit) -> Result<CommitOutcome, CommitterError> {
        let store = (self.open)()?;
        // A transaction that another member has left open hides what is committed behind it.
        store.settle(&part.partition, &|| true)?;
        let tail = store.tail(&part.partition)?;
        Ok(outcome_of(part, tail.sequence, &tail.committed))
    }
}

/// The result; none if it is no longer needed.
fn find(
    plan: &RunnablePlan,
    open: &OpenStore,
    store: &mut Option<Box<dyn StateStore>>,
    partition: &Partition,
    known: Option<&Known>,
    wanted: &dyn Fn() -> bool,
) -> Option<Result<Found, CommitterError>> {
    loop {
        if !wanted() {
            return None;
        }
        let opened = store.take().map_or_else(|| open(), Ok);
        let found = opened.and_then(|opened| attempt(plan, &**store.insert(opened), partition, known, wanted));
        match found {
            Ok(Some(found)) => return Some(Ok(found)),
            Ok(None) => {}
            Err(error) if error.broker().is_some_and(|failure| failure.kind == Kind::Unreachable) => {
                tracing::warn!(name: "partition_waits", partition = %partition, reason = %error, "{partition} cannot be opened yet: {error}; trying again");
                // A client that has failed is replaced.
                *store = None;
                std::thread::sleep(AGAIN);
            }
            Err(error) => return Some(Err(error)),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn attempt(
    plan: &RunnablePlan,
    store: &dyn StateStore,
    partition: &Partition,
    known: Option<&Known>,
    wanted: &dyn Fn() -> bool,
) -> Result<Option<Found>, CommitterError> {
    store.settle(partition, wanted)?;
    if let Some(known) = known {
        let tail = store.tail(partition)?;
        if unchanged(plan, known, tail.sequence, &tail.committed) {
            return Ok(Some(Found::Unchanged));
        }
    }
    reopen(plan, partition, &store.read(partition, wanted)?)
}
