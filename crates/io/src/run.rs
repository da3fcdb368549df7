//! A run: topics are made ready, members start, their results are added up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gristmill::plan::{InputPlan, Plan, TargetPlan};
use gristmill::report::{Report, Tally};
use gristmill::rows::Partition;
use gristmill::shard::{Evaluation, Shard};
use gristmill_learn::StateError;

use crate::kafka::{self, KafkaFailure, Topics};
use crate::member::{Member, MemberError};
use crate::sink::{KafkaSink, Keep, LineSink, Lines, Sink, SinkError};
use crate::source::{FileSource, KafkaSource, Source, SourceError};
use crate::state::StateFolder;
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
    /// A member.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// Metrics could not be merged.
    #[error("metrics cannot be merged: {0}")]
    Metrics(#[from] StateError),
    /// A thread could not be started, or broke.
    #[error("{0}")]
    Thread(String),
}

/// What members share with each other and with whoever watches them.
#[derive(Default)]
pub struct Control {
    stopped: AtomicBool,
    left: Mutex<BTreeSet<usize>>,
    bounded: AtomicBool,
    ends: Mutex<BTreeMap<i32, i64>>,
    unfinished: Mutex<BTreeSet<i32>>,
    shards: AtomicI64,
    rows: AtomicU64,
    total: AtomicU64,
    bytes: Arc<AtomicU64>,
    begun: Mutex<Option<(Instant, f64)>>,
    last_commit: Mutex<Option<(Instant, f64)>>,
    watched: AtomicBool,
    live: Mutex<BTreeMap<Partition, Evaluation>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Control {
    /// Asks every member to commit and leave.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether the run was stopped.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Asks one member to commit and leave; the others take over its partitions.
    pub fn leave(&self, member: usize) {
        lock(&self.left).insert(member);
    }

    /// Asks members to publish their metrics while they run; see [`Self::live`].
    pub fn watch(&self) {
        self.watched.store(true, Ordering::SeqCst);
    }

    /// The metrics of the shards that are open, merged; nothing before the first commit.
    pub fn live(&self) -> Option<Evaluation> {
        let live = lock(&self.live);
        let mut evaluations = live.values();
        let mut merged = evaluations.next()?.copy().ok()?;
        for evaluation in evaluations {
            merged.absorb(evaluation).ok()?;
        }
        Some(merged)
    }

    /// The shards that are open in this process.
    pub fn shards(&self) -> i64 {
        self.shards.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(&self, shards: i64) {
        self.shards.fetch_add(shards, Ordering::Relaxed);
    }

    /// Records taken so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Part and whole of a bounded run: bytes of a file, records of a topic.
    pub fn part(&self) -> Option<(u64, u64)> {
        let total = self.total.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        (total > 0).then(|| (if bytes > 0 { bytes } else { self.rows() }, total))
    }

    pub(crate) fn ended(&self, member: usize) -> bool {
        let finished = self.bounded.load(Ordering::SeqCst) && lock(&self.unfinished).is_empty();
        finished || self.stopped() || lock(&self.left).contains(&member)
    }

    pub(crate) fn end(&self, partition: i32) -> Option<i64> {
        lock(&self.ends).get(&partition).copied()
    }

    pub(crate) fn unfinished(&self) -> Vec<i32> {
        lock(&self.unfinished).iter().copied().collect()
    }

    pub(crate) fn caught_up(&self, partition: i32) {
        lock(&self.unfinished).remove(&partition);
    }

    pub(crate) fn begin(&self) {
        lock(&self.begun).get_or_insert_with(|| (Instant::now(), usage::cpu_seconds()));
    }

    pub(crate) fn progress(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn committed<'a>(&self, shards: impl Iterator<Item = (&'a Partition, &'a Shard)>) {
        *lock(&self.last_commit) = Some((Instant::now(), usage::cpu_seconds()));
        if self.watched.load(Ordering::SeqCst) {
            let mut live = lock(&self.live);
            for (partition, shard) in shards {
                if let Ok(copy) = shard.evaluation().copy() {
                    live.insert(partition.clone(), copy);
                }
            }
        }
    }

    fn bound(&self, partitions: impl IntoIterator<Item = i32>, ends: BTreeMap<i32, i64>, total: u64) {
        *lock(&self.unfinished) = partitions.into_iter().collect();
        *lock(&self.ends) = ends;
        self.total.store(total, Ordering::Relaxed);
        self.bounded.store(true, Ordering::SeqCst);
    }

    /// Seconds and processor seconds from the first record to the last commit.
    fn took(&self) -> (f64, f64) {
        match (*lock(&self.begun), *lock(&self.last_commit)) {
            (Some((begun, cpu)), Some((ended, cpu_then))) => {
                (ended.saturating_duration_since(begun).as_secs_f64(), (cpu_then - cpu).max(0.0))
            }
            _ => (0.0, 0.0),
        }
    }
}

/// Runs a pipeline until its input ends or `control` stops it.
pub fn run(plan: &Arc<Plan>, options: Options, control: &Arc<Control>) -> Result<Report, RunError> {
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
    let members = prepare(plan, options, control, &topics)?;
    let mut tally = Tally::default();
    let mut failed = None;
    for thread in start(members, control)? {
        match thread.join() {
            Ok(Ok(part)) => tally.absorb(part),
            Ok(Err(error)) => failed = failed.or(Some(RunError::Member(error))),
            Err(_) => failed = failed.or(Some(RunError::Thread("a member broke: this is a bug in gristmill".into()))),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let mut report = tally.report(plan)?;
    (report.seconds, report.cpu_seconds) = control.took();
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
    if let InputPlan::File { .. } = plan.input {
        let (source, size) = FileSource::open(plan, Arc::clone(&control.bytes))?;
        control.bound([0], BTreeMap::new(), size.unwrap_or(0));
        let state = StateFolder::open(plan, &Partition::new(plan.input_name(), 0)).map_err(MemberError::from)?;
        let kept = state.as_ref().map(|(_, opened)| opened.lengths.clone().unwrap_or_default());
        let outputs = Outputs::open(plan, kept)?;
        let sinks = outputs.sinks(plan, control)?;
        let member = Member::new(Arc::clone(plan), 0, Box::new(source), sinks, Arc::clone(control));
        return Ok(vec![match state {
            Some((mut state, opened)) => {
                state.watch(outputs.files(plan));
                member.with_state(state, opened)
            }
            None => member,
        }]);
    }
    if options.until_end {
        let ends: BTreeMap<i32, i64> = topics.bounds.iter().map(|(number, (_, end))| (*number, *end)).collect();
        let total: i64 = topics.bounds.values().map(|(begin, end)| end - begin).sum();
        // A partition that holds nothing is read to its end.
        let filled = topics.bounds.iter().filter(|(_, (begin, end))| end > begin).map(|(number, _)| *number);
        control.bound(filled, ends, u64::try_from(total).unwrap_or(0));
    }
    let outputs = Outputs::open(plan, None)?;
    let member = |number: usize| {
        let source: Box<dyn Source> = Box::new(KafkaSource::join(Arc::clone(plan), number)?);
        let sinks = outputs.sinks(plan, control)?;
        Ok(Member::new(Arc::clone(plan), number, source, sinks, Arc::clone(control)))
    };
    (0..options.members).map(member).collect()
}

type Running = std::thread::JoinHandle<Result<Tally, MemberError>>;

fn start(members: Vec<Member>, control: &Arc<Control>) -> Result<Vec<Running>, RunError> {
    let mut threads = Vec::new();
    for (number, member) in members.into_iter().enumerate() {
        let control = Arc::clone(control);
        let body = move || {
            // One member that fails takes the run down: half a pipeline that nobody looks at helps nobody.
            let guard = StopOnFailure(&control);
            let result = member.run();
            if result.is_ok() {
                std::mem::forget(guard);
            }
            result
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

/// The files and standard output that all members share.
struct Outputs {
    lines: Vec<Option<Lines>>,
    dead_letters: Option<Lines>,
}

impl Outputs {
    /// Opens what the plan names. `kept`: the committed lengths of the files in the order of [`Self::files`]; without
    /// state a file begins anew with a file as input, and goes on with a group.
    fn open(plan: &Plan, kept: Option<Vec<u64>>) -> Result<Self, SinkError> {
        let stdout = Lines::stdout();
        let group = matches!(plan.input, InputPlan::Kafka { .. });
        let mut lengths = kept.unwrap_or_default().into_iter();
        let mut one = |target: &TargetPlan| match target {
            TargetPlan::File { path } => {
                let keep = if group { Keep::All } else { lengths.next().map_or(Keep::Nothing, Keep::Bytes) };
                Lines::open(path, keep).map(Some)
            }
            TargetPlan::Stdout => Ok(Some(stdout.clone())),
            TargetPlan::Kafka { .. } => Ok(None),
        };
        Ok(Self {
            lines: plan.outputs.iter().map(|output| one(&output.target)).collect::<Result<_, _>>()?,
            dead_letters: plan.dead_letters.as_ref().map(one).transpose()?.flatten(),
        })
    }

    /// Those in files, the outputs in the plan's order and then the dead letters.
    fn files(&self, plan: &Plan) -> Vec<Lines> {
        let targets = plan.outputs.iter().map(|output| &output.target).chain(&plan.dead_letters);
        let lines = self.lines.iter().chain(std::iter::once(&self.dead_letters));
        let files = targets.zip(lines).filter(|(target, _)| matches!(target, TargetPlan::File { .. }));
        files.filter_map(|(_, lines)| lines.clone()).collect()
    }

    fn sinks(&self, plan: &Arc<Plan>, control: &Arc<Control>) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for (output, lines) in self.lines.iter().enumerate() {
            if let Some(lines) = lines {
                sinks.push(Box::new(LineSink::decisions(lines.clone(), output)));
            }
        }
        if let Some(lines) = &self.dead_letters {
            sinks.push(Box::new(LineSink::dead_letters(lines.clone())));
        }
        if plan.output_topics().next().is_some() {
            let control = Arc::clone(control);
            sinks.push(Box::new(KafkaSink::open(Arc::clone(plan), Box::new(move || control.stopped()))?));
        }
        Ok(sinks)
    }
}
