//! Performs everything that a run does before its first record, to find out whether it would stop. It changes nothing
//! but topics and folders that the document asks for.

use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill_connect::connector;
use gristmill_connect::source::Event;
use gristmill_formats::Decoders;

use crate::member::MemberError;
use crate::models;
use crate::python;
use crate::resources;
use crate::run::RunError;
use crate::state;

/// Does what a run would do before its first record; the error is the run's.
pub fn rehearse(plan: &Arc<Plan>) -> Result<(), RunError> {
    connector::prepare(plan, &|| false, true)?;
    connector::rehearse(plan)?;
    let plan = &resources::load(plan)?;
    models::load(plan)?;
    let plan = &python::started(plan, 0)?;
    header(plan)?;
    Ok(state::openable(plan)?)
}

/// Opens the input where it is a file, and sees whether its header has what is needed. Standard input is left for the run.
fn header(plan: &Arc<Plan>) -> Result<(), RunError> {
    if plan.input.file() == Some("-") {
        return Ok(());
    }
    let Some(mut source) = connector::input(plan)?.whole(plan)? else { return Ok(()) };
    let Some(Event::Assigned(shards)) = source.poll(Duration::ZERO, false)? else { return Ok(()) };
    for shard in shards {
        let partition = shard.partition;
        Decoders::new(plan, &shard.headers).map_err(|why| MemberError::Header { partition, why })?;
    }
    Ok(())
}
