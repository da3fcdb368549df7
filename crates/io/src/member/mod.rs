//! The member loop: one thread, one source, one ledger, the shards of its partitions.
//!
//! poll → decode → step, and from time to time a commit is sent; while it is on its way the member goes on, and what
//! it does meanwhile waits for the next one. Nothing here waits for the world, so nothing here can hold up a
//! rebalance; a [`turn`](Member::turn) does what can be done now.

mod error;
mod leave;
mod live;
mod seats;

pub use error::MemberError;

use std::sync::Arc;
use std::time::Duration;

use gristmill::foreign::at_home;
use gristmill::plan::{InputPlan, Plan};
use gristmill::protocol::{After, Answer, Landed, after};
use gristmill::report::{Closed, Tally};
use gristmill::rows::{Partition, Position, RawRows, Refusal};

use crate::clock::Clock;
use crate::control::Control;
use crate::ledger::{Answered, Commit, Ledger};
use crate::source::{Event, Source};
use crate::work::{Doing, place};
use seats::{Seats, Stage};

/// How long before a commit is due its answers begin to go ahead of it. Not earlier: what is begun holds up readers, if
/// the member is killed then.
const AHEAD: Duration = Duration::from_millis(12);
/// How often they go.
const AHEAD_PAUSE: Duration = Duration::from_millis(2);
/// How long a member waits for records before it looks around.
const LOOK_AROUND: Duration = Duration::from_millis(100);
/// How long it waits for records while a commit is on its way.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(1);
/// How often a commit is sent, about 5 s long, before the member takes itself for expelled.
const ATTEMPTS: u32 = 30;
/// How long it is asked what lies between the last record and the end of a bounded run.
const ASK_FOR_MARKERS: Duration = Duration::from_secs(3);
/// The longest pause before a commit that failed is sent again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A commit that was sent and is not yet done.
struct OnTheWay {
    commit: Commit,
    /// For each part the tenure of its shard: a partition that went away and came back is another one.
    tenures: Vec<u64>,
    /// How often it was sent.
    attempts: u32,
    /// When to send it again; none: an answer is awaited.
    again: Option<Duration>,
}

/// What a member has done, when it has ended.
pub struct Ended {
    /// What was counted of the shards that it has closed.
    pub tally: Tally,
    /// The same of those that it has let go of, and that others report if they go on with them.
    pub left: Vec<Closed>,
    /// Why it ended, where that is no good reason.
    pub result: Result<(), MemberError>,
}

/// One member of the group.
pub struct Member {
    plan: Arc<Plan>,
    number: usize,
    source: Box<dyn Source>,
    ledger: Box<dyn Ledger>,
    clock: Arc<dyn Clock>,
    control: Arc<Control>,
    seats: Seats,
    on_the_way: Option<OnTheWay>,
    /// When the first row of the next commit came.
    since: Option<Duration>,
    asked: Duration,
    /// When answers were sent ahead last.
    sent_ahead: Duration,
    /// When the end of the run began, once it has.
    ending: Option<Duration>,
    /// Why the run ends, where that is no good reason.
    failed: Option<MemberError>,
    tally: Tally,
    /// What was counted of partitions that were let go and may never be opened again.
    left: Vec<Closed>,
    /// How often it was asked what it has counted.
    told: u64,
}

impl Member {
    /// A member that has not begun.
    pub fn new(
        plan: Arc<Plan>,
        number: usize,
        source: Box<dyn Source>,
        ledger: Box<dyn Ledger>,
        clock: Arc<dyn Clock>,
        control: Arc<Control>,
    ) -> Self {
        let asked = clock.now();
        Self {
            seats: Seats::new(Arc::clone(&plan), number),
            plan,
            number,
            source,
            ledger,
            clock,
            control,
            on_the_way: None,
            since: None,
            asked,
            sent_ahead: asked,
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

    /// What was counted of the shards that it has closed.
    pub fn into_tally(self) -> Tally {
        self.tally
    }

    /// Does what can be done now; whether all is done.
    pub fn turn(&mut self) -> Result<bool, MemberError> {
        if let Some(event) = self.source.poll(self.patience(), self.has_room())? {
            self.take(event)?;
        }
        self.hear()?;
        self.recover()?;
        self.send()?;
        self.let_go()?;
        self.ask_elsewhere()?;
        self.tell();
        self.end()
    }

    /// Tells what the shards have counted, where that was asked since.
    fn tell(&mut self) {
        let asked = self.control.asked();
        if asked > self.told {
            self.told = asked;
            self.control.tell(self.number, self.seats.counted());
        }
    }

    fn patience(&self) -> Duration {
        match (&self.on_the_way, self.since) {
            _ if self.seats.busy() || self.ending.is_some() => LOOK_FOR_ANSWER,
            (Some(_), _) => LOOK_FOR_ANSWER,
            (None, Some(since)) => {
                let left = self.plan.commit.every.0.saturating_sub(self.clock.now().saturating_sub(since));
                if left > AHEAD { LOOK_AROUND.min(left - AHEAD) } else { left.min(AHEAD_PAUSE) }
            }
            (None, None) => LOOK_AROUND,
        }
    }

    /// Whether more rows may be stepped before the commit on its way is answered.
    fn has_room(&self) -> bool {
        self.ending.is_none() && self.seats.rows() < self.plan.commit.rows
    }

    fn take(&mut self, event: Event) -> Result<(), MemberError> {
        match event {
            Event::Assigned(assignments) => {
                let partitions: Vec<Partition> = assignments.iter().map(|one| one.partition.clone()).collect();
                self.source.accept(&partitions)?;
                self.left.retain(|closed| !partitions.contains(&closed.partition));
                assignments.into_iter().for_each(|one| self.seats.take(one.partition, one.header));
                Ok(())
            }
            Event::Revoked(partitions) => {
                // Acknowledged by `let_go`, when nothing of theirs is on its way any more.
                self.seats.leave(partitions.clone(), self.clock.now());
                self.skip_last_markers(&partitions)
            }
            Event::Lost(partitions) => {
                for partition in &partitions {
                    tracing::info!("member {}: {partition} was given away while this member was too slow", self.number);
                    self.lose(partition);
                }
                // Acknowledged by `let_go`, too: the member joins again then, and what is still on its way would
                // pass for one of its new generation's.
                self.seats.leave(partitions, self.clock.now());
                Ok(())
            }
            Event::Rows(raw) => self.rows(raw),
            Event::CaughtUp(partition) => {
                // An empty file is never assigned.
                let file = matches!(self.plan.input, InputPlan::File { .. });
                if self.seats.caught_up(&partition, self.clock.now()) || file {
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
        self.ledger.forget(partition);
        if let Some(Stage::Open(_)) = self.seats.remove(partition) {
            self.control.opened(-1);
            self.control.lost(partition, self.clock.now());
        }
    }

    fn rows(&mut self, mut raw: RawRows) -> Result<(), MemberError> {
        if self.ending.is_some() {
            return Ok(());
        }
        let partition = raw.partition.clone();
        // A source that was set to a position may still bring what lies before it.
        let known = self.seats.position(&partition).map_or(0, |position| raw.before(position));
        if known > 0 {
            raw = raw.split(known).1;
        }
        if raw.is_empty() {
            return Ok(());
        }
        // What arrives for a partition that is leaving or not yet open is read again from where it stands.
        let Some(live) = self.seats.open(&partition) else { return Ok(()) };
        let (mut reached, mut over) = (false, None);
        if let Some(end) = self.control.end(&partition) {
            // Records that came after the start of a bounded run are left for the next one.
            let wanted = raw.before(end);
            reached = wanted < raw.len() || raw.next() == Some(end);
            // The next record lies behind the end: what lies before it are markers.
            over = Some(end).filter(|_| wanted < raw.len());
            raw.truncate(wanted);
        }
        if !raw.is_empty() {
            self.control.begin();
            self.control.works(self.number, live.work(Doing::Step, &partition));
            let bad = live.step(&raw);
            self.control.rests(self.number);
            let bad = bad?;
            self.control.progress(bad.as_ref().map_or(raw.len(), |refusal| refusal.record) as u64);
            self.since.get_or_insert(self.clock.now());
            if let Some(refusal) = bad {
                self.failed = Some(self.refused(&raw, &refusal));
                self.begin_end();
            }
        }
        if let Some(end) = over.filter(|_| self.failed.is_none())
            && let Some(live) = self.seats.open(&partition)
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

    /// A partition of an input was read to its end: in a bounded run nothing of its shard waits any longer, once the other
    /// inputs were read to theirs.
    fn finish(&mut self, partition: &Partition) -> Result<(), MemberError> {
        let file = matches!(self.plan.input, InputPlan::File { .. });
        let end = self.control.end(partition);
        if end.is_some() && self.seats.position(partition) < end {
            let began = self.clock.now();
            while !self.skip_markers(partition, end)? && self.clock.now().saturating_sub(began) < ASK_FOR_MARKERS {}
        }
        self.seats.finished(partition);
        if !self.inputs(partition).iter().all(|one| self.seats.has_finished(one) || self.is_at_end(one)) {
            return Ok(());
        }
        if (file || end.is_some())
            && let Some(live) = self.seats.open_or_leaving(partition)
        {
            self.control.works(self.number, live.work(Doing::Step, partition));
            let flushed = live.flush();
            self.control.rests(self.number);
            if flushed? {
                self.since.get_or_insert(self.clock.now());
            }
        }
        self.control.caught_up(&self.seats.shard(partition));
        Ok(())
    }

    /// The partitions of all inputs of a shard.
    fn inputs(&self, partition: &Partition) -> Vec<Partition> {
        self.plan.inputs.iter().map(|input| partition.beside(input)).collect()
    }

    /// Whether a bounded run wants no more of a partition of an input.
    fn is_at_end(&self, partition: &Partition) -> bool {
        let end = self.control.end(partition);
        end.is_some() && self.seats.position(partition) >= end
    }

    fn refused(&self, raw: &RawRows, refusal: &Refusal) -> MemberError {
        let position = raw.get(refusal.record).map_or(Position::START, |record| record.position);
        let place = place(&self.plan, &raw.partition, position);
        MemberError::Refused { place, reason: refusal.reason.into(), message: refusal.message.clone() }
    }

    /// Goes a step further with partitions that are not open yet; one slice, so that the others are not kept waiting.
    fn recover(&mut self) -> Result<(), MemberError> {
        if self.ending.is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        let opened = self.seats.recover(self.source.as_mut(), self.ledger.as_mut(), &self.control, now);
        self.control.rests(self.number);
        let Some(opened) = opened? else { return Ok(()) };
        self.control.opened(1);
        for partition in self.inputs(&opened) {
            match self.seats.position(&partition) {
                Some(_) if self.is_at_end(&partition) => self.finish(&partition)?,
                Some(position) => {
                    // Whoever had it before may have read it to its end and committed less.
                    self.control.reopened(&opened);
                    self.source.resume(&partition, position)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Takes the ledger's answers.
    fn hear(&mut self) -> Result<(), MemberError> {
        // Where nothing else can be done, the answer is waited for; a moment only, since a rebalance may come.
        let idle = self.on_the_way.as_ref().is_some_and(|sent| sent.again.is_none()) && !self.has_room();
        let wait = if idle { LOOK_FOR_ANSWER } else { Duration::ZERO };
        if let Some(answered) = self.ledger.answer(wait)? {
            let Some(sent) = self.on_the_way.take() else { return Ok(()) };
            match answered {
                Answered::Commit(answer, places) => self.answered(answer, &places, sent)?,
                Answered::Renewed(landed) => self.renewed(&landed, sent)?,
            }
        }
        let due = |sent: &OnTheWay| sent.again.is_some_and(|again| again <= self.clock.now());
        if let Some(sent) = self.on_the_way.take_if(|sent| due(sent)) {
            self.resend(sent)?;
        }
        Ok(())
    }

    /// The first table, for each part of a commit.
    fn answered(
        &mut self,
        answer: Answer,
        places: &[(Partition, Position)],
        sent: OnTheWay,
    ) -> Result<(), MemberError> {
        for (partition, place) in places {
            if let Some(live) = self.seats.open_or_leaving(partition) {
                live.journal = *place;
            }
        }
        match after(answer, true) {
            After::Forget | After::Drop => {
                tracing::debug!("member {}: a commit is done", self.number);
                self.control.committed();
                Ok(())
            }
            After::Resend if sent.attempts >= ATTEMPTS => self.rejoin(),
            After::Resend => {
                tracing::info!("member {}: a commit was aborted and is sent again ({})", self.number, sent.attempts);
                let pause = Duration::from_millis(10).saturating_mul(sent.attempts).min(LONGEST_PAUSE);
                self.on_the_way = Some(OnTheWay { again: Some(self.clock.now() + pause), ..sent });
                Ok(())
            }
            After::AskJournal => {
                tracing::warn!("member {}: the outcome of a commit is unknown: asking the journal", self.number);
                let sent = self.still_ours(sent);
                self.ledger.renew(sent.commit.clone())?;
                self.on_the_way = Some(sent);
                Ok(())
            }
        }
    }

    /// Commits that are refused again and again are those of a member that the group has given up, though it was never
    /// told: what it has done since its last commit is read again by whoever has the partitions now.
    fn rejoin(&mut self) -> Result<(), MemberError> {
        tracing::warn!("member {}: the group refuses its commits: joining it anew", self.number);
        for partition in self.seats.all() {
            self.lose(&partition);
        }
        self.seats.forget_leaving();
        self.since = None;
        Ok(self.source.rejoin()?)
    }

    fn renewed(&mut self, landed: &[(Partition, Landed)], mut sent: OnTheWay) -> Result<(), MemberError> {
        let fate = |partition: &Partition| landed.iter().find(|(one, _)| one == partition).map(|(_, landed)| *landed);
        let parts = std::mem::take(&mut sent.commit.parts);
        let tenures = std::mem::take(&mut sent.tenures);
        for (part, tenure) in parts.into_iter().zip(tenures) {
            match fate(&part.partition) {
                Some(Landed::Forget) => {}
                Some(Landed::Resend) => {
                    sent.commit.parts.push(part);
                    sent.tenures.push(tenure);
                }
                // Somebody else has written since: whatever we hold is not the partition's state.
                Some(Landed::Drop) | None => {
                    self.inputs(&part.partition).iter().try_for_each(|input| self.source.pause(input))?;
                    if self.seats.start_over(&part.partition, tenure) {
                        self.control.opened(-1);
                    }
                }
            }
        }
        self.resend(sent)
    }

    /// Sends the same bytes again, of those shards that are still ours.
    fn resend(&mut self, sent: OnTheWay) -> Result<(), MemberError> {
        let sent = self.still_ours(sent);
        if sent.commit.parts.is_empty() {
            self.control.committed();
            return Ok(());
        }
        self.ledger.send(sent.commit.clone())?;
        self.on_the_way = Some(OnTheWay { attempts: sent.attempts + 1, again: None, ..sent });
        Ok(())
    }

    fn still_ours(&self, mut sent: OnTheWay) -> OnTheWay {
        let parts = std::mem::take(&mut sent.commit.parts).into_iter().zip(std::mem::take(&mut sent.tenures));
        let ours = parts.filter(|(part, tenure)| self.seats.tenure(&part.partition) == Some(*tenure));
        (sent.commit.parts, sent.tenures) = ours.unzip();
        sent
    }

    /// Sends what waits, where that is due and nothing is on its way.
    fn send(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        let urgent = self.seats.leaving() || self.ending.is_some();
        let late = self.since.is_some_and(|since| now.saturating_sub(since) >= self.plan.commit.every.0);
        let full = self.seats.rows() >= self.plan.commit.rows;
        if self.on_the_way.is_some() {
            return Ok(());
        }
        if let Some(left) = self.seats.less_ahead() {
            self.ledger.ahead(&left)?;
        }
        if !(urgent || late || full || self.seats.waiting(now)) {
            return self.send_ahead(now);
        }
        let (parts, tenures) = self.seats.parts(self.ledger.pieces(), now, self.ending.is_some());
        self.since = None;
        if parts.is_empty() {
            return Ok(());
        }
        let commit = Commit { parts, urgent };
        tracing::debug!("member {}: a commit is sent", self.number);
        self.ledger.send(commit.clone())?;
        self.on_the_way = Some(OnTheWay { commit, tenures, attempts: 1, again: None });
        Ok(())
    }

    /// Shortly before a commit is due its answers go ahead: what is left to do then takes half the time.
    fn send_ahead(&mut self, now: Duration) -> Result<(), MemberError> {
        let begins = self.plan.commit.every.0.saturating_sub(AHEAD);
        let soon = self.since.is_some_and(|since| now.saturating_sub(since) >= begins);
        if !soon || now.saturating_sub(self.sent_ahead) < AHEAD_PAUSE {
            return Ok(());
        }
        self.sent_ahead = now;
        match self.seats.more_ahead() {
            Some(parts) => Ok(self.ledger.ahead(&parts)?),
            None => Ok(()),
        }
    }
}
