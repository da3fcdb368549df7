//! Protects files from being overwritten: a command never writes to its document or to what it reads, however the
//! paths are spelled.

use std::path::Path;

use gristmill::plan::Plan;

use crate::failure::Failure;

/// Refuses a document whose outputs overwrite its inputs.
pub(crate) fn spare(plan: &Plan, document: &Path) -> Result<(), Failure> {
    plan.files_written().into_iter().try_for_each(|(at, path)| {
        let taken = read_as(plan, document, Path::new(path));
        taken.map_or(Ok(()), |what| Err(refused(&format!("`{}`", at.join(".")), path, &what)))
    })
}

/// Refuses a file to write that the pipeline reads.
pub(crate) fn spare_from(plan: &Plan, document: &Path, out: &Path) -> Result<(), Failure> {
    read_as(plan, document, out).map_or(Ok(()), |what| Err(refused("this command", &out.display().to_string(), &what)))
}

fn refused(who: &str, path: &str, what: &str) -> Failure {
    Failure::Usage(format!("{who} would write into {path}, which is {what}: give it a file of its own"))
}

/// What the pipeline reads this file as; none if it does not read it.
fn read_as(plan: &Plan, document: &Path, written: &Path) -> Option<String> {
    let written = written.canonicalize().ok()?;
    let is = |path: &Path| path.canonicalize().is_ok_and(|path| path == written);
    if is(document) {
        return Some("the document itself".into());
    }
    plan.files_read().into_iter().find(|(_, path)| is(Path::new(path))).map(|(what, _)| what)
}
