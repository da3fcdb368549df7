//! Reads a pipeline's stored dead letters, and sends them back to the input.

use gristmill::plan::Plan;
use gristmill_connect::connector;
use gristmill_connect::dead_letter::{Begin, DeadLetters, Listed};
use gristmill_connect::source::SourceError;

/// Why dead letters cannot be read or given back.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// There are none.
    #[error("this pipeline has no `dead_letters`, so it stops at the first record it cannot read")]
    Nowhere,
    /// The input takes no records.
    #[error("the input is a file: correct the records there and run again")]
    File,
    /// They cannot be read, or not be given back.
    #[error(transparent)]
    Source(#[from] SourceError),
}

fn open(plan: &Plan, begin: Begin) -> Result<Option<Box<dyn DeadLetters>>, DeadLetterError> {
    let target = plan.dead_letters.as_ref().ok_or(DeadLetterError::Nowhere)?;
    Ok(connector::dead_letters(plan, target, begin)?)
}

/// Visits every dead letter of a pipeline until `visit` says that it is enough.
pub fn list(plan: &Plan, visit: &mut dyn FnMut(Listed) -> bool) -> Result<(), DeadLetterError> {
    let Some(mut letters) = open(plan, Begin::First)? else { return Ok(()) };
    while let Some(letter) = letters.next()? {
        if !visit(letter) {
            break;
        }
    }
    Ok(())
}

/// Sends every dead letter that was not sent before back to the input, as it was; returns how many.
pub fn replay(plan: &Plan) -> Result<u64, DeadLetterError> {
    let mut input = connector::input(plan).map_err(SourceError::from)?.resend(plan)?.ok_or(DeadLetterError::File)?;
    let mut letters = open(plan, Begin::AfterReplayed)?.ok_or(DeadLetterError::Nowhere)?;
    let mut count = 0;
    while let Some(Listed { letter, .. }) = letters.next()? {
        input.send(&letter)?;
        count += 1;
    }
    input.flush()?;
    letters.remember()?;
    Ok(count)
}
