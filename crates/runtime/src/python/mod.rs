//! Models in Python: one process for each member, called over pipes.

mod message;
mod model;
mod process;

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::pretrained::{Scoring, Versions};
use gristmill_learn::LearnError;

use model::PythonScores;
pub use process::kill;

/// The plan for one member, with a process of its own if the model is in Python. An error says why it cannot be
/// started.
pub fn started(plan: &Arc<Plan>, member: usize) -> Result<Arc<Plan>, LearnError> {
    let Some((scoring, python)) = plan.scoring.as_ref().and_then(|scoring| Some((scoring, scoring.python.as_ref()?)))
    else {
        return Ok(Arc::clone(plan));
    };
    let names = scoring.written().signature().inputs.iter().map(|input| input.name.clone()).collect();
    let width = scoring.written().signature().output.width();
    let model = PythonScores::start(python.clone(), names, width, member)?;
    let answered = scoring.written().answered_by(Arc::new(model));
    let scoring = Scoring { versions: Arc::new(Versions::new(answered)), ..scoring.clone() };
    Ok(Arc::new(plan.scoring_by(scoring)))
}
