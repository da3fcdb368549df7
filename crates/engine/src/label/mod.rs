//! The label: where the truth comes from, and the rows that wait for it.

mod delays;
mod early;
mod example;
mod pending;
mod plan;
mod report;
mod section;

pub use delays::Delays;
pub(crate) use example::Example;
pub(crate) use pending::{Labelled, Pending};
pub use plan::{LabelFrom, LabelInput, LabelPlan};
pub(crate) use report::in_words;
pub use report::{LabelCounts, LabelReport};

pub use crate::connect::Label;
