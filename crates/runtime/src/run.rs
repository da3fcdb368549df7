//! A run: prepares topics, starts members, adds up their results.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::report::{Report, Tally};
use gristmill::resources::RunnablePlan;
use gristmill_connect::broker::BrokerError;
use gristmill_connect::committer::CommitterError;
use gristmill_connect::connector::{self, Extent, OpenError};
use gristmill_connect::source::SourceError;
use gristmill_learn::StateError;

use crate::clock::{Clock, Machine};
pub use crate::control::Control;
use crate::lookup::LookupError;
use crate::member::{Ended, Member, MemberError};
use crate::models;
use crate::python;
use crate::resources;
use crate::usage;

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The members to start in this process.
    pub members: usize,
    /// Whether to stop at the ends that the partitions have at the start.
    pub until_end: bool,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The options make no sense.
    #[error("{0}")]
    Usage(String),
    /// A broker, before the members started.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The input, an output or what is kept, before the members started.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A lookup table.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A member.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A model outside the program.
    #[error(transparent)]
    Outside(#[from] gristmill_learn::LearnError),
    /// A member, after its results were counted.
    #[error("{error}")]
    Ended {
        /// The report up to then.
        report: Box<Report>,
        /// Why it ended.
        error: MemberError,
    },
    /// Metrics could not be merged.
    #[error("metrics cannot be merged: {0}")]
    Metrics(#[from] StateError),
    /// A thread could not be started, or panicked.
    #[error("{0}")]
    Thread(String),
}

impl RunError {
    /// What a broker has to do with it.
    fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Broker(error) => Some(error),
            Self::Open(error) => error.broker(),
            Self::Lookup(error) => error.broker(),
            Self::Member(error) => error.broker(),
            _ => None,
        }
    }
}

impl From<CommitterError> for RunError {
    fn from(error: CommitterError) -> Self {
        Self::Open(error.into())
    }
}

impl From<SourceError> for RunError {
    fn from(error: SourceError) -> Self {
        Self::Open(error.into())
    }
}

/// Runs a pipeline until its input ends or `control` stops it.
pub fn run(plan: &Arc<Plan>, options: Options, control: &Arc<Control>) -> Result<Report, RunError> {
    control.start();
    run_unnamed(plan, options, control).map_err(|error| {
        // Testing each right shows which one is missing.
        let named = error.broker().and_then(|failure| connector::named(plan, failure));
        named.map_or(error, RunError::Broker)
    })
}

fn run_unnamed(plan: &Arc<Plan>, options: Options, control: &Arc<Control>) -> Result<Report, RunError> {
    let shared = plan.input.shared();
    if options.members == 0 || (!shared && options.members > 1) {
        let message = "a file is read by one member: leave `--members` out";
        return Err(RunError::Usage(if shared { "`--members` must be at least 1" } else { message }.into()));
    }
    plan.warnings.iter().for_each(|warning| tracing::warn!(name: "document_warning", "{warning}"));
    let extent = connector::prepare(plan, &|| control.stopped(), false)?;
    let plan = &resources::load(plan)?;
    models::load(plan)?;
    let _watch = models::Watch::start(plan)?;
    let members = prepare(plan, options, control, extent)?;
    let mut tally = Tally::default();
    let (mut failed, mut left) = (None, Vec::new());
    for thread in start(members, control)? {
        match thread.join() {
            Ok(ended) => {
                tally.absorb(ended.tally);
                left.extend(ended.left);
                failed = match ended.result.err().map(RunError::Member) {
                    // This one stopped the others, which may have ended with consequences of it.
                    Some(gone @ RunError::Member(MemberError::Gone { .. })) => Some(gone),
                    error => failed.or(error),
                };
            }
            Err(_) => failed = failed.or(Some(RunError::Thread("a member broke: this is a bug in gristmill".into()))),
        }
    }
    match failed {
        None => report(tally, plan, control),
        Some(RunError::Member(error @ MemberError::Gone { .. })) => {
            // No other member resumes what was released.
            left.into_iter().for_each(|closed| tally.close(closed));
            Err(RunError::Ended { report: Box::new(report(tally, plan, control)?), error })
        }
        Some(error) => Err(error),
    }
}

fn report(tally: Tally, plan: &Plan, control: &Control) -> Result<Report, RunError> {
    let mut report = tally.report(plan)?;
    report.rows_read = control.rows();
    report.seconds = control.took();
    (report.run_seconds, report.cpu_seconds) = control.used();
    report.peak_memory_mb = usage::peak_memory_mb();
    Ok(report)
}

/// Finds every problem outside the program before the first member starts.
fn prepare(
    plan: &RunnablePlan,
    options: Options,
    control: &Arc<Control>,
    extent: Extent,
) -> Result<Vec<Member>, RunError> {
    let clock: Arc<dyn Clock> = Arc::new(Machine::default());
    let stopped = Arc::clone(control);
    let run = connector::Run {
        stopped: Arc::new(move || stopped.stopped()),
        bytes: Arc::clone(&control.bytes),
        identity: identity(),
    };
    let mut input = connector::input(plan)?.open(plan, &run)?;
    // An input that has no end is read to where it ends now, if that is asked for.
    if let Some(Extent { filled, ends, total }) = input.extent().or(options.until_end.then_some(extent)) {
        control.bound(filled, ends, total);
    }
    let join = |number: usize| {
        let plan = &python::started(plan, number)?;
        let (source, committer) = input.join(plan, number)?;
        Ok(Member::new(plan.clone(), number, source, committer, Arc::clone(&clock), Arc::clone(control)))
    };
    (0..options.members).map(join).collect()
}

/// A name that is unique to this start.
fn identity() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Every such state is seeded from the system's randomness.
    let number = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", number(), number())
}

type Running = std::thread::JoinHandle<Ended>;

fn start(members: Vec<Member>, control: &Arc<Control>) -> Result<Vec<Running>, RunError> {
    let mut threads = Vec::new();
    for (number, member) in members.into_iter().enumerate() {
        let control = Arc::clone(control);
        let body = move || {
            // A member that fails stops the run: half a pipeline that goes unnoticed is no help.
            let guard = StopOnFailure(&control);
            let ended = member.run();
            if ended.result.is_ok() {
                std::mem::forget(guard);
            }
            ended
        };
        let thread = std::thread::Builder::new().name(format!("member-{number}")).spawn(body);
        threads.push(thread.map_err(|error| RunError::Thread(format!("a thread cannot be started: {error}")))?);
    }
    Ok(threads)
}

/// Stops the run when a member fails or panics.
struct StopOnFailure<'a>(&'a Control);

impl Drop for StopOnFailure<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
