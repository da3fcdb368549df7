//! Loads what a plan is run with.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::resources::{Resources, RunnablePlan};
use gristmill_formats::encoder;

use crate::lookup::{self, LookupError};

/// The plan with the current content of its tables, and the model of its document.
pub fn load(plan: &Arc<Plan>) -> Result<RunnablePlan, LookupError> {
    let resources = Resources { tables: lookup::load(plan)?, ..Resources::new(plan, encoder) };
    Ok(RunnablePlan::new(plan, resources))
}
