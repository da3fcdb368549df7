//! A member's side of the simulated cluster: its source, its ledger, its clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, Kept, Landed, Piece, landed};
use gristmill::rows::{Partition, RawRecord, RawRows};
use gristmill::spec::Guarantee;
use gristmill_io::clock::Clock;
use gristmill_io::ledger::{Answered, Commit, Found, Known, Ledger, LedgerError, Part, program, reopen, unchanged};
use gristmill_io::source::{Assignment, Event, Reread, Source, SourceError};

use crate::cluster::{Cluster, DEAD, INPUT, JOURNAL, Refused, STATE};
use crate::group::{Change, Id};
use crate::log::Transaction;
use crate::random::Random;

/// A mistake that a simulation must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The journal is written outside of the transaction.
    JournalOutside,
    /// A revocation is acknowledged before the commit has ended.
    EarlyAcknowledgement,
    /// After an abort the records are stepped again instead of the same bytes being sent again.
    StepsAgain,
    /// A snapshot is valid before its last chunk.
    EarlySnapshot,
}

/// What happened in a simulation, so that nobody believes in faults that never came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Members that crashed with a transaction open.
    pub crashes_in_transactions: u64,
    /// Commits refused since the producer was fenced.
    pub fenced: u64,
    /// Commits aborted and sent again.
    pub aborted: u64,
    /// Commits whose answer was lost.
    pub unanswered: u64,
    /// Recoveries with records to learn again.
    pub replays: u64,
    /// Shards that came back to a member that still had them.
    pub remembered: u64,
    /// Snapshots that went out in several commits.
    pub in_pieces: u64,
    /// Partitions lost without being asked.
    pub lost: u64,
    /// Recoveries that had to wait for a pending transaction.
    pub waited: u64,
    /// Starts for which the group's offsets were gone.
    pub trusted: u64,
}

impl Facts {
    /// Adds those of another simulation.
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
    }
}

/// What is armed against a member's next commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Its group metadata is stale.
    pub stale: bool,
    /// A request times out, so that it must be aborted.
    pub breaks: bool,
    /// Its answer is lost; what it asked for has happened.
    pub lost_after: bool,
    /// Its answer is lost; what it asked for has not happened.
    pub lost_before: bool,
}

/// What all members share.
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// Decides how much is read at once.
    pub random: Random,
    /// What is done wrong on purpose.
    pub mutant: Option<Mutant>,
    /// What happened.
    pub facts: Facts,
    /// Faults by member.
    pub faults: BTreeMap<usize, Faults>,
    /// Each member's id in the group.
    pub ids: BTreeMap<usize, Id>,
    /// Commits on their way, by member.
    pub under_way: BTreeMap<usize, UnderWay>,
    /// What members have sent ahead, in transactions that are open.
    ahead: BTreeMap<usize, (Transaction, Vec<Arc<Part>>)>,
    /// Partitions of a member whose records are to be read again, for a mutant.
    rewind: BTreeMap<usize, Vec<(i32, i64)>>,
}

/// Shared by the members of one simulation.
pub type Shared = Arc<Mutex<World>>;

/// The world, locked.
pub fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

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
            ahead: BTreeMap::new(),
            rewind: BTreeMap::new(),
        }
    }
}

/// The clock of a simulation.
pub struct Simulated(pub Shared);

impl Clock for Simulated {
    fn now(&self) -> Duration {
        lock(&self.0).cluster.now()
    }
}

/// A member's source.
pub struct SimulatedSource {
    world: Shared,
    member: usize,
    topic: Arc<str>,
    id: Id,
    owned: Vec<i32>,
    /// The next position of each partition that is being read.
    reading: BTreeMap<i32, i64>,
    turn: usize,
    /// Whether it was expelled and has not acknowledged that yet.
    expelled: bool,
    /// Whether it was told to let partitions go and has not acknowledged that yet.
    revoking: bool,
}

impl SimulatedSource {
    /// Joins the group.
    pub fn join(world: &Shared, member: usize) -> Self {
        let mut locked = lock(world);
        let now = locked.cluster.now();
        let id = locked.cluster.group.join(now);
        locked.ids.insert(member, id);
        Self {
            world: Arc::clone(world),
            member,
            topic: INPUT.into(),
            id,
            owned: Vec::new(),
            reading: BTreeMap::new(),
            turn: 0,
            expelled: false,
            revoking: false,
        }
    }

    fn partitions(&self, numbers: &[i32]) -> Vec<Partition> {
        numbers.iter().map(|number| Partition { topic: Arc::clone(&self.topic), number: *number }).collect()
    }

    fn join_again(&mut self, world: &mut World) {
        let now = world.cluster.now();
        self.id = world.cluster.group.join(now);
        world.ids.insert(self.member, self.id);
    }

    /// The committed records of a partition from a position on, a few at a time.
    fn read(&self, world: &mut World, number: i32, from: i64, to: i64) -> RawRows {
        let most = 1 + world.random.below(5) as usize;
        let mut rows = RawRows::new(Partition { topic: Arc::clone(&self.topic), number });
        let Some(log) = world.cluster.log(INPUT, number) else { return rows };
        for (offset, record) in log.committed(world.cluster.transactions(), from, to).take(most) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            rows.push(RawRecord { offset, timestamp: Some(offset), key, value, headers: &[] });
        }
        rows
    }
}

impl Source for SimulatedSource {
    fn poll(&mut self, _: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if !world.cluster.group.has(self.id) {
            // Expelled: it hears of it now, and joins again when it has let go. One thing after the other: what it was
            // told before must be acknowledged first.
            self.reading.clear();
            if self.revoking {
                return Ok(None);
            }
            let lost = std::mem::take(&mut self.owned);
            if !lost.is_empty() {
                world.facts.lost += 1;
                self.expelled = true;
                return Ok(Some(Event::Lost(self.partitions(&lost))));
            }
            if !self.expelled {
                self.join_again(&mut world);
            }
            return Ok(None);
        }
        for (number, position) in world.rewind.remove(&self.member).unwrap_or_default() {
            self.reading.entry(number).and_modify(|next| *next = position);
        }
        match world.cluster.group.next(self.id) {
            Some(Change::Assigned(numbers)) => {
                self.owned.extend(&numbers);
                let assigned = self.partitions(&numbers).into_iter();
                let assigned = assigned.map(|partition| Assignment { partition, header: None });
                return Ok(Some(Event::Assigned(assigned.collect())));
            }
            Some(Change::Revoked(numbers)) => {
                if world.mutant == Some(Mutant::EarlyAcknowledgement) {
                    world.cluster.group.release(self.id, &numbers);
                }
                self.revoking = true;
                return Ok(Some(Event::Revoked(self.partitions(&numbers))));
            }
            None => {}
        }
        if !room || self.reading.is_empty() {
            return Ok(None);
        }
        self.turn += 1;
        let Some((number, from)) = self.reading.iter().nth(self.turn % self.reading.len()) else { return Ok(None) };
        let (number, from) = (*number, *from);
        // Now and then it brings once more what it brought before, as clients do that were just set to a position.
        let from = if world.random.percent(5) { from - world.random.below(4) as i64 } else { from };
        let rows = self.read(&mut world, number, from, i64::MAX);
        match rows.next() {
            Some(next) => {
                self.reading.insert(number, next);
                Ok(Some(Event::Rows(rows)))
            }
            None => Ok(self.partitions(&[number]).pop().map(Event::CaughtUp)),
        }
    }

    fn accept(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, partition: &Partition, position: i64) -> Result<(), SourceError> {
        self.reading.insert(partition.number, position);
        Ok(())
    }

    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError> {
        self.reading.remove(&partition.number);
        Ok(())
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        self.reading.retain(|number, _| !numbers.contains(number));
        self.owned.retain(|number| !numbers.contains(number));
        self.revoking = false;
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        world.cluster.group.release(self.id, &numbers);
        if std::mem::take(&mut self.expelled) {
            self.join_again(&mut world);
        }
        Ok(())
    }

    fn lost(&self) -> bool {
        !lock(&self.world).cluster.group.has(self.id)
    }

    fn reread(&mut self, partition: &Partition, from: i64, to: i64) -> Result<Reread, SourceError> {
        let mut world = lock(&self.world);
        if world.random.percent(20) {
            return Ok(Reread::Nothing);
        }
        let rows = self.read(&mut world, partition.number, from, to);
        Ok(if rows.is_empty() { Reread::End } else { Reread::Rows(rows) })
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, SourceError> {
        let world = lock(&self.world);
        Ok(partitions.iter().map(|partition| world.cluster.offset(partition.number).0).collect())
    }

    fn over_markers(&mut self, partition: &Partition, position: i64) -> Result<Option<i64>, SourceError> {
        let world = lock(&self.world);
        let Some(log) = world.cluster.log(INPUT, partition.number) else { return Ok(None) };
        let transactions = world.cluster.transactions();
        let end = log.stable_end(transactions);
        let only_markers = log.committed(transactions, position, end).next().is_none();
        Ok((only_markers && end > position).then_some(end))
    }
}

/// How far a commit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Write(usize),
    Offsets,
    End,
}

/// A commit on its way.
pub struct UnderWay {
    commit: Commit,
    step: Step,
    transaction: Option<Transaction>,
    places: Vec<(Partition, i64)>,
    answer: Option<Answer>,
}

impl UnderWay {
    /// Its transaction, while it is open.
    pub fn transaction(&self) -> Option<Transaction> {
        self.transaction
    }
}

/// A member's ledger.
pub struct SimulatedLedger {
    plan: Arc<Plan>,
    world: Shared,
    member: usize,
    /// For each partition that is looked for, where its journal ended at first.
    seen: BTreeMap<i32, i64>,
    /// A commit whose parts are looked for, and where their journals ended when that began.
    renewing: Option<(Vec<i64>, Commit)>,
}

impl SimulatedLedger {
    /// The ledger of a member.
    pub fn new(plan: &Arc<Plan>, world: &Shared, member: usize) -> Self {
        let (plan, world) = (Arc::clone(plan), Arc::clone(world));
        Self { plan, world, member, seen: BTreeMap::new(), renewing: None }
    }

    fn kept(&mut self, world: &World, number: i32) -> Kept {
        let cluster = &world.cluster;
        let journal = cluster.log(JOURNAL, number);
        let (end, stable) = journal.map_or((0, 0), |log| (log.end(), log.stable_end(cluster.transactions())));
        let seen = *self.seen.entry(number).or_insert(end);
        let (offsets, pending) = cluster.offset(number);
        let slots = cluster.slots(number);
        let from = slots.valid().first().map_or(0, |manifest| manifest.journal);
        let entries = cluster.entries(number).into_iter().filter(|(offset, _)| *offset >= from);
        let first = cluster.log(INPUT, number).map_or(0, |log| log.first());
        Kept {
            slots,
            entries: entries.map(|(_, entry)| entry).collect(),
            offsets,
            first,
            start: first,
            settled: stable >= seen && !pending,
        }
    }
}

/// The records of a part: topic, key and value, the journal's entry and pieces of snapshots last.
fn records(plan: &Plan, part: &Part, mutant: Option<Mutant>) -> Vec<(String, Option<Vec<u8>>, Vec<u8>)> {
    let mut records = Vec::new();
    for decision in part.outbox.decisions() {
        let topic = plan.outputs.get(decision.output).map_or_else(String::new, |output| format!("out-{}", output.name));
        records.push((topic, decision.key.map(<[u8]>::to_vec), decision.value.to_vec()));
    }
    for letter in &part.letters {
        records.push((DEAD.into(), None, letter.to_json().to_string().into_bytes()));
    }
    if let Some(entry) = &part.entry {
        records.push((JOURNAL.into(), None, entry.encode()));
    }
    for piece in &part.pieces {
        if let (Piece::Chunk { slot, sequence, index: 0, bytes }, Some(Mutant::EarlySnapshot)) = (piece, mutant) {
            // With its first chunk there is a manifest that asks for no more.
            let position = part.position;
            let about = gristmill::protocol::Manifest {
                slot: *slot,
                sequence: *sequence,
                position,
                journal: 0,
                chunks: 0,
                length: 0,
                checksum: 0,
                program: program(),
                plan: plan.fingerprint(),
            };
            let pieces = Piece::cut(about, bytes, usize::MAX);
            records.extend(pieces.iter().map(|piece| (STATE.into(), Some(piece.key().into_bytes()), piece.value())));
        }
        records.push((STATE.into(), Some(piece.key().into_bytes()), piece.value()));
    }
    records
}

/// Whether the first of these are those.
fn same(written: &[Arc<Part>], parts: &[Arc<Part>]) -> bool {
    written.iter().zip(parts).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// What became of each part, once nothing hides it.
fn fates(world: &World, ends: &[i64], commit: &Commit) -> Option<Vec<(Partition, Landed)>> {
    let mut fates = Vec::new();
    for (part, end) in commit.last_parts().zip(ends) {
        let number = part.partition.number;
        let stable = |log: &crate::log::Log| log.stable_end(world.cluster.transactions());
        let (offset, pending) = world.cluster.offset(number);
        if world.cluster.log(JOURNAL, number).map_or(0, stable) < *end || pending {
            return None;
        }
        let tail = world.cluster.entries(number).iter().map(|(_, entry)| entry.sequence).max();
        let fate = match &part.entry {
            Some(entry) => landed(tail, entry.sequence),
            None if part.pieces.is_empty() && offset == Some(part.position) => Landed::Forget,
            None => Landed::Resend,
        };
        fates.push((part.partition.clone(), fate));
    }
    Some(fates)
}

impl Ledger for SimulatedLedger {
    fn recall(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, LedgerError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if world.random.percent(30) {
            return Ok(None);
        }
        let kept = self.kept(&world, partition.number);
        if !kept.settled {
            world.facts.waited += 1;
            return Ok(None);
        }
        let tail = kept.entries.iter().map(|entry| entry.sequence).max();
        if let Some(known) = known.filter(|known| unchanged(&self.plan, *known, tail, kept.offsets)) {
            let _ = known;
            world.facts.remembered += 1;
            self.seen.remove(&partition.number);
            return Ok(Some(Found::Unchanged));
        }
        let found = reopen(&self.plan, partition, &kept, program())?;
        if let Some(Found::Open(recovery, _)) = &found {
            self.seen.remove(&partition.number);
            world.facts.replays += u64::from(recovery.replay.iter().any(|run| run.consumed.count > 0));
            world.facts.trusted += u64::from(recovery.announce && recovery.sequence > 0);
        }
        Ok(found)
    }

    fn forget(&mut self, partition: &Partition) {
        self.seen.remove(&partition.number);
    }

    fn ahead(&mut self, parts: &[Arc<Part>]) -> Result<(), LedgerError> {
        let mut world = lock(&self.world);
        if self.plan.guarantee == Guarantee::ExactlyOnce {
            world.write_ahead(&self.plan, self.member, parts);
        }
        Ok(())
    }

    fn send(&mut self, commit: Commit) -> Result<(), LedgerError> {
        let mut world = lock(&self.world);
        let (mut step, mut transaction) = (Step::Begin, None);
        if let Some((open, written)) = world.ahead.remove(&self.member) {
            if written.len() <= commit.parts.len() && same(&written, &commit.parts) {
                (step, transaction) = (Step::Write(written.len()), Some(open));
            } else {
                world.cluster.abort(open);
            }
        }
        let under_way = UnderWay { commit, step, transaction, places: Vec::new(), answer: None };
        world.under_way.insert(self.member, under_way);
        Ok(())
    }

    fn renew(&mut self, commit: Commit) -> Result<(), LedgerError> {
        let mut world = lock(&self.world);
        // Beginning anew with the same id ends what was pending.
        if let Some((open, _)) = world.ahead.remove(&self.member) {
            world.cluster.abort(open);
        }
        if let Some(transaction) = world.under_way.remove(&self.member).and_then(|one| one.transaction) {
            world.cluster.abort(transaction);
        }
        let ends = commit.last_parts().map(|part| {
            let log = world.cluster.log(JOURNAL, part.partition.number);
            log.map_or(0, crate::log::Log::end)
        });
        self.renewing = Some((ends.collect(), commit));
        Ok(())
    }

    fn answer(&mut self, _: Duration) -> Result<Option<Answered>, LedgerError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if let Some(fates) = self.renewing.as_ref().map(|(ends, commit)| fates(&world, ends, commit)) {
            // What somebody else has left open hides what is committed behind it.
            self.renewing.take_if(|_| fates.is_some());
            return Ok(fates.map(Answered::Renewed));
        }
        let Some(answer) = world.under_way.get(&self.member).and_then(|one| one.answer) else { return Ok(None) };
        let places = match answer {
            // After these the commit may have to be looked into.
            Answer::Fatal | Answer::Unknown => Vec::new(),
            Answer::Done | Answer::Abortable => {
                world.under_way.remove(&self.member).map(|one| one.places).unwrap_or_default()
            }
        };
        if let Some(one) = world.under_way.get_mut(&self.member) {
            one.answer = None;
        }
        Ok(Some(Answered::Commit(answer, places)))
    }

    fn pieces(&self) -> (usize, usize) {
        (700, 1_500)
    }
}

impl World {
    /// Parts of a commit that will come are written already, in a transaction that stays open.
    fn write_ahead(&mut self, plan: &Plan, member: usize, parts: &[Arc<Part>]) {
        let (mut open, mut written) = match self.ahead.remove(&member) {
            Some((open, written)) => (Some(open), written),
            None => (None, Vec::new()),
        };
        if written.len() > parts.len() || !same(&written, parts) {
            open.take().into_iter().for_each(|open| self.cluster.abort(open));
            written.clear();
        }
        if parts.is_empty() {
            return;
        }
        let open = open.unwrap_or_else(|| self.cluster.begin());
        for part in parts.iter().skip(written.len()) {
            for (topic, key, value) in records(plan, part, None) {
                // A transaction that has timed out shows itself when it is to be committed.
                let _ = self.cluster.write(&topic, part.partition.number, (key, Some(value)), Some(open));
            }
        }
        self.ahead.insert(member, (open, parts.to_vec()));
    }

    /// A member is gone; whether it has left a transaction open.
    pub fn gone(&mut self, member: usize) -> bool {
        self.ids.remove(&member);
        let ahead = self.ahead.remove(&member).map(|(open, _)| open);
        let under_way = self.under_way.remove(&member).and_then(|one| one.transaction());
        [ahead, under_way].into_iter().flatten().any(|transaction| self.cluster.is_open(transaction))
    }

    /// A member's commit goes a step further.
    pub fn progress(&mut self, plan: &Plan, member: usize) {
        let Some(mut one) = self.under_way.remove(&member) else { return };
        if one.answer.is_none() {
            let faults = self.faults.get(&member).copied().unwrap_or_default();
            one.answer = match plan.guarantee {
                Guarantee::ExactlyOnce => self.transact(plan, member, &mut one, faults),
                Guarantee::AtLeastOnce => self.flush(plan, member, &mut one),
            };
            if one.answer.is_some() {
                self.faults.remove(&member);
            }
        }
        self.under_way.insert(member, one);
    }

    fn transact(&mut self, plan: &Plan, member: usize, one: &mut UnderWay, faults: Faults) -> Option<Answer> {
        let step =
            match one.step {
                Step::Begin => {
                    one.transaction = Some(self.cluster.begin());
                    self.facts.in_pieces +=
                        u64::from(one.commit.parts.iter().any(|part| {
                            part.pieces.len() == 1 && matches!(part.pieces.first(), Some(Piece::Manifest(_)))
                        }));
                    Ok(Step::Write(0))
                }
                Step::Write(part) => self.write(plan, one, part),
                Step::Offsets => {
                    let offsets: Vec<(i32, i64)> =
                        one.commit.parts.iter().map(|part| (part.partition.number, part.position)).collect();
                    // Of several parts of a partition the last one counts.
                    let id = self.ids.get(&member).copied().unwrap_or_default();
                    let generation = self.cluster.group.generation() - u64::from(faults.stale);
                    let added = self.cluster.add_offsets(one.transaction?, id, generation, &offsets);
                    added.map(|()| Step::End)
                }
                Step::End if faults.breaks => Err(Refused::Generation),
                Step::End if faults.lost_before => {
                    self.facts.unanswered += 1;
                    return Some(Answer::Unknown);
                }
                Step::End => match self.cluster.commit(one.transaction?) {
                    Ok(()) => {
                        one.transaction = None;
                        self.facts.unanswered += u64::from(faults.lost_after);
                        return Some(if faults.lost_after { Answer::Unknown } else { Answer::Done });
                    }
                    Err(refused) => Err(refused),
                },
            };
        match step {
            Ok(step) => {
                one.step = step;
                None
            }
            Err(Refused::Fenced) => {
                self.facts.fenced += 1;
                one.transaction = None;
                Some(Answer::Fatal)
            }
            Err(Refused::Generation) => {
                self.facts.aborted += 1;
                self.cluster.abort(one.transaction.take()?);
                Some(self.abortable(member, one))
            }
        }
    }

    /// What an abort is answered with: the truth, unless a mutant steps again.
    fn abortable(&mut self, member: usize, one: &UnderWay) -> Answer {
        if self.mutant != Some(Mutant::StepsAgain) {
            return Answer::Abortable;
        }
        let begin = |part: &Arc<Part>| Some((part.partition.number, part.entry.as_ref()?.from()?));
        self.rewind.insert(member, one.commit.parts.iter().filter_map(begin).collect());
        Answer::Done
    }

    fn write(&mut self, plan: &Plan, one: &mut UnderWay, index: usize) -> Result<Step, Refused> {
        let Some(part) = one.commit.parts.get(index).cloned() else { return Ok(Step::Offsets) };
        for (topic, key, value) in records(plan, &part, self.mutant) {
            let journal = topic == JOURNAL;
            let outside = journal && self.mutant == Some(Mutant::JournalOutside);
            let transaction = one.transaction.filter(|_| !outside);
            let offset = self.cluster.write(&topic, part.partition.number, (key, Some(value)), transaction)?;
            if journal {
                one.places.push((part.partition.clone(), offset));
            }
        }
        Ok(Step::Write(index + 1))
    }

    /// At least once: answers, then journal and snapshots, then offsets, each visible at once.
    fn flush(&mut self, plan: &Plan, member: usize, one: &mut UnderWay) -> Option<Answer> {
        let kept = |topic: &str| topic == JOURNAL || topic == STATE;
        let parts = one.commit.parts.clone();
        for part in &parts {
            for (topic, key, value) in records(plan, part, None) {
                if kept(&topic) == (one.step == Step::Offsets) && one.step != Step::End {
                    let written = self.cluster.write(&topic, part.partition.number, (key, Some(value)), None);
                    if let (Ok(offset), JOURNAL) = (written, topic.as_str()) {
                        one.places.push((part.partition.clone(), offset));
                    }
                }
            }
        }
        one.step = match one.step {
            Step::Begin | Step::Write(_) => Step::Offsets,
            Step::Offsets => Step::End,
            Step::End => {
                let id = self.ids.get(&member).copied().unwrap_or_default();
                if self.cluster.group.has(id) {
                    for part in &parts {
                        self.cluster.set_offset(part.partition.number, Some(part.position));
                    }
                }
                return Some(Answer::Done);
            }
        };
        None
    }
}
