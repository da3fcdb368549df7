//! Models that replace the document's own while a group runs.
//!
//! A compacted topic of the group holds their bytes in pieces, and after them the changes, each a record that names the
//! whole version: the model that scores from then on, and its shadow. Members learn of a change within moments; each
//! shard switches where a run of its journal begins, and the journal names the version, so that a later replay uses the
//! same model.

mod change;
mod commands;
mod registry;
mod watch;

pub use change::{ModelVersion, Stored};
pub use commands::{list, promote, rollback, set, shadow};
pub use watch::Watch;

use std::sync::Arc;

use gristmill::resources::RunnablePlan;
use gristmill_connect::broker::BrokerError;
use gristmill_connect::lock;

use registry::ModelRegistry;

/// Makes the versions available that a group's members may need: the newest now, older ones on demand.
pub fn load(plan: &RunnablePlan) -> Result<(), BrokerError> {
    let Some((versions, registry)) = plan.resources.versions.as_ref().zip(ModelRegistry::open(plan)?) else {
        return Ok(());
    };
    let changes = registry.changes()?;
    registry.activate(&changes, versions);
    let registry = Arc::new(std::sync::Mutex::new(registry));
    versions.ask(Box::new(move |number| {
        let registry = lock(&registry);
        registry.version(number).map_err(|why| tracing::error!(name: "model_version_unreadable", version = number, "version {number} of the model: {why}")).ok().flatten()
    }));
    Ok(())
}
