//! Files as a connector: one member reads, and everything is committed in a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gristmill::connect::FILE;
use gristmill::lookup::LookupPlan;
use gristmill::plan::{Plan, TargetPlan};
use gristmill::resources::RunnablePlan;
use gristmill::rows::Partition;

use super::dead_letters::LetterFile;
use super::store::FolderStore;
use super::table::FileTable;
use super::targets::{Targets, committed};
use super::{FileCommitter, FileSource, Keep, Lines, StateFolder};
use crate::broker::BrokerError;
use crate::committer::CommitterError;
use crate::connector::{Connector, Extent, Input, Joined, OpenError, Run};
use crate::dead_letter::{Begin, DeadLetters, Resend};
use crate::log::{Log, TableReader};
use crate::outputs::Outputs;
use crate::sink::{OpenTargets, Sink, SinkError};
use crate::source::{Source, SourceError};
use crate::store::StateStore;

/// Files.
pub(crate) struct Files;

/// A file that is open: one member takes it.
struct OpenFile {
    source: Option<FileSource>,
    extent: Extent,
    folder: Option<StateFolder>,
    sinks: Vec<Box<dyn Sink>>,
}

impl Input for OpenFile {
    fn extent(&self) -> Option<Extent> {
        Some(self.extent.clone())
    }

    fn join(&mut self, plan: &RunnablePlan, _: usize) -> Result<Joined, OpenError> {
        let source = self.source.take().ok_or_else(|| SourceError::File {
            path: plan.input_name().to_string(),
            why: "it is read by one member".into(),
        })?;
        let committer = FileCommitter::new(plan.clone(), std::mem::take(&mut self.sinks), self.folder.take());
        Ok((Box::new(source), Box::new(committer)))
    }
}

impl Connector for Files {
    fn prepare(&self, _: &Plan, _: &dyn Fn() -> bool, _: bool) -> Result<Extent, BrokerError> {
        Ok(Extent::default())
    }

    fn rehearse(&self, plan: &Plan) -> Result<(), OpenError> {
        let folder = StateFolder::open(plan).map_err(CommitterError::from)?;
        let lengths = folder.as_ref().map(StateFolder::lengths).unwrap_or_default();
        // Only one process may lock it.
        drop(folder);
        for path in plan.targets().filter_map(|target| target.file()) {
            writable(path, committed(&lengths, path))?;
        }
        Ok(())
    }

    fn named(&self, _: &Plan, _: &BrokerError) -> Option<BrokerError> {
        None
    }

    fn open(&self, plan: &Arc<Plan>, run: &Run) -> Result<Box<dyn Input>, OpenError> {
        let (source, size) = FileSource::open(plan, Arc::clone(&run.bytes))?;
        let shards = (0..plan.shards()).map(|number| Partition::new(plan.input_name(), number));
        let extent = Extent { filled: shards.collect(), ends: BTreeMap::new(), total: size.unwrap_or(0) };
        let mut folder = StateFolder::open(plan).map_err(CommitterError::from)?;
        let lengths = folder.as_ref().map(StateFolder::lengths).unwrap_or_default();
        let targets = Targets::open(plan, &|path| committed(&lengths, path).map_or(Keep::Nothing, Keep::Bytes))?;
        if let Some(folder) = &mut folder {
            folder.watch(targets.files(plan));
        }
        let mut sinks = Outputs::open(plan, run, FILE)?.sinks()?;
        sinks.extend(targets.sinks()?);
        Ok(Box::new(OpenFile { source: Some(source), extent, folder, sinks }))
    }

    fn whole(&self, plan: &Arc<Plan>) -> Result<Option<Box<dyn Source>>, SourceError> {
        Ok(Some(Box::new(FileSource::open(plan, Arc::default())?.0)))
    }

    fn store(&self, plan: &Arc<Plan>) -> Result<Box<dyn StateStore>, CommitterError> {
        Ok(Box::new(FolderStore::open(plan)?))
    }

    fn at_rest(&self, _: &Plan) -> Result<(), CommitterError> {
        // The folder is locked by whoever works with it.
        Ok(())
    }

    fn forget(&self, plan: &Plan) -> Result<(), CommitterError> {
        Ok(StateFolder::forget(plan)?)
    }

    fn log(&self, _: &Arc<Plan>, _: String) -> Result<Option<Box<dyn Log>>, BrokerError> {
        Ok(None)
    }

    fn table(&self, _: &Arc<Plan>, table: &LookupPlan) -> Result<Box<dyn TableReader>, SourceError> {
        Ok(Box::new(FileTable::open(table)?))
    }

    fn dead_letters(&self, _: &Plan, target: &TargetPlan, _: Begin) -> Result<Box<dyn DeadLetters>, SourceError> {
        Ok(Box::new(LetterFile::open(target.file().unwrap_or_default())?))
    }

    fn resend(&self, _: &Plan) -> Result<Option<Box<dyn Resend>>, SourceError> {
        Ok(None)
    }
}

/// Opens an output without changing it. A missing one is created, and removed again.
fn writable(path: &str, committed: Option<u64>) -> Result<(), SinkError> {
    let there = std::fs::metadata(path).map(|file| file.len());
    match committed.filter(|length| there.as_ref().is_ok_and(|there| length > there)) {
        Some(length) => Lines::open(path, Keep::Bytes(length), None)?,
        None => Lines::open(path, Keep::All, None)?,
    };
    if there.is_err() && Path::new(path).is_file() {
        // It was created a moment ago; a run does not care whether it stays.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}
