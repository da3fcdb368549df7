//! The label: where the truth comes from, and the rows that wait for it.

mod delays;
mod early;
mod example;
mod pending;
mod plan;
mod section;
mod spec;

pub use delays::Delays;
pub(crate) use example::Example;
pub(crate) use pending::{Labelled, Pending};
pub use plan::{LabelFrom, LabelInput, LabelPlan};
pub use section::{LabelCounts, LabelReport};
pub use spec::Label;
