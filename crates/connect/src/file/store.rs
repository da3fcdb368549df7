//! What a pipeline over a file keeps, for the commands that look at it or change it.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Manifest, StoredState};
use gristmill::rows::{Partition, Position};

use super::{FileSource, StateFolder};
use crate::commit::PartitionCommit;
use crate::committer::CommitterError;
use crate::source::{Reread, Source as _, SourceError};
use crate::state::StateFailure;
use crate::store::{Past, StateStore, Tail, Wanted};

/// A folder at rest.
pub(super) struct FolderStore {
    plan: Arc<Plan>,
    folder: StateFolder,
}

impl FolderStore {
    pub(super) fn open(plan: &Arc<Plan>) -> Result<Self, CommitterError> {
        let folder = StateFolder::open(plan)?.ok_or_else(|| StateFailure::StoredState {
            place: plan.name.to_string(),
            why: "this pipeline keeps none; add `state: {directory: …}` to keep it".into(),
        })?;
        Ok(Self { plan: Arc::clone(plan), folder })
    }
}

impl StateStore for FolderStore {
    fn partitions(&self) -> Result<Vec<Partition>, CommitterError> {
        Ok((0..self.plan.shards()).map(|number| Partition::new(self.plan.input_name(), number)).collect())
    }

    fn settle(&self, _: &Partition, _: Wanted<'_>) -> Result<(), CommitterError> {
        Ok(())
    }

    fn tail(&self, partition: &Partition) -> Result<Tail, CommitterError> {
        let stored = self.folder.stored(partition, &self.plan.inputs)?;
        let sequence = stored.entries.iter().map(|entry| entry.sequence).max();
        Ok(Tail { sequence, committed: stored.committed() })
    }

    fn read_since(
        &self,
        partition: &Partition,
        _: &dyn Fn(&Manifest) -> bool,
        _: Wanted<'_>,
    ) -> Result<StoredState, CommitterError> {
        // The journal is short: it is all there.
        Ok(self.folder.stored(partition, &self.plan.inputs)?)
    }

    fn past(&self) -> Result<Box<dyn Past>, CommitterError> {
        let opened = FileSource::open(&self.plan, Arc::default());
        let failed = |error: SourceError| StateFailure::StoredState {
            place: self.plan.name.to_string(),
            why: error.to_string(),
        };
        Ok(Box::new(opened.map_err(failed)?.0))
    }

    fn largest_piece(&self) -> usize {
        usize::MAX
    }

    fn install(&mut self, part: PartitionCommit) -> Result<(), CommitterError> {
        self.folder.commit(&[Arc::new(part)])
    }

    fn commit_position(&mut self, _: &Partition, _: Position) -> Result<(), CommitterError> {
        // The folder's journal says where a run begins.
        Ok(())
    }

    fn described(&self) -> (&'static str, String) {
        let directory = self.plan.state.as_ref().and_then(|state| state.directory.clone());
        ("folder", directory.unwrap_or_default())
    }
}

impl Past for FileSource {
    fn headers(&self) -> Vec<Option<Vec<String>>> {
        Self::headers(self)
    }

    fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        self.reread(partition, from, to)
    }
}
