//! Whether a run could go on from what is kept.

use std::sync::Arc;

use gristmill::plan::{InputPlan, Plan};

use super::at_rest;
use super::store::StateStore;
use crate::commit::{CommitterError, reopen};

/// Opens every shard as a run would, where nobody is at work; the error is the run's.
pub fn openable(plan: &Arc<Plan>) -> Result<(), CommitterError> {
    if !plan.journals() {
        return Ok(());
    }
    if let (InputPlan::Kafka { .. }, Err(failure)) = (&plan.input, at_rest(plan)) {
        tracing::warn!("{failure}; what it keeps was not tried");
        return Ok(());
    }
    let store = StateStore::open(plan)?;
    for partition in store.partitions(plan)? {
        reopen(plan, &partition, &store.kept(&partition)?)?;
    }
    Ok(())
}
