//! A member's partitions, and the state of each: loading, restoring, running, leaving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gristmill::report::Closed;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position};

use super::MemberError;
use super::running_shard::RunningShard;
use crate::control::Control;
use crate::work::Doing;
use gristmill_connect::commit::PartitionCommit;
use gristmill_connect::committer::{Committer, Found, Known};
use gristmill_connect::source::{Reread, Source};
use gristmill_formats::Decoders;

/// How long a released shard stays in memory, in case its partition returns.
const REMEMBER: Duration = Duration::from_secs(300);
/// How long a partition must have been read to its end before the member checks for markers after its last record.
const IDLE: Duration = Duration::from_secs(1);

/// The state of a partition.
pub(super) enum ShardState {
    /// Its stored state is being loaded.
    Loading,
    /// Records consumed since its snapshot are being replayed.
    Restoring(Box<RunningShard>),
    /// It is running.
    Running(Box<RunningShard>),
}

struct AssignedPartition {
    stage: ShardState,
    assignment_epoch: u64,
    leaving: bool,
    headers: Vec<Option<Vec<String>>>,
    /// When it was assigned, found, and loaded: the parts of a recovery's time.
    assigned: Duration,
    loaded: Duration,
    /// When each of its inputs was read to its end, until more arrives.
    caught_up: BTreeMap<Arc<str>, Duration>,
    /// Since when its first input, the one that moves event time, has been silent, and when time last moved on by the clock.
    silent: Option<(Duration, Option<Duration>)>,
    /// The inputs that a bounded run has finished.
    finished: BTreeSet<Arc<str>>,
}

/// A released shard.
pub(super) struct Gone {
    pub(super) closed: Closed,
    /// Whether everything it has done went into commits.
    pub(super) committed: bool,
}

/// All partitions of a member.
pub(super) struct Partitions {
    plan: RunnablePlan,
    number: usize,
    held: BTreeMap<Partition, AssignedPartition>,
    assignment_epochs: u64,
    leaving: Vec<(Vec<Partition>, Duration)>,
    retained: BTreeMap<Partition, (Box<RunningShard>, Duration)>,
    /// What was prewritten of the next commit, with the assignment epochs.
    prewritten: Vec<(Arc<PartitionCommit>, u64)>,
    now: Duration,
}

impl Partitions {
    pub(super) fn new(plan: RunnablePlan, number: usize) -> Self {
        let (held, retained) = (BTreeMap::new(), BTreeMap::new());
        Self {
            plan,
            number,
            held,
            assignment_epochs: 0,
            leaving: Vec::new(),
            retained,
            prewritten: Vec::new(),
            now: Duration::ZERO,
        }
    }

    /// A partition was assigned.
    pub(super) fn take(&mut self, partition: Partition, headers: Vec<Option<Vec<String>>>) {
        self.assignment_epochs += 1;
        let (assignment_epoch, now) = (self.assignment_epochs, self.now);
        let holding = AssignedPartition {
            stage: ShardState::Loading,
            assignment_epoch,
            leaving: false,
            headers,
            assigned: now,
            loaded: now,
            caught_up: BTreeMap::new(),
            silent: None,
            finished: BTreeSet::new(),
        };
        self.held.insert(partition, holding);
    }

    /// The partition of the shard that a partition of an input belongs to.
    pub(super) fn shard(&self, partition: &Partition) -> Partition {
        self.plan.inputs.first().map_or_else(|| partition.clone(), |first| partition.beside(first))
    }

    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.held.contains_key(partition)
    }

    pub(super) fn assignment_epoch(&self, partition: &Partition) -> Option<u64> {
        self.held.get(partition).map(|holding| holding.assignment_epoch)
    }

    /// The shard of an input's partition, if it may step.
    pub(super) fn open(&mut self, partition: &Partition) -> Option<&mut RunningShard> {
        let holding = self.held.get_mut(&self.shard(partition)).filter(|holding| !holding.leaving)?;
        holding.caught_up.remove(&partition.topic);
        if self.plan.inputs.first() == Some(&partition.topic) {
            holding.silent = None;
        }
        self.open_or_leaving(partition)
    }

    /// The shard of an input's partition, if it is running, even if it is leaving.
    pub(super) fn open_or_leaving(&mut self, partition: &Partition) -> Option<&mut RunningShard> {
        match &mut self.held.get_mut(&self.shard(partition))?.stage {
            ShardState::Running(live) => Some(live),
            _ => None,
        }
    }

    fn lives(&self) -> impl Iterator<Item = (&AssignedPartition, &RunningShard)> {
        self.held.values().filter_map(|holding| match &holding.stage {
            ShardState::Running(live) => Some((holding, live.as_ref())),
            _ => None,
        })
    }

    /// The counts of every open shard so far.
    pub(super) fn counted(&self) -> Vec<Closed> {
        self.lives().map(|(_, live)| Closed::of(&live.shard)).collect()
    }

    /// The next position of an input's partition, if its shard is running.
    pub(super) fn position(&self, partition: &Partition) -> Option<Position> {
        match &self.held.get(&self.shard(partition))?.stage {
            ShardState::Running(live) => live.position(&partition.topic),
            _ => None,
        }
    }

    /// A bounded run has finished an input's partition.
    pub(super) fn finished(&mut self, partition: &Partition) {
        if let Some(holding) = self.held.get_mut(&self.shard(partition)) {
            holding.finished.insert(Arc::clone(&partition.topic));
        }
    }

    pub(super) fn has_finished(&self, partition: &Partition) -> bool {
        self.held.get(&self.shard(partition)).is_none_or(|holding| holding.finished.contains(&partition.topic))
    }

    /// Rows stepped since the last commit was sent.
    pub(super) fn rows(&self) -> u64 {
        self.lives().map(|(_, live)| live.rows()).sum()
    }

    /// Whether partitions are being restored, or released.
    pub(super) fn busy(&self) -> bool {
        self.leaving() || self.held.values().any(|holding| !matches!(holding.stage, ShardState::Running(_)))
    }

    pub(super) fn remove(&mut self, partition: &Partition) -> Option<ShardState> {
        self.held.remove(partition).map(|holding| holding.stage)
    }

    /// Loads a shard's state again; whether it was open.
    pub(super) fn start_over(&mut self, partition: &Partition, assignment_epoch: u64) -> bool {
        let Some(holding) = self.held.get_mut(partition).filter(|holding| holding.assignment_epoch == assignment_epoch)
        else {
            return false;
        };
        self.assignment_epochs += 1;
        holding.assignment_epoch = self.assignment_epochs;
        matches!(std::mem::replace(&mut holding.stage, ShardState::Loading), ShardState::Running(_))
    }

    /// The source has no more of a partition for now; whether its shard has stepped everything delivered. Records for
    /// one that is leaving, or not open yet, are left to its next reader.
    pub(super) fn caught_up(&mut self, partition: &Partition, now: Duration) -> bool {
        let at_work =
            |holding: &&mut AssignedPartition| !holding.leaving && matches!(holding.stage, ShardState::Running(_));
        let first = self.plan.inputs.first() == Some(&partition.topic);
        let Some(holding) = self.held.get_mut(&self.shard(partition)).filter(at_work) else { return false };
        holding.caught_up.entry(Arc::clone(&partition.topic)).or_insert(now);
        if first {
            holding.silent.get_or_insert((now, None));
        }
        true
    }

    /// Moves event time on in shards whose partition has been silent for long enough; whether rows were released by that.
    pub(super) fn tick(&mut self, idle: Duration, now: Duration) -> Result<bool, MemberError> {
        let mut any = false;
        for holding in self.held.values_mut().filter(|holding| !holding.leaving) {
            let (ShardState::Running(live), Some((since, moved))) = (&mut holding.stage, &mut holding.silent) else {
                continue;
            };
            let silence = now.saturating_sub(moved.unwrap_or(*since));
            if now.saturating_sub(*since) >= idle && live.tick(silence)? {
                *moved = Some(now);
                any = true;
            }
        }
        Ok(any)
    }

    /// Whether the inputs of a shard alternate so often that its part of the journal becomes large.
    pub(super) fn alternate(&self) -> bool {
        self.lives().any(|(_, live)| live.alternates())
    }

    /// Partitions of inputs that were read to their end a while ago; each is returned once.
    pub(super) fn idle(&mut self, now: Duration) -> Vec<Partition> {
        let mut idle = Vec::new();
        for (partition, holding) in self.held.iter_mut().filter(|(_, holding)| !holding.leaving) {
            holding.caught_up.retain(|input, since| {
                let long_ago = now.saturating_sub(*since) >= IDLE;
                idle.extend(long_ago.then(|| partition.beside(input)));
                !long_ago
            });
        }
        idle
    }

    /// Advances one partition that is not open yet; the partition, if it is open now.
    pub(super) fn recover(
        &mut self,
        source: &mut dyn Source,
        committer: &mut dyn Committer,
        control: &Control,
        now: Duration,
    ) -> Result<Option<Partition>, MemberError> {
        self.now = now;
        self.retained.retain(|_, (_, since)| now.saturating_sub(*since) < REMEMBER);
        let closed = |holding: &AssignedPartition| !holding.leaving && !matches!(holding.stage, ShardState::Running(_));
        let Some((partition, holding)) = self.held.iter_mut().find(|(_, holding)| closed(holding)) else {
            return Ok(None);
        };
        let partition = partition.clone();
        let mut live = match std::mem::replace(&mut holding.stage, ShardState::Loading) {
            ShardState::Running(_) => return Ok(None),
            ShardState::Restoring(mut live) => {
                let beside = live.replay.run().map_or_else(|| partition.clone(), |run| partition.beside(&run.topic));
                control.works(self.number, live.work(Doing::Replay, &beside));
                replay_a_slice(&beside, &mut live, source)?;
                live
            }
            ShardState::Loading => {
                let known = self.retained.get(&partition).map(|(live, _)| live.known());
                let Some(found) = committer.load_state(&partition, known)? else { return Ok(None) };
                let remembered = self.retained.remove(&partition).map(|(live, _)| live);
                holding.loaded = now;
                found_shard(&self.plan, &partition, &holding.headers, found, remembered, now)?
            }
        };
        live.replay_release()?;
        if live.replay.end().is_some() {
            holding.stage = ShardState::Restoring(live);
            return Ok(None);
        }
        live.renew_tables();
        tell(self.number, &mut live, holding, now);
        holding.stage = ShardState::Running(live);
        Ok(Some(partition))
    }

    /// These are to be released.
    pub(super) fn leave(&mut self, partitions: Vec<Partition>, now: Duration) {
        for partition in &partitions {
            if let Some(holding) = self.held.get_mut(partition) {
                holding.leaving = true;
            }
        }
        self.leaving.push((partitions, now));
    }

    /// All partitions.
    pub(super) fn all(&self) -> Vec<Partition> {
        self.held.keys().cloned().collect()
    }

    /// Partitions need not be released any more.
    pub(super) fn forget_leaving(&mut self) {
        self.leaving.clear();
    }

    pub(super) fn leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    pub(super) fn leaving_since(&self) -> Option<Duration> {
        self.leaving.first().map(|(_, since)| *since)
    }

    /// Whether a leaving shard still has something to commit. The rest of a snapshot is not waited for.
    pub(super) fn leaving_pending(&self) -> bool {
        self.lives().any(|(holding, live)| holding.leaving && live.uncommitted())
    }

    /// The partitions to acknowledge, group by group, with the counts of each.
    pub(super) fn release(&mut self, now: Duration) -> Vec<(Vec<Partition>, Vec<Gone>)> {
        let groups = std::mem::take(&mut self.leaving);
        let mut gone = Vec::new();
        for (partitions, _) in groups {
            let mut closed = Vec::new();
            for partition in &partitions {
                let Some(stage) = self.remove(partition) else { continue };
                tracing::info!(name: "partition_released", member = self.number, partition = %partition, "member {}: {partition} goes back to the group", self.number);
                let ShardState::Running(mut live) = stage else { continue };
                closed.push(Gone { closed: Closed::of(&live.shard), committed: !live.uncommitted() });
                if live.suspend() {
                    self.retained.insert(partition.clone(), (live, now));
                }
            }
            gone.push((partitions, closed));
        }
        gone
    }

    /// Whether something must be committed although no row has arrived.
    pub(super) fn waiting(&self, now: Duration) -> bool {
        self.lives().any(|(_, live)| live.in_pieces() || live.due(now))
    }

    pub(super) fn pending(&self) -> bool {
        self.leaving() || self.lives().any(|(_, live)| live.pending())
    }

    pub(super) fn unsaved(&self) -> bool {
        self.lives().any(|(_, live)| live.unsaved())
    }

    /// The uncommitted parts of all shards, and their assignment epochs. `last`: the run ends, so the state is saved as
    /// well.
    pub(super) fn parts(
        &mut self,
        (piece, mut budget): (usize, usize),
        now: Duration,
        last: bool,
    ) -> (Vec<Arc<PartitionCommit>>, Vec<u64>) {
        let (mut parts, mut assignment_epochs): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.prewritten).into_iter().unzip();
        for holding in self.held.values_mut() {
            let ShardState::Running(live) = &mut holding.stage else { continue };
            let wanted = live.due(now) || last && (live.unsaved() || live.uncommitted());
            let save = self.plan.journals() && !holding.leaving && wanted && !live.saving();
            if let Some(part) = live.part(save, (piece, &mut budget), now) {
                parts.push(Arc::new(part));
                assignment_epochs.push(holding.assignment_epoch);
            }
        }
        (parts, assignment_epochs)
    }

    /// The outputs so far, all of the next commit as yet; none if there are no new ones.
    pub(super) fn extend_prewrite(&mut self) -> Option<Vec<Arc<PartitionCommit>>> {
        let before = self.prewritten.len();
        for holding in self.held.values_mut() {
            if let ShardState::Running(live) = &mut holding.stage {
                self.prewritten.extend(live.prewrite().map(|part| (Arc::new(part), holding.assignment_epoch)));
            }
        }
        (self.prewritten.len() > before).then(|| self.prewritten.iter().map(|(part, _)| Arc::clone(part)).collect())
    }

    /// Drops prewritten parts of shards that are gone; the remaining ones, if any was dropped.
    pub(super) fn retract_prewrite(&mut self) -> Option<Vec<Arc<PartitionCommit>>> {
        let before = self.prewritten.len();
        let held = &self.held;
        let ours = |part: &PartitionCommit, assignment_epoch: u64| {
            held.get(&part.partition).is_some_and(|holding| holding.assignment_epoch == assignment_epoch)
        };
        self.prewritten.retain(|(part, assignment_epoch)| ours(part, *assignment_epoch));
        (self.prewritten.len() < before).then(|| self.prewritten.iter().map(|(part, _)| Arc::clone(part)).collect())
    }

    /// The counts of every open shard, at the end.
    pub(super) fn close(&mut self) -> Vec<Closed> {
        let held = std::mem::take(&mut self.held);
        let open = held.into_values().filter_map(|holding| match holding.stage {
            ShardState::Running(live) => Some(Closed::of(&live.shard)),
            _ => None,
        });
        open.collect()
    }
}

fn replay_a_slice(partition: &Partition, live: &mut RunningShard, source: &mut dyn Source) -> Result<(), MemberError> {
    let Some(to) = live.replay.end() else { return Ok(()) };
    match source.reread(partition, live.replay_from(&partition.topic), to)? {
        Reread::Nothing => Ok(()),
        Reread::End => Ok(live.replay.finish(partition)?),
        Reread::Rows(mut raw) => {
            raw.truncate(raw.before(to));
            live.replay_rows(&raw)
        }
    }
}

fn found_shard(
    plan: &RunnablePlan,
    partition: &Partition,
    headers: &[Option<Vec<String>>],
    found: Found,
    remembered: Option<Box<RunningShard>>,
    now: Duration,
) -> Result<Box<RunningShard>, MemberError> {
    match (found, remembered) {
        (Found::Open(recovery, shard), _) => {
            let wrong = |why| MemberError::Header { partition: partition.clone(), why };
            let decoders = Decoders::new(plan, headers).map_err(wrong)?;
            Ok(Box::new(RunningShard::new(plan.clone(), *shard, decoders, &recovery, now)))
        }
        (Found::Unchanged, Some(live)) => Ok(live),
        (Found::Unchanged, None) => {
            let why = "the committer knows a shard that this member does not: this is a bug in gristmill".into();
            Err(MemberError::Header { partition: partition.clone(), why })
        }
    }
}

/// Logs where a partition resumes, and how long the recovery took.
fn tell(number: usize, live: &mut RunningShard, holding: &AssignedPartition, now: Duration) {
    let (partition, Known { sequence, positions }) = (live.partition(), live.known());
    let again = live.replay.rows();
    let milliseconds = |from: Duration, to: Duration| to.saturating_sub(from).as_millis();
    let (found, read) = (milliseconds(holding.assigned, holding.loaded), milliseconds(holding.loaded, now));
    if sequence == 0 && again == 0 {
        tracing::info!(name: "partition_started", member = number, partition = %partition, positions = %positions, "member {number}: {partition} starts at {positions}");
    } else if again == 0 {
        tracing::info!(name: "partition_resumed", member = number, partition = %partition, positions = %positions, replayed = again, "member {number}: {partition} resumed at {positions} (found and loaded in {found} ms)");
    } else {
        tracing::info!(
            name: "partition_resumed", member = number, partition = %partition, positions = %positions, replayed = again, "member {number}: {partition} resumed at {positions}, {again} records replayed \
             (found and loaded in {found} ms, replayed in {read} ms)"
        );
    }
}
