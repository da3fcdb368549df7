//! The targets of a plan that are of another system than its input.

use std::sync::Arc;

use gristmill::connect::{FILE, HTTP, KAFKA, System};
use gristmill::plan::Plan;

use crate::connector::Run;
use crate::sink::{OpenTargets, Sink, SinkError};
use crate::{file, http, kafka};

type Open = fn(&Arc<Plan>, &Run) -> Result<Box<dyn OpenTargets>, SinkError>;

/// The systems that can be written to, in the order in which answers go out: one line each.
const SYSTEMS: [(System, Open); 3] = [(HTTP, http::open), (FILE, file::open), (KAFKA, kafka::open)];

/// What the members of a process write to, besides what their committer writes itself.
pub(crate) struct Outputs(Vec<Box<dyn OpenTargets>>);

impl Outputs {
    /// Opens what the plan names, but for what is of this system.
    pub(crate) fn open(plan: &Arc<Plan>, run: &Run, besides: System) -> Result<Self, SinkError> {
        let used = plan.systems();
        let other = SYSTEMS.iter().filter(|(system, _)| *system != besides && used.contains(system));
        Ok(Self(other.map(|(_, open)| open(plan, run)).collect::<Result<_, _>>()?))
    }

    /// The sinks of a member.
    pub(crate) fn sinks(&self) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let sinks = self.0.iter().map(|targets| targets.sinks()).collect::<Result<Vec<_>, _>>()?;
        Ok(sinks.into_iter().flatten().collect())
    }
}
