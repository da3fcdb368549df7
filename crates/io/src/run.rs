//! A run: topics are made ready, members start, their results are added up.

use std::collections::BTreeMap;
use std::sync::Arc;

use gristmill::plan::{InputPlan, Plan, TargetPlan};
use gristmill::report::{Report, Tally};
use gristmill::rows::Partition;
use gristmill_learn::StateError;

use crate::clock::{Clock, Machine};
use crate::commit::{self, Committer, CommitterError, FileCommitter};
pub use crate::control::Control;
use crate::kafka::{self, GroupMember, KafkaFailure, Topics, position_of};
use crate::lookup::{self, LookupError};
use crate::member::{Ended, Member, MemberError};
use crate::models;
use crate::python;
use crate::sink::{HttpSink, KafkaSink, Keep, LineSink, Lines, Sink, SinkError};
use crate::source::{FileSource, KafkaSource, Source, SourceError};
use crate::state::{Lengths, StateFolder};
use crate::usage;

/// How a run is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The members to start in this process.
    pub members: usize,
    /// Whether to end at the ends the partitions have at the start.
    pub until_end: bool,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Kafka, before the members started.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The input, before the members started.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An output, before the members started.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A table.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// What is kept, before the members started.
    #[error(transparent)]
    Committer(#[from] CommitterError),
    /// A member.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A model outside of the program.
    #[error(transparent)]
    Outside(#[from] gristmill_learn::LearnError),
    /// A member, after it had counted what was done.
    #[error("{error}")]
    Ended {
        /// What was done.
        report: Box<Report>,
        /// Why it ended.
        error: MemberError,
    },
    /// Metrics could not be merged.
    #[error("metrics cannot be merged: {0}")]
    Metrics(#[from] StateError),
    /// A thread could not be started, or broke.
    #[error("{0}")]
    Thread(String),
}

impl RunError {
    /// What Kafka had to do with it.
    fn kafka(&self) -> Option<&KafkaFailure> {
        match self {
            Self::Kafka(failure)
            | Self::Sink(SinkError::Kafka(failure))
            | Self::Lookup(LookupError::Topic { source: failure, .. })
            | Self::Committer(CommitterError::Sink(SinkError::Kafka(failure)))
            | Self::Source(SourceError::Kafka(failure))
            | Self::Member(
                MemberError::Source(SourceError::Kafka(failure))
                | MemberError::Committer(CommitterError::Sink(SinkError::Kafka(failure)))
                | MemberError::Lookup(LookupError::Topic { source: failure, .. }),
            ) => Some(failure),
            _ => None,
        }
    }
}

/// Runs a pipeline until its input ends or `control` stops it.
pub fn run(plan: &Arc<Plan>, options: Options, control: &Arc<Control>) -> Result<Report, RunError> {
    control.start();
    run_unnamed(plan, options, control).map_err(|error| {
        // Which right is missing is found out by trying each.
        let named = error.kafka().and_then(|failure| kafka::rights::named(plan, failure));
        named.map_or(error, RunError::Kafka)
    })
}

fn run_unnamed(plan: &Arc<Plan>, options: Options, control: &Arc<Control>) -> Result<Report, RunError> {
    let file = matches!(plan.input, InputPlan::File { .. });
    if options.members == 0 || (file && options.members > 1) {
        let message = "a file is read by one member: leave `--members` out";
        return Err(RunError::Usage(if file { message } else { "`--members` must be at least 1" }.into()));
    }
    plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let topics = if plan.uses_kafka() {
        let stopped = Arc::clone(control);
        kafka::prepare(plan, &move || stopped.stopped(), false)?
    } else {
        Topics::default()
    };
    let plan = &lookup::load(plan)?;
    models::load(plan)?;
    let _watch = models::Watch::start(plan)?;
    let members = prepare(plan, options, control, &topics)?;
    let mut tally = Tally::default();
    let (mut failed, mut left) = (None, Vec::new());
    for thread in start(members, control)? {
        match thread.join() {
            Ok(ended) => {
                tally.absorb(ended.tally);
                left.extend(ended.left);
                failed = match ended.result.err().map(RunError::Member) {
                    // The others were stopped by this one, and may have ended for what follows from it.
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
            // No other member goes on with what was let go.
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

/// Everything that can be wrong with the world is found before the first member starts.
fn prepare(
    plan: &Arc<Plan>,
    options: Options,
    control: &Arc<Control>,
    topics: &Topics,
) -> Result<Vec<Member>, RunError> {
    let clock: Arc<dyn Clock> = Arc::new(Machine::default());
    let member = |plan: &Arc<Plan>, number: usize, source: Box<dyn Source>, committer: Box<dyn Committer>| {
        Member::new(Arc::clone(plan), number, source, committer, Arc::clone(&clock), Arc::clone(control))
    };
    if let InputPlan::File { .. } = plan.input {
        let plan = &python::started(plan, 0)?;
        let (source, size) = FileSource::open(plan, Arc::clone(&control.bytes))?;
        let shards = (0..plan.shards()).map(|number| Partition::new(plan.input_name(), number));
        control.bound(shards, BTreeMap::new(), size.unwrap_or(0));
        let mut folder = StateFolder::open(plan).map_err(CommitterError::from)?;
        let outputs = Outputs::open(plan, folder.as_ref().map(StateFolder::lengths))?;
        if let Some(folder) = &mut folder {
            folder.watch(outputs.files(plan));
        }
        let committer = FileCommitter::new(Arc::clone(plan), outputs.sinks(plan, control)?, folder);
        return Ok(vec![member(plan, 0, Box::new(source), Box::new(committer))]);
    }
    if options.until_end {
        bound(plan, control, topics);
    }
    let outputs = Outputs::open(plan, None)?;
    let start = identity();
    let join = |number: usize| {
        let plan = &python::started(plan, number)?;
        let seat = Arc::new(GroupMember::default());
        let stopped = Arc::clone(control);
        let committer = commit::kafka(
            plan,
            &seat,
            outputs.other_sinks(plan, control),
            &format!("{start}-{number}"),
            Arc::new(move || stopped.stopped()),
        )?;
        let source = KafkaSource::join(Arc::clone(plan), number, seat)?;
        Ok(member(plan, number, Box::new(source), committer))
    };
    (0..options.members).map(join).collect()
}

/// A name that no other start has.
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
            // One member that fails takes the run down: half a pipeline that nobody looks at helps nobody.
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

/// The run ends at the ends that the partitions have now.
fn bound(plan: &Plan, control: &Control, topics: &Topics) {
    let partition = |number: &i32| Partition::new(plan.input_name(), *number);
    let ends = topics.bounds.iter().map(|(number, (_, end))| (partition(number), position_of(*end))).collect();
    let total: i64 = topics.bounds.values().map(|(begin, end)| end - begin).sum();
    // A partition that holds nothing is read to its end.
    let filled = topics.bounds.iter().filter(|(_, (begin, end))| end > begin).map(|(number, _)| partition(number));
    control.bound(filled, ends, u64::try_from(total).unwrap_or(0));
}

/// Stops the run when a member fails or panics.
struct StopOnFailure<'a>(&'a Control);

impl Drop for StopOnFailure<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The files and standard output that all members share.
struct Outputs {
    lines: Vec<Option<Lines>>,
    dead_letters: Option<Lines>,
}

impl Outputs {
    /// Opens what the plan names. `kept`: the committed lengths of files by path; a file that is not among them begins
    /// anew, and goes on behind its last whole line where the input is a group.
    fn open(plan: &Plan, kept: Option<Lengths>) -> Result<Self, SinkError> {
        let stdout = Lines::stdout();
        let group = matches!(plan.input, InputPlan::Kafka { .. });
        let lengths = kept.unwrap_or_default();
        let length = |path: &str| lengths.iter().find(|(known, _)| known == path).map(|(_, length)| *length);
        let one = |target: &TargetPlan| match target {
            TargetPlan::File { path } => {
                let keep = if group { Keep::Lines } else { length(path).map_or(Keep::Nothing, Keep::Bytes) };
                Lines::open(path, keep).map(Some)
            }
            TargetPlan::Stdout => Ok(Some(stdout.clone())),
            TargetPlan::Kafka { .. } | TargetPlan::Http(_) => Ok(None),
        };
        Ok(Self {
            lines: plan.outputs.iter().map(|output| one(&output.target)).collect::<Result<_, _>>()?,
            dead_letters: plan.dead_letters.as_ref().map(one).transpose()?.flatten(),
        })
    }

    /// Those in files, by path.
    fn files(&self, plan: &Plan) -> Vec<(String, Lines)> {
        let targets = plan.outputs.iter().map(|output| &output.target).chain(&plan.dead_letters);
        let lines = self.lines.iter().chain(std::iter::once(&self.dead_letters));
        let files = targets.zip(lines).filter_map(|(target, lines)| match target {
            TargetPlan::File { path } => Some((path.clone(), lines.clone()?)),
            _ => None,
        });
        files.collect()
    }

    /// Those that are not in Kafka: files, standard output, web servers.
    fn other_sinks(&self, plan: &Plan, control: &Arc<Control>) -> Vec<Box<dyn Sink>> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let name = if plan.uses_kafka() { &plan.kafka.group } else { &*plan.name };
        for (number, output) in plan.outputs.iter().enumerate() {
            if let TargetPlan::Http(http) = &output.target {
                let stopped = Arc::clone(control);
                let name = format!("{name}/{}", output.name);
                let sink = HttpSink::new(http.clone(), number, &name, Arc::new(move || stopped.stopped()));
                sinks.push(Box::new(sink));
            }
        }
        for (output, lines) in self.lines.iter().enumerate() {
            if let Some(lines) = lines {
                sinks.push(Box::new(LineSink::decisions(lines.clone(), output)));
            }
        }
        if let Some(lines) = &self.dead_letters {
            sinks.push(Box::new(LineSink::dead_letters(lines.clone())));
        }
        sinks
    }

    /// All of them.
    fn sinks(&self, plan: &Arc<Plan>, control: &Arc<Control>) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks = self.other_sinks(plan, control);
        if plan.output_topics().next().is_some() {
            let stopped = Arc::clone(control);
            let producer = kafka::producer(&plan.kafka)?;
            let stopped = Arc::new(move || stopped.stopped());
            sinks.push(Box::new(KafkaSink::new(Arc::clone(plan), producer, stopped)));
        }
        Ok(sinks)
    }
}
