//! Models in Python: one process for each member, called over pipes.

mod message;
mod model;
mod process;

use std::sync::Arc;

use gristmill::pretrained::Versions;
use gristmill::resources::{Resources, RunnablePlan};
use gristmill_learn::LearnError;

use model::PythonScores;
pub use process::kill;

/// The plan for one member, with a process of its own if the model is in Python. An error says why it cannot be
/// started.
pub fn started(plan: &RunnablePlan, member: usize) -> Result<RunnablePlan, LearnError> {
    let Some((scoring, python)) = plan.scoring.as_ref().and_then(|scoring| Some((scoring, scoring.python.as_ref()?)))
    else {
        return Ok(plan.clone());
    };
    let names = scoring.model.signature().inputs.iter().map(|input| input.name.clone()).collect();
    let width = scoring.model.signature().output.width();
    let model = PythonScores::start(python.clone(), names, width, member)?;
    let answered = scoring.model.answered_by(Arc::new(model));
    let versions = Some(Arc::new(Versions::new(Arc::new(answered))));
    Ok(plan.with(Resources { versions, ..Resources::clone(&plan.resources) }))
}
