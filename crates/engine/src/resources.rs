//! What a plan is run with, and a document cannot say.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::decision::Encode;
use crate::lookup::Content;
use crate::plan::Plan;
use crate::pretrained::Versions;
use crate::spec::Format;

/// The encoder of each format.
pub type Encoders = fn(Format) -> &'static dyn Encode;

/// What the shards of a plan share. What is shared enters a shard as a version, at a place that the journal names.
#[derive(Clone)]
pub struct Resources {
    /// How decisions are written.
    pub encoders: Encoders,
    /// The content of the lookup tables, in the order of the plan.
    pub tables: Vec<Arc<Content>>,
    /// The versions of the pretrained model, if there is one.
    pub versions: Option<Arc<Versions>>,
}

impl Resources {
    /// What the plan alone tells: tables without rows, and the document's own model.
    pub fn new(plan: &Plan, encoders: Encoders) -> Self {
        let tables = plan.lookups.iter().map(|table| Arc::new(Content::new(&table.columns)));
        let versions = plan.scoring.as_ref().map(|scoring| Arc::new(Versions::new(Arc::clone(&scoring.model))));
        Self { encoders, tables: tables.collect(), versions }
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").field("versions", &self.versions).finish_non_exhaustive()
    }
}

/// A plan together with its resources: what shards are opened of.
#[derive(Debug, Clone)]
pub struct RunnablePlan {
    plan: Arc<Plan>,
    /// What it is run with.
    pub resources: Arc<Resources>,
}

impl RunnablePlan {
    /// A plan with what it alone tells: see [`Resources::new`].
    pub fn alone(plan: &Arc<Plan>, encoders: Encoders) -> Self {
        Self::new(plan, Resources::new(plan, encoders))
    }

    /// A plan and its resources.
    pub fn new(plan: &Arc<Plan>, resources: Resources) -> Self {
        Self { plan: Arc::clone(plan), resources: Arc::new(resources) }
    }

    /// The same plan with other resources.
    #[must_use]
    pub fn with(&self, resources: Resources) -> Self {
        Self::new(&self.plan, resources)
    }
}

impl Deref for RunnablePlan {
    type Target = Arc<Plan>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}
