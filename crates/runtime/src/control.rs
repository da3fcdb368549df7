//! State that members share with each other and with their observers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::report::{Closed, Report, Tally};
use gristmill::rows::{Partition, Position};
use gristmill_connect::lock;

use crate::usage;
use crate::work::Work;

/// How long a lost partition may stay away before the members of other processes are assumed to have it.
const COME_BACK: Duration = Duration::from_secs(60);

/// State that members share with each other and with their observers.
#[derive(Default)]
pub struct Control {
    stopped: AtomicBool,
    left: Mutex<BTreeSet<usize>>,
    bounded: AtomicBool,
    /// By the partitions of all inputs.
    ends: Mutex<BTreeMap<Partition, Position>>,
    /// By the partitions that shards are named after.
    unfinished: Mutex<BTreeSet<Partition>>,
    lost: Mutex<BTreeMap<Partition, Duration>>,
    shards: AtomicI64,
    rows: AtomicU64,
    total: AtomicU64,
    pub(crate) bytes: Arc<AtomicU64>,
    run: OnceLock<(Instant, f64)>,
    begun: Mutex<Option<Instant>>,
    last_commit: Mutex<Option<Instant>>,
    asked: AtomicU64,
    live: Mutex<BTreeMap<usize, Vec<Closed>>>,
    work: Mutex<BTreeMap<usize, Work>>,
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

    /// What members are doing now, a line for each; empty if none steps records.
    pub fn work(&self) -> Vec<String> {
        lock(&self.work).iter().map(|(member, work)| format!("member {member} is {work}")).collect()
    }

    /// A member starts to step records.
    pub(crate) fn works(&self, member: usize, work: Work) {
        lock(&self.work).insert(member, work);
    }

    /// It has finished them.
    pub(crate) fn rests(&self, member: usize) {
        lock(&self.work).remove(&member);
    }

    /// Asks members for the counts of their open shards, as soon as they are between two steps: see [`Self::live`].
    pub fn ask(&self) {
        lock(&self.live).clear();
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// How often members were asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// A member's answer.
    pub(crate) fn tell(&self, member: usize, shards: Vec<Closed>) {
        lock(&self.live).insert(member, shards);
    }

    /// A report as of now, once this many members have answered.
    pub fn live(&self, plan: &Plan, members: usize) -> Option<Report> {
        let mut live = lock(&self.live);
        if live.len() < members {
            return None;
        }
        let mut tally = Tally::default();
        std::mem::take(&mut *live).into_values().flatten().for_each(|shard| tally.close(shard));
        drop(live);
        let report = tally.report(plan).ok()?;
        Some(Report { rows_read: self.rows(), ..report })
    }

    /// The number of open shards in this process.
    pub fn shards(&self) -> i64 {
        self.shards.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(&self, shards: i64) {
        self.shards.fetch_add(shards, Ordering::Relaxed);
    }

    /// Records consumed so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Progress and total of a bounded run: bytes of a file, records of a topic.
    pub fn part(&self) -> Option<(u64, u64)> {
        let total = self.total.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        (total > 0).then(|| (if bytes > 0 { bytes } else { self.rows() }, total))
    }

    /// Whether a member is to commit and leave.
    pub(crate) fn ended(&self, member: usize) -> bool {
        let finished = self.bounded.load(Ordering::SeqCst) && lock(&self.unfinished).is_empty();
        finished || self.stopped() || lock(&self.left).contains(&member)
    }

    /// The end at which a bounded run stops reading a partition.
    pub fn end(&self, partition: &Partition) -> Option<Position> {
        lock(&self.ends).get(partition).copied()
    }

    /// Partitions that a bounded run still waits for, except those that will return to this process.
    pub(crate) fn unfinished(&self, now: Duration) -> Vec<Partition> {
        let lost = lock(&self.lost);
        let comes_back =
            |partition: &&Partition| lost.get(*partition).is_some_and(|at| now.saturating_sub(*at) < COME_BACK);
        lock(&self.unfinished).iter().filter(|partition| !comes_back(partition)).cloned().collect()
    }

    /// A member has lost a partition: its next owner knows what was committed of it, and reports it.
    pub(crate) fn lost(&self, partition: &Partition, now: Duration) {
        if self.end(partition).is_some() {
            lock(&self.lost).insert(partition.clone(), now);
            lock(&self.unfinished).insert(partition.clone());
        }
    }

    /// A partition is read again before the end of a bounded run.
    pub(crate) fn reopened(&self, partition: &Partition) {
        if self.end(partition).is_some() {
            lock(&self.unfinished).insert(partition.clone());
        }
    }

    /// Whether a bounded run has finished a partition.
    pub(crate) fn finished(&self, partition: &Partition) -> bool {
        self.end(partition).is_some() && !lock(&self.unfinished).contains(partition)
    }

    pub(crate) fn caught_up(&self, partition: &Partition) {
        lock(&self.lost).remove(partition);
        lock(&self.unfinished).remove(partition);
    }

    /// The run starts.
    pub(crate) fn start(&self) {
        self.run.get_or_init(|| (Instant::now(), usage::cpu_seconds()));
    }

    /// Seconds and processor seconds since its start.
    pub(crate) fn used(&self) -> (f64, f64) {
        let since = |(began, cpu): &(Instant, f64)| (began.elapsed().as_secs_f64(), usage::cpu_seconds() - cpu);
        self.run.get().map(since).unwrap_or_default()
    }

    pub(crate) fn begin(&self) {
        lock(&self.begun).get_or_insert_with(Instant::now);
    }

    pub(crate) fn progress(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self) {
        *lock(&self.last_commit) = Some(Instant::now());
    }

    /// Bounds the run: it is over when the shards of these `partitions` have been read to the `ends` of their inputs, `total`
    /// records in all.
    pub fn bound(
        &self,
        partitions: impl IntoIterator<Item = Partition>,
        ends: BTreeMap<Partition, Position>,
        total: u64,
    ) {
        *lock(&self.unfinished) = partitions.into_iter().collect();
        *lock(&self.ends) = ends;
        self.total.store(total, Ordering::Relaxed);
        self.bounded.store(true, Ordering::SeqCst);
    }

    /// Seconds from the first record to the last commit.
    pub(crate) fn took(&self) -> f64 {
        match (*lock(&self.begun), *lock(&self.last_commit)) {
            (Some(begun), Some(ended)) => ended.saturating_duration_since(begun).as_secs_f64(),
            _ => 0.0,
        }
    }
}
