//! The ledger of a pipeline over a file: answers through sinks, the rest in a folder, if there is one.

use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, Kept, KeptInput, Landed};
use gristmill::rows::Partition;

use super::{Answered, Commit, Found, Known, Ledger, LedgerError, Part, reopen};
use crate::sink::Sink;
use crate::state::StateFolder;

/// Writes at once and answers at once.
pub struct FileLedger {
    plan: Arc<Plan>,
    sinks: Vec<Box<dyn Sink>>,
    folder: Option<StateFolder>,
    answered: Option<Answered>,
}

impl FileLedger {
    /// Writes to these; keeps the rest in the folder, if there is one.
    pub fn new(plan: Arc<Plan>, sinks: Vec<Box<dyn Sink>>, folder: Option<StateFolder>) -> Self {
        Self { plan, sinks, folder, answered: None }
    }
}

impl Ledger for FileLedger {
    fn recall(&mut self, partition: &Partition, _: Option<Known>) -> Result<Option<Found>, LedgerError> {
        let kept = match &mut self.folder {
            Some(folder) => folder.kept(partition)?,
            None => {
                let input = KeptInput { name: Arc::clone(&partition.topic), ..KeptInput::default() };
                Kept { inputs: vec![input], settled: true, ..Kept::default() }
            }
        };
        reopen(&self.plan, partition, &kept)
    }

    fn forget(&mut self, _: &Partition) {}

    fn ahead(&mut self, _: &[Arc<Part>]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn send(&mut self, commit: Commit) -> Result<(), LedgerError> {
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

    fn renew(&mut self, commit: Commit) -> Result<(), LedgerError> {
        // Every commit is answered with `Done` or ends the run, so there is never anything to find out.
        let landed = commit.parts.iter().map(|part| (part.partition.clone(), Landed::Forget)).collect();
        self.answered = Some(Answered::Renewed(landed));
        Ok(())
    }

    fn answer(&mut self, _: Duration) -> Result<Option<Answered>, LedgerError> {
        Ok(self.answered.take())
    }

    fn pieces(&self) -> (usize, usize) {
        (usize::MAX, usize::MAX)
    }
}
