//! The committer of a pipeline over a file: outputs through sinks, the rest in a folder, if there is one.

use std::sync::Arc;
use std::time::Duration;

use gristmill::protocol::{Answer, CommitOutcome, StoredInput, StoredState};
use gristmill::resources::RunnablePlan;
use gristmill::rows::Partition;

use super::StateFolder;
use crate::commit::{Commit, PartitionCommit};
use crate::committer::{Answered, Committer, CommitterError, Found, Known};
use crate::restore::reopen;
use crate::sink::Sink;

/// Commits and answers synchronously.
pub(super) struct FileCommitter {
    plan: RunnablePlan,
    sinks: Vec<Box<dyn Sink>>,
    folder: Option<StateFolder>,
    answered: Option<Answered>,
}

impl FileCommitter {
    /// Writes to these sinks; stores the rest in the folder, if there is one.
    pub(super) fn new(plan: RunnablePlan, sinks: Vec<Box<dyn Sink>>, folder: Option<StateFolder>) -> Self {
        Self { plan, sinks, folder, answered: None }
    }
}

impl Committer for FileCommitter {
    fn load_state(&mut self, partition: &Partition, _: Option<Known>) -> Result<Option<Found>, CommitterError> {
        let stored = match &mut self.folder {
            Some(folder) => folder.stored(partition, &self.plan.inputs)?,
            None => {
                let input = |name: &Arc<str>| StoredInput { name: Arc::clone(name), ..StoredInput::default() };
                let inputs = self.plan.inputs.iter().map(input).collect();
                StoredState { inputs, settled: true, ..StoredState::default() }
            }
        };
        reopen(&self.plan, partition, &stored)
    }

    fn forget(&mut self, _: &Partition) {}

    fn prewrite(&mut self, _: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        Ok(())
    }

    fn send(&mut self, commit: Commit) -> Result<(), CommitterError> {
        for part in &commit.parts {
            self.sinks.iter_mut().try_for_each(|sink| sink.write(part))?;
        }
        self.sinks.iter_mut().try_for_each(|sink| sink.flush())?;
        if let Some(folder) = &mut self.folder {
            folder.commit(&commit.parts)?;
        }
        self.answered = Some(Answered::Commit(Answer::Done, Vec::new()));
        Ok(())
    }

    fn resolve_outcome(&mut self, commit: Commit) -> Result<(), CommitterError> {
        // Every commit is answered with `Done` or ends the run, so there is never an outcome to resolve.
        let landed = commit.parts.iter().map(|part| (part.partition.clone(), CommitOutcome::Committed)).collect();
        self.answered = Some(Answered::Resolved(landed));
        Ok(())
    }

    fn answer(&mut self, _: Duration) -> Result<Option<Answered>, CommitterError> {
        Ok(self.answered.take())
    }

    fn pieces(&self) -> (usize, usize) {
        (usize::MAX, usize::MAX)
    }
}
