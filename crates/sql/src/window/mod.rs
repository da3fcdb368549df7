//! Windows over keyed rows in order of event time, row by row, with state that is saved.

pub(crate) mod aggregate;
mod call;
mod counted;
mod entries;
mod key;
mod keyed;
pub(crate) mod value;

pub(crate) use call::{Call, Frame, Function};
pub(crate) use entries::ALWAYS;
pub(crate) use keyed::{Ahead, Group, Order};

/// The windows of one `PARTITION BY`: what they share and what each aggregates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupPlan {
    /// The columns of `PARTITION BY`.
    pub(crate) partition: Vec<usize>,
    /// The column of event time.
    pub(crate) time: usize,
    /// The columns whose values are retained for each row, each with the column of its filter.
    pub(crate) lanes: Vec<(Option<usize>, Option<usize>)>,
    /// The windows.
    pub(crate) calls: Vec<Call>,
    /// The frames, each with its windows: those of one frame contain the same rows.
    pub(crate) frames: Vec<(Frame, Vec<usize>)>,
}
