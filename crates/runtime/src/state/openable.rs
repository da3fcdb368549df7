//! Whether a run could resume from the stored state.

use gristmill::resources::RunnablePlan;
use gristmill_connect::committer::CommitterError;
use gristmill_connect::connector;
use gristmill_connect::restore::reopen;

/// Opens every shard as a run would, while the group has no members; the error is the run's.
pub fn openable(plan: &RunnablePlan) -> Result<(), CommitterError> {
    if !plan.journals() {
        return Ok(());
    }
    let connector = connector::input(plan)?;
    if let Err(failure) = connector.at_rest(plan) {
        tracing::warn!(name: "state_not_tried", "{failure}; what it keeps was not tried");
        return Ok(());
    }
    let store = connector.store(plan)?;
    for partition in store.partitions()? {
        reopen(plan, &partition, &store.read(&partition, &|| true)?)?;
    }
    Ok(())
}
