//! The member loop: one thread, one source, one committer, the shards of its partitions.
//!
//! poll → decode → step, and periodically a commit is sent; while it is in flight the member continues, and the results
//! wait for the next one. The loop never blocks on I/O, so it cannot delay a rebalance; a [`turn`](Member::turn) does
//! what can be done now.

mod error;
mod leave;
mod partitions;
mod running_shard;

pub use error::MemberError;

use std::sync::Arc;
use std::time::Duration;

use gristmill::pretrained::at_home;
use gristmill::protocol::{After, Answer, CommitOutcome, after};
use gristmill::report::{Closed, Tally};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, RawRows, Refusal};

use crate::clock::Clock;
use crate::control::Control;
use crate::work::Doing;
use gristmill_connect::commit::Commit;
use gristmill_connect::committer::{Answered, Committer};
use gristmill_connect::source::{Event, Source};
use partitions::{Partitions, ShardState};

/// How long before a commit is due its outputs are prewritten. Not earlier: an open transaction blocks readers, if the
/// member is then killed.
const PREWRITE: Duration = Duration::from_millis(12);
/// How often they are prewritten.
const PREWRITE_PAUSE: Duration = Duration::from_millis(2);
/// How long a member waits for records before it does other work.
const LOOK_AROUND: Duration = Duration::from_millis(100);
/// How long it waits for records while a commit is in flight.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(1);
/// How often a commit is sent, for about 5 s, before the member assumes that it was expelled.
const ATTEMPTS: u32 = 30;
/// The longest pause before a failed commit is resent.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A commit that was sent and is not yet done.
struct InFlightCommit {
    commit: Commit,
    /// For each part the assignment epoch of its shard: a partition that was revoked and assigned again has another
    /// one.
    assignment_epochs: Vec<u64>,
    /// How often it was sent.
    attempts: u32,
    /// When to resend it; none: an answer is awaited.
    again: Option<Duration>,
}

/// The result of a member that has ended.
pub struct Ended {
    /// The counts of the shards that it has closed.
    pub tally: Tally,
    /// Those of shards that it has released, which other members report if they resume them.
    pub left: Vec<Closed>,
    /// Why it ended, if not normally.
    pub result: Result<(), MemberError>,
}

/// One member of the group.
pub struct Member {
    plan: RunnablePlan,
    number: usize,
    source: Box<dyn Source>,
    committer: Box<dyn Committer>,
    clock: Arc<dyn Clock>,
    control: Arc<Control>,
    partitions: Partitions,
    in_flight: Option<InFlightCommit>,
    /// When the first row of the next commit arrived.
    since: Option<Duration>,
    asked: Duration,
    /// When outputs were last prewritten.
    prewritten_at: Duration,
    /// When the end of the run began, once it has.
    ending: Option<Duration>,
    /// Why the run ends, if not normally.
    failed: Option<MemberError>,
    tally: Tally,
    /// The counts of released partitions that may never be opened again.
    left: Vec<Closed>,
    /// How often it has answered a request for its counts.
    told: u64,
}

impl Member {
    /// A member that has not started.
    pub fn new(
        plan: RunnablePlan,
        number: usize,
        source: Box<dyn Source>,
        committer: Box<dyn Committer>,
        clock: Arc<dyn Clock>,
        control: Arc<Control>,
    ) -> Self {
        let asked = clock.now();
        Self {
            partitions: Partitions::new(plan.clone(), number),
            plan,
            number,
            source,
            committer,
            clock,
            control,
            in_flight: None,
            since: None,
            asked,
            prewritten_at: asked,
            ending: None,
            failed: None,
            tally: Tally::default(),
            left: Vec::new(),
            told: 0,
        }
    }

    /// Runs until the input ends or the run is stopped, commits, and leaves the group.
    pub fn run(mut self) -> Ended {
        let scores = self.plan.scoring.as_ref().is_some_and(|scoring| scoring.python.is_none());
        let turns = move || loop {
            let result = match self.turn() {
                Ok(false) => continue,
                Ok(true) => Ok(()),
                Err(error) => Err(error),
            };
            let left = std::mem::take(&mut self.left);
            return Ended { tally: self.into_tally(), left, result };
        };
        if scores { at_home(turns) } else { turns() }
    }

    /// The counts of the shards that it has closed.
    pub fn into_tally(self) -> Tally {
        self.tally
    }

    /// Does what can be done now; whether all is done.
    pub fn turn(&mut self) -> Result<bool, MemberError> {
        if let Some(event) = self.source.poll(self.poll_timeout(), self.has_room())? {
            self.take(event)?;
        }
        self.poll_commit()?;
        self.recover()?;
        self.tick()?;
        self.send()?;
        self.release_revoked()?;
        self.check_other_members()?;
        self.tell();
        self.end()
    }

    /// Answers a request for the shards' counts, if there is one.
    fn tell(&mut self) {
        let asked = self.control.asked();
        if asked > self.told {
            self.told = asked;
            self.control.tell(self.number, self.partitions.counted());
        }
    }

    fn poll_timeout(&self) -> Duration {
        match (&self.in_flight, self.since) {
            _ if self.partitions.busy() || self.ending.is_some() => LOOK_FOR_ANSWER,
            (Some(_), _) => LOOK_FOR_ANSWER,
            (None, Some(since)) => {
                let left = self.plan.commit.every.0.saturating_sub(self.clock.now().saturating_sub(since));
                if left > PREWRITE { LOOK_AROUND.min(left - PREWRITE) } else { left.min(PREWRITE_PAUSE) }
            }
            (None, None) => LOOK_AROUND,
        }
    }

    /// Whether more rows may be stepped before the in-flight commit is answered.
    fn has_room(&self) -> bool {
        self.ending.is_none() && self.partitions.rows() < self.plan.commit.rows && !self.partitions.alternate()
    }

    fn take(&mut self, event: Event) -> Result<(), MemberError> {
        match event {
            Event::Assigned(assignments) => {
                let partitions: Vec<Partition> = assignments.iter().map(|one| one.partition.clone()).collect();
                self.source.accept(&partitions)?;
                self.left.retain(|closed| !partitions.contains(&closed.partition));
                assignments.into_iter().for_each(|one| self.partitions.take(one.partition, one.headers));
                Ok(())
            }
            Event::Revoked(partitions) => {
                // Acknowledged by `release_revoked`, when no commit of theirs is in flight any more.
                self.partitions.leave(partitions.clone(), self.clock.now());
                self.skip_last_markers(&partitions)
            }
            Event::Lost(partitions) => {
                for partition in &partitions {
                    tracing::info!(name: "partition_lost", member = self.number, partition = %partition, "member {}: {partition} lost: the session expired", self.number);
                    self.lose(partition);
                }
                // Acknowledged by `release_revoked`, too: the member rejoins then, and an in-flight commit would pass
                // for one of its new generation's.
                self.partitions.leave(partitions, self.clock.now());
                Ok(())
            }
            Event::Rows(raw) => self.rows(raw),
            Event::CaughtUp(partition) => {
                // An empty file is never assigned.
                let whole = !self.plan.input.shared();
                if self.partitions.caught_up(&partition, self.clock.now()) || whole {
                    self.finish(&partition)?;
                }
                Ok(())
            }
            Event::Gone => {
                self.input_is_gone();
                Ok(())
            }
        }
    }

    /// Too late to commit: the new owner reads again what was not committed.
    fn lose(&mut self, partition: &Partition) {
        self.committer.forget(partition);
        if let Some(ShardState::Running(_)) = self.partitions.remove(partition) {
            self.control.opened(-1);
            self.control.lost(partition, self.clock.now());
        }
    }

    fn rows(&mut self, mut raw: RawRows) -> Result<(), MemberError> {
        if self.ending.is_some() {
            return Ok(());
        }
        let partition = raw.partition.clone();
        // After a seek a source may still deliver earlier records.
        let known = self.partitions.position(&partition).map_or(0, |position| raw.before(position));
        if known > 0 {
            raw = raw.split(known).1;
        }
        if raw.is_empty() {
            return Ok(());
        }
        // Records of a partition that is leaving or not yet open are read again from its position.
        if self.partitions.open(&partition).is_none() {
            return Ok(());
        }
        let (mut reached, mut over) = (false, None);
        if let Some(end) = self.control.end(&partition) {
            // Records that came after the start of a bounded run are left for the next one.
            let wanted = raw.before(end);
            reached = wanted < raw.len() || raw.next() == Some(end);
            // The next record is after the end: only markers are before it.
            over = Some(end).filter(|_| wanted < raw.len());
            raw.truncate(wanted);
        }
        if !raw.is_empty() {
            self.step(&partition, &raw)?;
        }
        if let Some(end) = over.filter(|_| self.failed.is_none())
            && let Some(live) = self.partitions.open(&partition)
        {
            live.skip(&partition.topic, end);
            self.since.get_or_insert(self.clock.now());
        }
        if reached {
            self.source.pause(&partition)?;
            self.finish(&partition)?;
        }
        Ok(())
    }

    fn step(&mut self, partition: &Partition, raw: &RawRows) -> Result<(), MemberError> {
        let Some(live) = self.partitions.open(partition) else { return Ok(()) };
        self.control.begin();
        self.control.works(self.number, live.work(Doing::Step, partition));
        let bad = live.step(raw);
        self.control.rests(self.number);
        let bad = bad?;
        // A report counts rows; labels in records of their own have counts of their own.
        let label = self.plan.labels_in(&partition.topic).is_some();
        let taken = bad.as_ref().map_or(raw.len(), |refusal| refusal.record) as u64;
        self.control.progress(if label { 0 } else { taken });
        self.since.get_or_insert(self.clock.now());
        if let Some(refusal) = bad {
            self.failed = Some(self.refused(raw, &refusal));
            self.begin_end();
        }
        Ok(())
    }

    fn refused(&self, raw: &RawRows, refusal: &Refusal) -> MemberError {
        let position = raw.get(refusal.record).map_or(Position::START, |record| record.position);
        let place = self.plan.input.place(&raw.partition, position);
        MemberError::Refused { place, reason: refusal.reason.into(), message: refusal.message.clone() }
    }

    /// Advances partitions that are not open yet; by one slice, so that the others do not wait.
    fn recover(&mut self) -> Result<(), MemberError> {
        if self.ending.is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        let opened = self.partitions.recover(self.source.as_mut(), self.committer.as_mut(), &self.control, now);
        self.control.rests(self.number);
        let Some(opened) = opened? else { return Ok(()) };
        self.control.opened(1);
        for partition in self.inputs(&opened) {
            match self.partitions.position(&partition) {
                Some(_) if self.is_at_end(&partition) => self.finish(&partition)?,
                Some(position) => {
                    // The previous owner may have read it to its end and committed less.
                    self.control.reopened(&opened);
                    self.source.resume(&partition, position)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Moves event time on where partitions are silent.
    fn tick(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        let Some(idle) = self.plan.idle.filter(|_| self.ending.is_none()) else { return Ok(()) };
        if self.partitions.tick(idle, now)? {
            self.since.get_or_insert(now);
        }
        Ok(())
    }

    /// Takes the committer's answers.
    fn poll_commit(&mut self) -> Result<(), MemberError> {
        // If nothing else can be done, wait for the answer; only briefly, since a rebalance may come.
        let idle = self.in_flight.as_ref().is_some_and(|sent| sent.again.is_none()) && !self.has_room();
        let wait = if idle { LOOK_FOR_ANSWER } else { Duration::ZERO };
        if let Some(answered) = self.committer.answer(wait)? {
            let Some(sent) = self.in_flight.take() else { return Ok(()) };
            match answered {
                Answered::Commit(answer, places) => self.on_commit_result(answer, &places, sent)?,
                Answered::Resolved(landed) => self.on_outcome_resolved(&landed, sent)?,
            }
        }
        let due = |sent: &InFlightCommit| sent.again.is_some_and(|again| again <= self.clock.now());
        if let Some(sent) = self.in_flight.take_if(|sent| due(sent)) {
            self.resend(sent)?;
        }
        Ok(())
    }

    /// Applies the first table to each part of a commit.
    fn on_commit_result(
        &mut self,
        answer: Answer,
        places: &[(Partition, Position)],
        sent: InFlightCommit,
    ) -> Result<(), MemberError> {
        for (partition, place) in places {
            if let Some(live) = self.partitions.open_or_leaving(partition) {
                live.journal = *place;
            }
        }
        match after(answer, true) {
            After::Forget | After::Drop => {
                tracing::debug!(name: "commit_done", member = self.number, "member {}: a commit is done", self.number);
                self.control.committed();
                Ok(())
            }
            After::Resend if sent.attempts >= ATTEMPTS => self.rejoin(),
            After::Resend => {
                tracing::info!(name: "commit_resent", member = self.number, attempts = sent.attempts, "member {}: a commit was aborted and is sent again ({})", self.number, sent.attempts);
                let pause = Duration::from_millis(10).saturating_mul(sent.attempts).min(LONGEST_PAUSE);
                self.in_flight = Some(InFlightCommit { again: Some(self.clock.now() + pause), ..sent });
                Ok(())
            }
            After::AskJournal => {
                tracing::warn!(name: "commit_outcome_unknown", member = self.number, "member {}: the outcome of a commit is unknown: asking the journal", self.number);
                let sent = self.still_ours(sent);
                self.committer.resolve_outcome(sent.commit.clone())?;
                self.in_flight = Some(sent);
                Ok(())
            }
        }
    }

    /// A member whose commits are refused repeatedly was expelled without notice: the new owners of its partitions read
    /// again what it has done since its last commit.
    fn rejoin(&mut self) -> Result<(), MemberError> {
        tracing::warn!(name: "commit_fenced", member = self.number, "member {}: the group refuses its commits: joining it anew", self.number);
        for partition in self.partitions.all() {
            self.lose(&partition);
        }
        self.partitions.forget_leaving();
        self.since = None;
        Ok(self.source.rejoin()?)
    }

    fn on_outcome_resolved(
        &mut self,
        landed: &[(Partition, CommitOutcome)],
        mut sent: InFlightCommit,
    ) -> Result<(), MemberError> {
        let outcome_of =
            |partition: &Partition| landed.iter().find(|(one, _)| one == partition).map(|(_, landed)| *landed);
        let parts = std::mem::take(&mut sent.commit.parts);
        let assignment_epochs = std::mem::take(&mut sent.assignment_epochs);
        for (part, assignment_epoch) in parts.into_iter().zip(assignment_epochs) {
            match outcome_of(&part.partition) {
                Some(CommitOutcome::Committed) => {}
                Some(CommitOutcome::Missing) => {
                    sent.commit.parts.push(part);
                    sent.assignment_epochs.push(assignment_epoch);
                }
                // Another member has written since: the state in memory is not the partition's.
                Some(CommitOutcome::Superseded) | None => {
                    self.inputs(&part.partition).iter().try_for_each(|input| self.source.pause(input))?;
                    if self.partitions.start_over(&part.partition, assignment_epoch) {
                        self.control.opened(-1);
                    }
                }
            }
        }
        self.resend(sent)
    }

    /// Resends the same bytes, of those shards that are still ours.
    fn resend(&mut self, sent: InFlightCommit) -> Result<(), MemberError> {
        let sent = self.still_ours(sent);
        if sent.commit.parts.is_empty() {
            self.control.committed();
            return Ok(());
        }
        self.committer.send(sent.commit.clone())?;
        self.in_flight = Some(InFlightCommit { attempts: sent.attempts + 1, again: None, ..sent });
        Ok(())
    }

    fn still_ours(&self, mut sent: InFlightCommit) -> InFlightCommit {
        let parts = std::mem::take(&mut sent.commit.parts).into_iter().zip(std::mem::take(&mut sent.assignment_epochs));
        let ours = parts.filter(|(part, assignment_epoch)| {
            self.partitions.assignment_epoch(&part.partition) == Some(*assignment_epoch)
        });
        (sent.commit.parts, sent.assignment_epochs) = ours.unzip();
        sent
    }

    /// Sends what is uncommitted, if that is due and no commit is in flight.
    fn send(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        let urgent = self.partitions.leaving() || self.ending.is_some();
        let late = self.since.is_some_and(|since| now.saturating_sub(since) >= self.plan.commit.every.0);
        let full = self.partitions.rows() >= self.plan.commit.rows || self.partitions.alternate();
        if self.in_flight.is_some() {
            return Ok(());
        }
        if let Some(left) = self.partitions.retract_prewrite() {
            self.committer.prewrite(&left)?;
        }
        if !(urgent || late || full || self.partitions.waiting(now)) {
            return self.send_prewrite(now);
        }
        let (parts, assignment_epochs) = self.partitions.parts(self.committer.pieces(), now, self.ending.is_some());
        self.since = None;
        if parts.is_empty() {
            return Ok(());
        }
        let commit = Commit { parts, urgent };
        tracing::debug!(name: "commit_sent", member = self.number, "member {}: a commit is sent", self.number);
        self.committer.send(commit.clone())?;
        self.in_flight = Some(InFlightCommit { commit, assignment_epochs, attempts: 1, again: None });
        Ok(())
    }

    /// Prewrites outputs shortly before a commit is due: the rest then takes half the time.
    fn send_prewrite(&mut self, now: Duration) -> Result<(), MemberError> {
        let begins = self.plan.commit.every.0.saturating_sub(PREWRITE);
        let soon = self.since.is_some_and(|since| now.saturating_sub(since) >= begins);
        if !soon || now.saturating_sub(self.prewritten_at) < PREWRITE_PAUSE {
            return Ok(());
        }
        self.prewritten_at = now;
        match self.partitions.extend_prewrite() {
            Some(parts) => Ok(self.committer.prewrite(&parts)?),
            None => Ok(()),
        }
    }
}
