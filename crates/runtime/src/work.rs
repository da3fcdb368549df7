//! What each member is doing, reported by another thread: a member in the middle of a step cannot report it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use gristmill::plan::Plan;
use gristmill::rows::{Partition, SharedPosition};

/// What a member does.
pub(crate) enum Doing {
    /// It steps new records.
    Step,
    /// It replays records that it, or another member, has stepped before.
    Replay,
}

/// A member's work since a point in time.
pub(crate) struct Work {
    pub(crate) plan: Arc<Plan>,
    pub(crate) doing: Doing,
    pub(crate) partition: Partition,
    /// The position that the step has reached.
    pub(crate) at: Arc<SharedPosition>,
    pub(crate) since: Instant,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.doing {
            Doing::Step => "in a step",
            Doing::Replay => "in a step, replayed,",
        };
        let place = self.plan.input.place(&self.partition, self.at.get());
        let (name, seconds) = (&self.plan.name, self.since.elapsed().as_secs_f64());
        write!(f, "{doing} of pipeline {name} at {place}, for {seconds:.1} s")
    }
}
