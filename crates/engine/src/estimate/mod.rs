//! Estimates of metrics before labels come, and how far off they were.

mod check;
mod report;
mod section;
mod spec;

pub(crate) use check::check;
pub(crate) use report::{object, table};
pub use spec::Estimate;

use gristmill_learn::estimate::Estimation;
use gristmill_learn::{LearnError, Prediction, Truth};

/// Takes in a row that was scored; the number of its chunk, which its label is told with.
pub(crate) fn scored(
    section: &mut Option<Estimation>,
    features: &[f64],
    said: Prediction<'_>,
    time: Option<i64>,
) -> Result<Option<u64>, LearnError> {
    section.as_mut().map_or(Ok(None), |estimation| estimation.scored(features, said, time))
}

/// Takes in the label of a row, with its features and prediction when it was scored; none: it will have no label.
pub(crate) fn labelled(
    section: &mut Option<Estimation>,
    chunk: Option<u64>,
    (features, said): (&[f64], Prediction<'_>),
    truth: Option<Truth>,
) -> Result<(), LearnError> {
    match (section, truth) {
        (Some(estimation), Some(truth)) => estimation.labelled(chunk, features, said, truth)?,
        (Some(estimation), None) => estimation.unlabelled(chunk),
        (None, _) => {}
    }
    Ok(())
}
