//! Everything that a run does before its first record, to find what it would stop at. Nothing is changed by that but
//! topics and folders that the document asks for.

use std::path::Path;
use std::sync::Arc;

use gristmill::plan::{InputPlan, Plan, TargetPlan};
use gristmill::rows::Partition;

use crate::codec::Decoder;
use crate::commit::CommitterError;
use crate::kafka::{self, rights};
use crate::lookup;
use crate::member::MemberError;
use crate::models;
use crate::python;
use crate::run::RunError;
use crate::sink::{Keep, Lines, SinkError};
use crate::source::FileSource;
use crate::state::{self, Lengths, StateFolder};

/// Does what a run would do before its first record; the error is the run's.
pub fn rehearse(plan: &Arc<Plan>) -> Result<(), RunError> {
    if plan.uses_kafka() {
        kafka::prepare(plan, &|| false, true)?;
        let missing = rights::missing(plan);
        if !missing.is_empty() {
            return Err(rights::refused(plan, None, &missing).into());
        }
    }
    let plan = &lookup::load(plan)?;
    models::load(plan)?;
    let plan = &python::started(plan, 0)?;
    input(plan)?;
    let folder = StateFolder::open(plan).map_err(CommitterError::from)?;
    let lengths = folder.as_ref().map(StateFolder::lengths).unwrap_or_default();
    // It is locked for one at a time.
    drop(folder);
    for target in plan.outputs.iter().map(|output| &output.target).chain(&plan.dead_letters) {
        if let TargetPlan::File { path } = target {
            writable(path, &lengths)?;
        }
    }
    Ok(state::openable(plan)?)
}

/// Opens the input's file, and sees whether its header has what is needed. Standard input is left for the run.
fn input(plan: &Arc<Plan>) -> Result<(), RunError> {
    let InputPlan::File { path, .. } = &plan.input else { return Ok(()) };
    if path == "-" {
        return Ok(());
    }
    let (source, _) = FileSource::open(plan, Arc::default())?;
    if source.header().is_some() {
        let partition = Partition::new(plan.input_name(), 0);
        Decoder::new(plan, source.header()).map_err(|why| MemberError::Header { partition, why })?;
    }
    Ok(())
}

/// Opens an output without changing it. One that is not there is made, and taken away again.
fn writable(path: &str, lengths: &Lengths) -> Result<(), SinkError> {
    let there = std::fs::metadata(path).map(|file| file.len());
    let committed = lengths.iter().find(|(known, _)| known == path).map(|(_, length)| *length);
    match committed.filter(|length| there.as_ref().is_ok_and(|there| length > there)) {
        Some(length) => Lines::open(path, Keep::Bytes(length))?,
        None => Lines::open(path, Keep::All)?,
    };
    if there.is_err() && Path::new(path).is_file() {
        // It was made a moment ago; whether it stays makes no difference to a run.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}
