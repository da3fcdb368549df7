//! Whether a run could go on from what is kept.

use std::sync::Arc;

use gristmill::plan::{InputPlan, Plan};

use super::at_rest;
use super::keeper::Keeper;
use crate::ledger::{LedgerError, reopen};

/// Opens every shard as a run would, where nobody is at work; the error is the run's.
pub fn openable(plan: &Arc<Plan>) -> Result<(), LedgerError> {
    if !plan.journals() {
        return Ok(());
    }
    if let (InputPlan::Kafka { .. }, Err(failure)) = (&plan.input, at_rest(plan)) {
        tracing::warn!("{failure}; what it keeps was not tried");
        return Ok(());
    }
    let keeper = Keeper::open(plan)?;
    for partition in keeper.partitions(plan)? {
        reopen(plan, &partition, &keeper.kept(&partition)?)?;
    }
    Ok(())
}
