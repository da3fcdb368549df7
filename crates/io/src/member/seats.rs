//! The partitions a member holds, and how far along each of them is: being found, read again, open, leaving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::report::Closed;
use gristmill::rows::{Partition, Position};

use super::MemberError;
use super::live::Live;
use crate::codec::Decoder;
use crate::control::Control;
use crate::ledger::{Found, Known, Ledger, Part};
use crate::source::{Reread, Source};
use crate::work::Doing;

/// How long a shard that was let go stays in memory, in case its partition comes back.
const REMEMBER: Duration = Duration::from_secs(300);
/// How long a partition must have been read to its end before it is looked for markers behind its last record.
const IDLE: Duration = Duration::from_secs(1);

/// How far along a partition is.
pub(super) enum Stage {
    /// What was kept of it is being found out.
    Sought,
    /// What was consumed since its snapshot is read again.
    Replaying(Box<Live>),
    /// It is at work.
    Open(Box<Live>),
}

struct Seat {
    stage: Stage,
    tenure: u64,
    leaving: bool,
    header: Option<Vec<String>>,
    /// When it was assigned, found, and loaded: what a recovery's time is made of.
    assigned: Duration,
    loaded: Duration,
    /// When each of its inputs was read to its end, until more comes.
    caught_up: BTreeMap<Arc<str>, Duration>,
    /// The inputs of which a bounded run wants no more.
    finished: BTreeSet<Arc<str>>,
}

/// A shard that was let go.
pub(super) struct Gone {
    pub(super) closed: Closed,
    /// Whether all that it has done went into commits.
    pub(super) committed: bool,
}

/// All partitions of a member.
pub(super) struct Seats {
    plan: Arc<Plan>,
    number: usize,
    seats: BTreeMap<Partition, Seat>,
    tenures: u64,
    leaving: Vec<(Vec<Partition>, Duration)>,
    let_go: BTreeMap<Partition, (Box<Live>, Duration)>,
    /// What the next commit will carry and is known to the ledger already, with the tenures.
    ahead: Vec<(Arc<Part>, u64)>,
    now: Duration,
}

impl Seats {
    pub(super) fn new(plan: Arc<Plan>, number: usize) -> Self {
        let (seats, let_go) = (BTreeMap::new(), BTreeMap::new());
        Self { plan, number, seats, tenures: 0, leaving: Vec::new(), let_go, ahead: Vec::new(), now: Duration::ZERO }
    }

    /// A partition that was assigned.
    pub(super) fn take(&mut self, partition: Partition, header: Option<Vec<String>>) {
        self.tenures += 1;
        let (tenure, now) = (self.tenures, self.now);
        let seat = Seat {
            stage: Stage::Sought,
            tenure,
            leaving: false,
            header,
            assigned: now,
            loaded: now,
            caught_up: BTreeMap::new(),
            finished: BTreeSet::new(),
        };
        self.seats.insert(partition, seat);
    }

    /// The partition of the shard that a partition of an input belongs to.
    pub(super) fn shard(&self, partition: &Partition) -> Partition {
        self.plan.inputs.first().map_or_else(|| partition.clone(), |first| partition.beside(first))
    }

    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.seats.contains_key(partition)
    }

    pub(super) fn tenure(&self, partition: &Partition) -> Option<u64> {
        self.seats.get(partition).map(|seat| seat.tenure)
    }

    /// The shard of an input's partition, if it may step.
    pub(super) fn open(&mut self, partition: &Partition) -> Option<&mut Live> {
        let seat = self.seats.get_mut(&self.shard(partition)).filter(|seat| !seat.leaving)?;
        seat.caught_up.remove(&partition.topic);
        self.open_or_leaving(partition)
    }

    /// The shard of an input's partition, if it is at work, though it may be leaving.
    pub(super) fn open_or_leaving(&mut self, partition: &Partition) -> Option<&mut Live> {
        match &mut self.seats.get_mut(&self.shard(partition))?.stage {
            Stage::Open(live) => Some(live),
            _ => None,
        }
    }

    fn lives(&self) -> impl Iterator<Item = (&Seat, &Live)> {
        self.seats.values().filter_map(|seat| match &seat.stage {
            Stage::Open(live) => Some((seat, live.as_ref())),
            _ => None,
        })
    }

    /// What every open shard has counted so far.
    pub(super) fn counted(&self) -> Vec<Closed> {
        self.lives().map(|(_, live)| counted(live)).collect()
    }

    /// The next position of an input's partition, where its shard is at work.
    pub(super) fn position(&self, partition: &Partition) -> Option<Position> {
        match &self.seats.get(&self.shard(partition))?.stage {
            Stage::Open(live) => live.position(&partition.topic),
            _ => None,
        }
    }

    /// A bounded run wants no more of an input's partition.
    pub(super) fn finished(&mut self, partition: &Partition) {
        if let Some(seat) = self.seats.get_mut(&self.shard(partition)) {
            seat.finished.insert(Arc::clone(&partition.topic));
        }
    }

    pub(super) fn has_finished(&self, partition: &Partition) -> bool {
        self.seats.get(&self.shard(partition)).is_none_or(|seat| seat.finished.contains(&partition.topic))
    }

    /// Rows stepped since the last commit was sent.
    pub(super) fn rows(&self) -> u64 {
        self.lives().map(|(_, live)| live.rows()).sum()
    }

    /// Whether partitions are being recovered, or let go.
    pub(super) fn busy(&self) -> bool {
        self.leaving() || self.seats.values().any(|seat| !matches!(seat.stage, Stage::Open(_)))
    }

    pub(super) fn remove(&mut self, partition: &Partition) -> Option<Stage> {
        self.seats.remove(partition).map(|seat| seat.stage)
    }

    /// Finds out anew how a shard goes on; whether it was open.
    pub(super) fn start_over(&mut self, partition: &Partition, tenure: u64) -> bool {
        let Some(seat) = self.seats.get_mut(partition).filter(|seat| seat.tenure == tenure) else { return false };
        self.tenures += 1;
        seat.tenure = self.tenures;
        matches!(std::mem::replace(&mut seat.stage, Stage::Sought), Stage::Open(_))
    }

    /// The source has no more of a partition for now; whether its shard has stepped all that was brought. What comes
    /// for one that is leaving, or not open yet, is left to whoever reads it next.
    pub(super) fn caught_up(&mut self, partition: &Partition, now: Duration) -> bool {
        let at_work = |seat: &&mut Seat| !seat.leaving && matches!(seat.stage, Stage::Open(_));
        let seat = self.seats.get_mut(&self.shard(partition)).filter(at_work);
        seat.map(|seat| seat.caught_up.entry(Arc::clone(&partition.topic)).or_insert(now)).is_some()
    }

    /// Partitions of inputs that were read to their end a while ago; each is told once.
    pub(super) fn idle(&mut self, now: Duration) -> Vec<Partition> {
        let mut idle = Vec::new();
        for (partition, seat) in self.seats.iter_mut().filter(|(_, seat)| !seat.leaving) {
            seat.caught_up.retain(|input, since| {
                let long_ago = now.saturating_sub(*since) >= IDLE;
                idle.extend(long_ago.then(|| partition.beside(input)));
                !long_ago
            });
        }
        idle
    }

    /// Goes a step further with one partition that is not open yet; the partition, if it is open now.
    pub(super) fn recover(
        &mut self,
        source: &mut dyn Source,
        ledger: &mut dyn Ledger,
        control: &Control,
        now: Duration,
    ) -> Result<Option<Partition>, MemberError> {
        self.now = now;
        self.let_go.retain(|_, (_, since)| now.saturating_sub(*since) < REMEMBER);
        let closed = |seat: &Seat| !seat.leaving && !matches!(seat.stage, Stage::Open(_));
        let Some((partition, seat)) = self.seats.iter_mut().find(|(_, seat)| closed(seat)) else { return Ok(None) };
        let partition = partition.clone();
        let mut live = match std::mem::replace(&mut seat.stage, Stage::Sought) {
            Stage::Open(_) => return Ok(None),
            Stage::Replaying(mut live) => {
                let beside = live.replay.run().map_or_else(|| partition.clone(), |run| partition.beside(&run.topic));
                control.works(self.number, live.work(Doing::Replay, &beside));
                replay_a_slice(&beside, &mut live, source)?;
                live
            }
            Stage::Sought => {
                let known = self.let_go.get(&partition).map(|(live, _)| live.known());
                let Some(found) = ledger.recall(&partition, known)? else { return Ok(None) };
                let remembered = self.let_go.remove(&partition).map(|(live, _)| live);
                seat.loaded = now;
                found_live(&self.plan, &partition, seat.header.as_deref(), found, remembered, now)?
            }
        };
        live.flush_again()?;
        if live.replay.end().is_some() {
            seat.stage = Stage::Replaying(live);
            return Ok(None);
        }
        live.renew_tables();
        tell(self.number, &mut live, seat, now);
        seat.stage = Stage::Open(live);
        Ok(Some(partition))
    }

    /// These are to be let go.
    pub(super) fn leave(&mut self, partitions: Vec<Partition>, now: Duration) {
        for partition in &partitions {
            if let Some(seat) = self.seats.get_mut(partition) {
                seat.leaving = true;
            }
        }
        self.leaving.push((partitions, now));
    }

    /// All partitions.
    pub(super) fn all(&self) -> Vec<Partition> {
        self.seats.keys().cloned().collect()
    }

    /// Nobody waits any more for partitions to be let go.
    pub(super) fn forget_leaving(&mut self) {
        self.leaving.clear();
    }

    pub(super) fn leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    pub(super) fn leaving_since(&self) -> Option<Duration> {
        self.leaving.first().map(|(_, since)| *since)
    }

    /// Whether a leaving shard still has something to commit. What is left of a snapshot is not waited for.
    pub(super) fn leaving_pending(&self) -> bool {
        self.lives().any(|(seat, live)| seat.leaving && live.uncommitted())
    }

    /// The partitions to acknowledge, group by group, with what was counted of each.
    pub(super) fn let_go(&mut self, now: Duration) -> Vec<(Vec<Partition>, Vec<Gone>)> {
        let groups = std::mem::take(&mut self.leaving);
        let mut gone = Vec::new();
        for (partitions, _) in groups {
            let mut closed = Vec::new();
            for partition in &partitions {
                let Some(stage) = self.remove(partition) else { continue };
                tracing::info!("member {}: {partition} goes back to the group", self.number);
                let Stage::Open(mut live) = stage else { continue };
                closed.push(Gone { closed: counted(&live), committed: !live.uncommitted() });
                if live.let_go() {
                    self.let_go.insert(partition.clone(), (live, now));
                }
            }
            gone.push((partitions, closed));
        }
        gone
    }

    /// Whether something must be committed although no row has come.
    pub(super) fn waiting(&self, now: Duration) -> bool {
        self.lives().any(|(_, live)| live.in_pieces() || live.due(now))
    }

    pub(super) fn pending(&self) -> bool {
        self.leaving() || self.lives().any(|(_, live)| live.pending())
    }

    pub(super) fn unsaved(&self) -> bool {
        self.lives().any(|(_, live)| live.unsaved())
    }

    /// What all shards have to commit, and their tenures. `last`: the run ends, so the state is saved as well.
    pub(super) fn parts(
        &mut self,
        (piece, mut budget): (usize, usize),
        now: Duration,
        last: bool,
    ) -> (Vec<Arc<Part>>, Vec<u64>) {
        let (mut parts, mut tenures): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ahead).into_iter().unzip();
        for seat in self.seats.values_mut() {
            let Stage::Open(live) = &mut seat.stage else { continue };
            let wanted = live.due(now) || last && (live.unsaved() || live.uncommitted());
            let save = self.plan.journals() && !seat.leaving && wanted && !live.saving();
            if let Some(part) = live.part(save, (piece, &mut budget), now) {
                parts.push(Arc::new(part));
                tenures.push(seat.tenure);
            }
        }
        (parts, tenures)
    }

    /// The answers so far, all that the next commit will carry as yet; nothing where no more have come.
    pub(super) fn more_ahead(&mut self) -> Option<Vec<Arc<Part>>> {
        let before = self.ahead.len();
        for seat in self.seats.values_mut() {
            if let Stage::Open(live) = &mut seat.stage {
                self.ahead.extend(live.ahead().map(|part| (Arc::new(part), seat.tenure)));
            }
        }
        (self.ahead.len() > before).then(|| self.ahead.iter().map(|(part, _)| Arc::clone(part)).collect())
    }

    /// Forgets what was sent ahead of shards that are gone; what is left of it, if anything was forgotten.
    pub(super) fn less_ahead(&mut self) -> Option<Vec<Arc<Part>>> {
        let before = self.ahead.len();
        let seats = &self.seats;
        let ours = |part: &Part, tenure: u64| seats.get(&part.partition).is_some_and(|seat| seat.tenure == tenure);
        self.ahead.retain(|(part, tenure)| ours(part, *tenure));
        (self.ahead.len() < before).then(|| self.ahead.iter().map(|(part, _)| Arc::clone(part)).collect())
    }

    /// What every open shard has counted, at the end.
    pub(super) fn close(&mut self) -> Vec<Closed> {
        let seats = std::mem::take(&mut self.seats);
        let open = seats.into_values().filter_map(|seat| match seat.stage {
            Stage::Open(live) => Some(counted(&live)),
            _ => None,
        });
        open.collect()
    }
}

fn counted(live: &Live) -> Closed {
    Closed {
        partition: live.partition().clone(),
        counts: live.shard.counts(),
        written: live.shard.written().to_vec(),
        refused: live.shard.refused().clone(),
        drift: live.shard.drift().clone(),
        labels: live.shard.labels().to_vec(),
        categories: live.shard.categories(),
        cleaned: live.shard.cleaned(),
        forgotten: live.shard.forgotten(),
        augmented: live.shard.augmented(),
        unmatched: live.shard.unmatched(),
        late: live.shard.late(),
        missing_windows: live.shard.missing_windows(),
        waiting: live.shard.waiting(),
        classes: live.shard.classes(),
        evaluation: live.shard.evaluation().copy().ok(),
        tried: live.shard.tried(),
    }
}

fn replay_a_slice(partition: &Partition, live: &mut Live, source: &mut dyn Source) -> Result<(), MemberError> {
    let Some(to) = live.replay.end() else { return Ok(()) };
    match source.reread(partition, live.read_again_from(&partition.topic), to)? {
        Reread::Nothing => Ok(()),
        Reread::End => Ok(live.replay.finish(partition)?),
        Reread::Rows(mut raw) => {
            raw.truncate(raw.before(to));
            live.step_again(&raw)
        }
    }
}

fn found_live(
    plan: &Arc<Plan>,
    partition: &Partition,
    header: Option<&[String]>,
    found: Found,
    remembered: Option<Box<Live>>,
    now: Duration,
) -> Result<Box<Live>, MemberError> {
    match (found, remembered) {
        (Found::Open(recovery, shard), _) => {
            let decoder =
                Decoder::new(plan, header).map_err(|why| MemberError::Header { partition: partition.clone(), why })?;
            Ok(Box::new(Live::new(Arc::clone(plan), *shard, decoder, &recovery, now)))
        }
        (Found::Unchanged, Some(live)) => Ok(live),
        (Found::Unchanged, None) => {
            let why = "the ledger knows a shard that this member does not: this is a bug in gristmill".into();
            Err(MemberError::Header { partition: partition.clone(), why })
        }
    }
}

/// Says where a partition goes on, and what it took to get there.
fn tell(number: usize, live: &mut Live, seat: &Seat, now: Duration) {
    let (partition, Known { sequence, positions }) = (live.partition(), live.known());
    let again = live.replay.rows();
    let milliseconds = |from: Duration, to: Duration| to.saturating_sub(from).as_millis();
    let (found, read) = (milliseconds(seat.assigned, seat.loaded), milliseconds(seat.loaded, now));
    if sequence == 0 && again == 0 {
        tracing::info!("member {number}: {partition} starts at {positions}");
    } else if again == 0 {
        tracing::info!("member {number}: {partition} goes on at {positions} (found and loaded in {found} ms)");
    } else {
        tracing::info!(
            "member {number}: {partition} goes on at {positions}, {again} records learned again \
             (found and loaded in {found} ms, learned again in {read} ms)"
        );
    }
}
