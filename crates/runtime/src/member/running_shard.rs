//! A running shard: what it has done since its last commit, and what of it is in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::lookup::LookupPlan;
use gristmill::protocol::{Code, Consumed, Entry, Manifest, Piece, Recovery, Replay, Run};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, Positions, RawRows, Refusal};
use gristmill::shard::{Outbox, Shard};

use super::MemberError;
use crate::work::{Doing, Work};
use gristmill_connect::commit::PartitionCommit;
use gristmill_connect::committer::Known;
use gristmill_connect::dead_letter::DeadLetter;
use gristmill_connect::restore::code;
use gristmill_formats::Decoders;

/// More alternations of inputs than this are not put into one entry of the journal: it has to fit into a record.
const MOST_STRETCHES: usize = 4_000;

/// Consecutive records of one input.
struct Stretch {
    input: Arc<str>,
    consumed: Consumed,
    /// To where event time moved on after it, since the partition was silent.
    tick: Option<i64>,
}

/// A running shard.
pub(super) struct RunningShard {
    plan: RunnablePlan,
    /// The code that learns, for the journal; none without a journal.
    code: Option<Code>,
    pub(super) shard: Shard,
    decoders: Decoders,
    /// The runs to replay before anything new.
    pub(super) replay: Replay,
    replay_start: Positions,
    sequence: u64,
    /// Consumed since the last commit was sent, input by input in the order of arrival.
    consumed: Vec<Stretch>,
    /// The next position to read of each input.
    positions: Positions,
    /// Whether all buffered rows were released after that.
    flushed: bool,
    outbox: Outbox,
    dead_letters: Vec<DeadLetter>,
    commit_start: bool,
    /// Whether an input begins that the journal does not know yet.
    begins: bool,
    /// The position in the journal at or after which the entries after the next snapshot are.
    pub(super) journal: Position,
    slot: u32,
    pieces: VecDeque<Piece>,
    /// When the state was last saved, and the sequence then.
    saved: (Duration, Option<u64>),
    rows_since_saved: u64,
    /// Whether a table has changed since the state was saved.
    renewed: bool,
}

impl RunningShard {
    /// A shard that resumes from a recovery.
    pub(super) fn new(
        plan: RunnablePlan,
        shard: Shard,
        decoders: Decoders,
        recovery: &Recovery,
        now: Duration,
    ) -> Self {
        let replay = Replay::new(recovery.replay.iter().cloned());
        let manifest = recovery.saved.as_ref().map(|saved| &saved.manifest);
        // A topic's content may differ at the next start, so it is saved with the first rows.
        let changes = |table: &LookupPlan| !table.source.stays();
        let renewed = manifest.is_none() && plan.lookups.iter().any(changes);
        let mut replay_start = recovery.positions.clone();
        recovery.replay.iter().rev().for_each(|run| replay_start.set(&run.topic, run.consumed.from));
        Self {
            code: plan.journals().then(|| code(&plan)),
            plan,
            shard,
            decoders,
            replay,
            replay_start,
            sequence: recovery.sequence,
            consumed: Vec::new(),
            positions: recovery.positions.clone(),
            flushed: false,
            outbox: Outbox::default(),
            dead_letters: Vec::new(),
            commit_start: recovery.commit_start,
            begins: recovery.begins,
            journal: manifest.map_or(Position::START, |manifest| manifest.journal),
            slot: recovery.slot,
            pieces: VecDeque::new(),
            saved: (now, manifest.map(|manifest| manifest.sequence)),
            rows_since_saved: 0,
            renewed,
        }
    }

    /// What it does from now on, visible to other threads.
    pub(super) fn work(&self, doing: Doing, partition: &Partition) -> Work {
        let (plan, at, input) = (Arc::clone(&self.plan), self.shard.at(), &partition.topic);
        let next = || self.position(input).unwrap_or_default();
        at.set(if matches!(doing, Doing::Step) { next() } else { self.replay_from(input) });
        Work { plan, doing, partition: partition.clone(), at, since: Instant::now() }
    }

    /// The next position to read of an input.
    pub(super) fn position(&self, input: &str) -> Option<Position> {
        self.positions.get(input)
    }

    /// Its position, in case it returns.
    pub(super) fn known(&self) -> Known {
        Known { sequence: self.sequence, positions: self.positions.clone() }
    }

    /// Steps replayed records, with outputs suppressed.
    pub(super) fn replay_rows(&mut self, raw: &RawRows) -> Result<(), MemberError> {
        if let Some(run) = self.replay.run().cloned() {
            run.with_what_it_had(&mut self.shard)?;
        }
        self.replay.consume(raw)?;
        let (mut refusals, mut muted) = (Vec::new(), Outbox::default());
        let rows = self.decoders.decode(raw, &mut refusals);
        self.shard.step(raw, &rows, &mut refusals, &mut muted)?;
        self.rows_since_saved += raw.len() as u64;
        self.replay_release()
    }

    /// Releases rows that waited, with outputs suppressed, if that was done at this position.
    pub(super) fn replay_release(&mut self) -> Result<(), MemberError> {
        while let Some(run) = self.replay.release() {
            run.with_what_it_had(&mut self.shard)?;
            run.release(&mut self.shard)?;
        }
        Ok(())
    }

    /// Uses the current content of the tables: the replay is complete. The state is saved with the first rows that are
    /// looked up in it.
    pub(super) fn renew_tables(&mut self) {
        let before = self.shard.tables();
        self.shard.renew_tables();
        self.renewed |= self.shard.tables() != before;
    }

    /// Switches to the newest version of the pretrained model, at the beginning of a journal run: it names one.
    fn renew_model(&mut self) {
        let versions = self.plan.resources.versions.as_ref();
        let Some(versions) = versions.filter(|_| self.rows() == 0 && !self.flushed) else { return };
        let newest = versions.newest();
        if newest != self.shard.version() && self.shard.take_version(newest) {
            tracing::info!(name: "model_version_taken", partition = %self.partition(), version = newest, "{}: version {newest} of the model scores from {} on", self.partition(), self.positions);
        }
    }

    /// Releases all buffered rows, since no more will arrive; whether there were any.
    pub(super) fn flush(&mut self) -> Result<bool, MemberError> {
        let any = self.shard.waiting() > 0;
        if any {
            let waited = self.shard.flush(&mut self.outbox)?;
            self.dead_letters.extend(DeadLetter::of(&RawRows::new(self.partition().clone()), &[], &waited));
            self.flushed = true;
        }
        Ok(any)
    }

    /// The partition has been silent for so long: moves event time on, if a row waits for that; whether one did.
    pub(super) fn tick(&mut self, silence: Duration) -> Result<bool, MemberError> {
        let Some((latest, next)) = self.shard.latest().zip(self.shard.next_release()) else { return Ok(false) };
        let to = latest.saturating_add(i64::try_from(silence.as_micros()).unwrap_or(i64::MAX));
        if to < next {
            return Ok(false);
        }
        let waited = self.shard.tick(to, &mut self.outbox)?;
        self.dead_letters.extend(DeadLetter::of(&RawRows::new(self.partition().clone()), &[], &waited));
        if self.consumed.last().is_none_or(|last| last.tick.is_some()) {
            let input = Arc::clone(&self.partition().topic);
            let from = self.positions.get(&input).unwrap_or_default();
            self.consumed.push(Stretch { input, consumed: Consumed::nothing(from), tick: None });
        }
        self.consumed.iter_mut().last().into_iter().for_each(|last| last.tick = Some(to));
        Ok(true)
    }

    /// Steps new records and keeps the outputs. Without dead letters, only the records before the first bad one are
    /// stepped, and that one is returned.
    pub(super) fn step(&mut self, raw: &RawRows) -> Result<Option<Refusal>, MemberError> {
        self.renew_model();
        let mut refusals = Vec::new();
        let mut rows = self.decoders.decode(raw, &mut refusals);
        let (mut before, mut first) = (None, None);
        if self.plan.dead_letters.is_none() {
            self.shard.check(raw, &rows, &mut refusals);
            first = refusals.drain(..).min_by_key(|refusal| refusal.record);
            if let Some(refusal) = &first {
                let mut good = raw.clone();
                good.truncate(refusal.record);
                rows = self.decoders.decode(&good, &mut refusals);
                before = Some(good);
            }
        }
        let stepped = before.as_ref().unwrap_or(raw);
        let waited = self.shard.step(stepped, &rows, &mut refusals, &mut self.outbox)?;
        self.dead_letters.extend(DeadLetter::of(stepped, &refusals, &waited));
        self.consume(&raw.partition.topic, |consumed| stepped.iter().for_each(|record| consumed.add(&record)));
        self.rows_since_saved += stepped.len() as u64;
        Ok(first)
    }

    /// Moves past positions without records: transaction markers.
    pub(super) fn skip(&mut self, input: &Arc<str>, to: Position) {
        self.consume(input, |consumed| consumed.next = consumed.next.max(to));
    }

    /// Adds to what was consumed of an input since records of another one came.
    fn consume(&mut self, input: &Arc<str>, add: impl FnOnce(&mut Consumed)) {
        if self.consumed.last().is_none_or(|last| last.input != *input || last.tick.is_some()) {
            let from = self.positions.get(input).unwrap_or_default();
            self.consumed.push(Stretch { input: Arc::clone(input), consumed: Consumed::nothing(from), tick: None });
        }
        if let Some(last) = self.consumed.last_mut() {
            add(&mut last.consumed);
            self.positions.set(input, last.consumed.next);
        }
    }

    /// Records stepped since the last commit was sent.
    pub(super) fn rows(&self) -> u64 {
        self.consumed.iter().map(|stretch| stretch.consumed.count).sum()
    }

    /// Whether so many stretches of its inputs alternate that the journal's entry becomes large.
    pub(super) fn alternates(&self) -> bool {
        self.consumed.len() >= MOST_STRETCHES
    }

    /// Whether rows, or its start, are not committed yet.
    pub(super) fn uncommitted(&self) -> bool {
        self.commit_start || self.flushed || self.has_moved()
    }

    fn has_moved(&self) -> bool {
        self.consumed.iter().any(|stretch| stretch.consumed.next > stretch.consumed.from || stretch.tick.is_some())
    }

    /// Whether something must be committed although no row has arrived: its start, or the rest of a snapshot.
    pub(super) fn in_pieces(&self) -> bool {
        self.commit_start || self.flushed || !self.pieces.is_empty()
    }

    /// Whether the rest of a snapshot is still to be written.
    pub(super) fn saving(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The position of the replay.
    pub(super) fn replay_from(&self, input: &str) -> Position {
        let first = self.replay_start.get(input).unwrap_or_default();
        self.shard.positions().get(input).map_or(first, |position| position.max(first))
    }

    /// Discards what is valid only for an assignment epoch; whether the shard may be used again later.
    pub(super) fn suspend(&mut self) -> bool {
        if !self.pieces.is_empty() {
            // The slot that is partly written is the one to write next, not the complete one.
            let slots = self.plan.snapshot().keep;
            self.slot = (self.slot + slots - 1) % slots;
            self.saved.1 = None;
            self.pieces.clear();
        }
        self.plan.journals() && !self.uncommitted()
    }

    /// Whether there is anything to commit.
    pub(super) fn pending(&self) -> bool {
        self.uncommitted() || !self.pieces.is_empty()
    }

    /// Whether the whole state should be saved now.
    pub(super) fn due(&self, now: Duration) -> bool {
        let snapshot = self.plan.snapshot();
        self.plan.journals()
            && self.pieces.is_empty()
            && self.rows_since_saved > 0
            && (self.renewed
                || self.rows_since_saved >= snapshot.rows
                || now.saturating_sub(self.saved.0) >= snapshot.every.0)
    }

    /// Whether the newest snapshot, if there is one, is older than the last commit.
    pub(super) fn unsaved(&self) -> bool {
        self.plan.journals() && self.pieces.is_empty() && self.sequence > 0 && self.saved.1 != Some(self.sequence)
    }

    /// Saves the state as of everything that was sent: it is written with the next commits, in pieces.
    fn save(&mut self, limit: usize, now: Duration) {
        let Some(Code { plan, program }) = self.code else { return };
        let about = Manifest {
            slot: self.slot,
            sequence: self.sequence,
            positions: self.positions.clone(),
            journal: self.journal,
            program,
            plan,
            ..Manifest::default()
        };
        self.pieces = Piece::cut(about, &self.shard.snapshot(), limit);
        self.slot = (self.slot + 1) % self.plan.snapshot().keep;
        self.saved = (now, Some(self.sequence));
        self.rows_since_saved = 0;
        self.renewed = false;
    }

    /// The outputs so far, with an entry and pieces.
    fn take(&mut self, entry: Option<Entry>, pieces: Vec<Piece>) -> PartitionCommit {
        let another = self.outbox.another();
        PartitionCommit {
            partition: self.shard.partition().clone(),
            outbox: std::mem::replace(&mut self.outbox, another),
            dead_letters: std::mem::take(&mut self.dead_letters),
            entry,
            positions: self.positions.clone(),
            pieces,
        }
    }

    /// The outputs so far, to be prewritten before the commit that will make them visible; none if there are none.
    pub(super) fn prewrite(&mut self) -> Option<PartitionCommit> {
        let part = self.take(None, Vec::new());
        (!part.outbox.is_empty() || !part.dead_letters.is_empty()).then_some(part)
    }

    /// Everything since the last commit, to be sent; none if there is nothing. `save`: whether to save the state, as of
    /// this commit.
    pub(super) fn part(&mut self, save: bool, limits: (usize, &mut usize), now: Duration) -> Option<PartitionCommit> {
        let (limit, budget) = limits;
        let uncommitted = self.uncommitted();
        let entry = self.entry();
        self.commit_start = false;
        self.consumed.clear();
        if save {
            self.save(limit, now);
        }
        let mut pieces = Vec::new();
        while let Some(piece) = self.pieces.front()
            && (pieces.is_empty() || piece.size() <= *budget)
        {
            *budget = budget.saturating_sub(piece.size());
            pieces.extend(self.pieces.pop_front());
        }
        let part = self.take(entry, pieces);
        (uncommitted || !part.pieces.is_empty()).then_some(part)
    }

    /// What was consumed since the last commit, for the journal. It names every input, so that one entry leads to the next
    /// in all of them.
    fn entry(&mut self) -> Option<Entry> {
        let (flushed, begins) = (std::mem::take(&mut self.flushed), std::mem::take(&mut self.begins));
        if !self.plan.journals() || !(self.has_moved() || begins || flushed) {
            return None;
        }
        let (tables, version) = (self.shard.tables(), self.shard.version());
        let moved = |input: &Arc<str>| self.consumed.iter().any(|stretch| stretch.input == *input);
        let unmoved = self.positions.iter().filter(|(input, _)| !moved(input));
        let run = |input: &Arc<str>, consumed, tick| Run {
            topic: Arc::clone(input),
            consumed,
            flushed: false,
            tick,
            tables,
            version,
        };
        let unmoved = unmoved.map(|(input, position)| run(input, Consumed::nothing(position), None));
        let moved = self.consumed.iter().map(|stretch| run(&stretch.input, stretch.consumed, stretch.tick));
        let mut runs: Vec<Run> = unmoved.chain(moved).collect();
        if let Some(last) = runs.last_mut() {
            last.flushed = flushed;
        }
        let entry = Entry { sequence: self.sequence, runs, code: self.code, installed: false };
        self.sequence += 1;
        Some(entry)
    }

    pub(super) fn partition(&self) -> &Partition {
        self.shard.partition()
    }
}
