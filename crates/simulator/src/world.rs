//! State shared by the members of a simulation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gristmill::protocol::Answer;
use gristmill::rows::{Partition, Position};
use gristmill_connect::commit::{Commit, PartitionCommit};
use gristmill_runtime::clock::Clock;

use crate::cluster::Cluster;
use crate::group::Id;
use crate::log::Transaction;
use crate::random::Random;

pub use gristmill_connect::lock;

/// A mistake that the simulation must detect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The journal is written outside the transaction.
    JournalOutside,
    /// A revocation is acknowledged before the commit has ended.
    EarlyAcknowledgement,
    /// After an abort the records are replayed instead of the same bytes being resent.
    StepsAgain,
    /// A snapshot is valid before its last chunk.
    EarlySnapshot,
    /// Positions stay before the markers at the end.
    StaysBeforeMarkers,
    /// The journal does not say which plan and program learned its records.
    JournalWithoutCode,
    /// Only the position of a shard's first input is committed.
    FirstInputAlone,
}

/// What happened in a simulation, so that a test can require that each fault occurred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Members that crashed with a transaction open.
    pub crashes_in_transactions: u64,
    /// Commits refused because the producer was fenced.
    pub fenced: u64,
    /// Commits aborted and resent.
    pub aborted: u64,
    /// Commits whose answer was lost.
    pub unanswered: u64,
    /// Recoveries with records to replay.
    pub replays: u64,
    /// Shards reassigned to a member that still had them.
    pub remembered: u64,
    /// Snapshots written in several commits.
    pub in_pieces: u64,
    /// Partitions lost without a revocation.
    pub lost: u64,
    /// Recoveries that had to wait for a pending transaction.
    pub waited: u64,
    /// Starts without the group's offsets.
    pub trusted: u64,
    /// Changes of a model.
    pub changes: u64,
    /// Positions that were moved past control records.
    pub skip_control_records: u64,
    /// Moves of event time by the clock that were sent to be committed.
    pub ticks: u64,
}

impl Facts {
    /// Adds the counts of another simulation.
    pub fn add(&mut self, other: &Self) {
        self.crashes_in_transactions += other.crashes_in_transactions;
        self.fenced += other.fenced;
        self.aborted += other.aborted;
        self.unanswered += other.unanswered;
        self.replays += other.replays;
        self.remembered += other.remembered;
        self.in_pieces += other.in_pieces;
        self.lost += other.lost;
        self.waited += other.waited;
        self.trusted += other.trusted;
        self.changes += other.changes;
        self.skip_control_records += other.skip_control_records;
        self.ticks += other.ticks;
    }
}

/// The faults armed for a member's next commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Its group metadata is stale.
    pub stale: bool,
    /// A request times out, so that it must be aborted.
    pub breaks: bool,
    /// The answer is lost; the request was executed.
    pub lost_after: bool,
    /// The answer is lost; the request was not executed.
    pub lost_before: bool,
}

/// How far a commit has progressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Write(usize),
    Offsets,
    End,
}

/// An in-flight commit.
pub struct UnderWay {
    pub(crate) commit: Commit,
    pub(crate) step: Step,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) places: Vec<(Partition, Position)>,
    pub(crate) answer: Option<Answer>,
}

/// State shared by all members.
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// Decides how much is read at a time.
    pub random: Random,
    /// The deliberate mistake.
    pub mutant: Option<Mutant>,
    /// What happened.
    pub facts: Facts,
    /// Faults by member.
    pub faults: BTreeMap<usize, Faults>,
    /// Each member's id in the group.
    pub ids: BTreeMap<usize, Id>,
    /// In-flight commits, by member.
    pub under_way: BTreeMap<usize, UnderWay>,
    /// What members have prewritten, in transactions that are open.
    pub(crate) prewritten: BTreeMap<usize, (Transaction, Vec<Arc<PartitionCommit>>)>,
    /// A member's partitions whose records are to be replayed, for a mutant.
    pub(crate) rewind: BTreeMap<usize, Vec<(Partition, Position)>>,
}

/// Shared by the members of one simulation.
pub type Shared = Arc<Mutex<World>>;

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(cluster: Cluster, seed: u64, mutant: Option<Mutant>) -> Self {
        Self {
            cluster,
            random: Random::new(seed),
            mutant,
            facts: Facts::default(),
            faults: BTreeMap::new(),
            ids: BTreeMap::new(),
            under_way: BTreeMap::new(),
            prewritten: BTreeMap::new(),
            rewind: BTreeMap::new(),
        }
    }
}

/// The simulated clock.
pub struct Simulated(pub Shared);

impl Clock for Simulated {
    fn now(&self) -> Duration {
        lock(&self.0).cluster.now()
    }
}
