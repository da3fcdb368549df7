//! The member loop: one thread, one source, its shards, its sinks.
//!
//! poll → decode → step → write, and from time to time: everything written is safe, then positions are committed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::{InputPlan, Plan};
use gristmill::protocol::{Consumed, Run};
use gristmill::report::{Closed, Tally};
use gristmill::rows::{Partition, RawRows, Refusal};
use gristmill::shard::{Outbox, Shard, ShardError};

use crate::codec::Decoder;
use crate::dead_letters::DeadLetter;
use crate::run::Control;
use crate::sink::{Sink, SinkError, Transaction};
use crate::source::{Assignment, Event, Source, SourceError};
use crate::state::{Opened, StateFailure, StateFolder};

/// How long a member waits for records before it looks around.
const LOOK_AROUND: Duration = Duration::from_millis(100);
/// How often a member that has read everything asks whether members elsewhere have, too.
const ASK_ELSEWHERE: Duration = Duration::from_secs(1);

/// Why a member stopped.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Records cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Answers cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A shard cannot go on.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// State cannot be kept or used.
    #[error(transparent)]
    State(#[from] StateFailure),
    /// A file's header does not have what the pipeline needs.
    #[error("{partition}: {why}")]
    Header {
        /// The file.
        partition: Partition,
        /// What is missing.
        why: String,
    },
    /// A record cannot be read and there is no place for dead letters.
    #[error(
        "{place}: {reason}: {message}\nthe run stops here, since the pipeline has no `dead_letters`; everything before \
         this record is done and committed. Add `dead_letters: {{file: {{path: dead.ndjson}}}}` to go on past such records"
    )]
    Refused {
        /// Topic, partition and offset, or file and row.
        place: String,
        /// The code of the reason.
        reason: String,
        /// The reason in words.
        message: String,
    },
}

/// A shard at work.
struct Live {
    shard: Shard,
    decoder: Decoder,
    committed: Option<i64>,
    replay: Replay,
}

/// What is read again after a crash, with answers muted, and checked against the journal.
#[derive(Default)]
struct Replay {
    left: VecDeque<Run>,
    found: Option<Consumed>,
}

impl Replay {
    /// The position where reading again ends.
    fn end(&self) -> Option<i64> {
        self.left.back().map(|run| run.consumed.next)
    }

    /// Counts records read again; at the end of each run they must be what was consumed then.
    fn consume(&mut self, raw: &RawRows) -> Result<(), StateFailure> {
        for record in raw.iter() {
            let Some(run) = self.left.front() else { return Ok(()) };
            let found = self.found.get_or_insert(Consumed::nothing(run.consumed.from));
            found.add(&record);
            if found.next >= run.consumed.next {
                run.check(&raw.partition, found)?;
                self.left.pop_front();
                self.found = None;
            }
        }
        Ok(())
    }
}

/// One member of the group.
pub struct Member {
    plan: Arc<Plan>,
    number: usize,
    source: Box<dyn Source>,
    sinks: Vec<Box<dyn Sink>>,
    control: Arc<Control>,
    state: Option<StateFolder>,
    opened: Opened,
    shards: BTreeMap<Partition, Live>,
    open: Vec<Box<dyn Transaction>>,
    outbox: Outbox,
    uncommitted: u64,
    since: Option<Instant>,
    asked: Instant,
    looked: Instant,
    tally: Tally,
}

impl Member {
    /// A member that has not begun.
    pub fn new(
        plan: Arc<Plan>,
        number: usize,
        source: Box<dyn Source>,
        sinks: Vec<Box<dyn Sink>>,
        control: Arc<Control>,
    ) -> Self {
        Self {
            plan,
            number,
            source,
            sinks,
            control,
            state: None,
            opened: Opened::default(),
            shards: BTreeMap::new(),
            open: Vec::new(),
            outbox: Outbox::default(),
            uncommitted: 0,
            since: None,
            asked: Instant::now(),
            looked: Instant::now(),
            tally: Tally::default(),
        }
    }

    /// Keeps its shard's state in a folder, and goes on from what was found there.
    pub(crate) fn with_state(mut self, state: StateFolder, opened: Opened) -> Self {
        self.state = Some(state);
        self.opened = opened;
        self
    }

    /// Runs until the input ends or the run is stopped, commits, and leaves the group.
    pub fn run(mut self) -> Result<Tally, MemberError> {
        while !self.control.ended(self.number) {
            let wait = self
                .since
                .map_or(LOOK_AROUND, |since| LOOK_AROUND.min(self.plan.commit.every.0.saturating_sub(since.elapsed())));
            if let Some(event) = self.source.poll(wait)? {
                self.take(event)?;
            }
            if self.due() {
                self.commit(false)?;
            }
            self.ask_elsewhere()?;
        }
        self.commit(true)?;
        self.save(true)?;
        let partitions: Vec<Partition> = self.shards.keys().cloned().collect();
        self.close(&partitions);
        Ok(self.tally)
    }

    fn take(&mut self, event: Event) -> Result<(), MemberError> {
        match event {
            Event::Assigned(assignments) => self.assigned(assignments),
            Event::Revoked(partitions) => {
                // The commit ends before the revocation is acknowledged: afterwards somebody else may read on.
                self.commit(true)?;
                self.let_go(&partitions, "moved to another member")
            }
            Event::Lost(partitions) => {
                // Too late to commit: the new owner reads again what was not committed.
                self.let_go(&partitions, "was given away while this member was too slow")
            }
            Event::Rows(raw) => self.rows(raw),
            Event::CaughtUp(partition) => {
                self.replayed(&partition)?;
                self.control.caught_up(partition.number);
                Ok(())
            }
        }
    }

    fn assigned(&mut self, assignments: Vec<Assignment>) -> Result<(), MemberError> {
        let partitions: Vec<Partition> = assignments.iter().map(|one| one.partition.clone()).collect();
        let committed = self.source.committed(&partitions)?;
        for (Assignment { partition, header }, committed) in assignments.into_iter().zip(committed.iter().copied()) {
            let Opened { snapshot, replay, .. } = &mut self.opened;
            let shard = Shard::open(Arc::clone(&self.plan), partition.clone(), snapshot.take().as_deref())?;
            let replay = Replay { left: std::mem::take(replay).into(), found: None };
            let delimiter = match self.plan.input {
                InputPlan::File { delimiter, .. } => delimiter,
                InputPlan::Kafka { .. } => b',',
            };
            let decoder = Decoder::new(&self.plan, header.as_deref(), delimiter)
                .map_err(|why| MemberError::Header { partition: partition.clone(), why })?;
            match committed.filter(|position| *position > 0 && self.plan.label.is_some()) {
                Some(position) => tracing::warn!(
                    "member {}: {partition} starts untrained at offset {position}: what was learned before is not \
                     carried over in this version",
                    self.number
                ),
                None => match (shard.position(), replay.end()) {
                    (from, Some(to)) => tracing::info!(
                        "member {}: {partition} goes on at record {to}, learning again from {}",
                        self.number,
                        from.unwrap_or(0)
                    ),
                    (Some(from), None) => {
                        tracing::info!("member {}: {partition} goes on at record {from}", self.number)
                    }
                    (None, None) => tracing::info!("member {}: {partition} starts", self.number),
                },
            }
            self.control.opened(1);
            self.shards.insert(partition, Live { shard, decoder, committed, replay });
        }
        let kept = self.state.as_ref().map(|_| self.opened.start);
        let starts: Vec<(Partition, Option<i64>)> = partitions
            .into_iter()
            .zip(committed)
            .map(|(partition, committed)| (partition, kept.or(committed)))
            .collect();
        self.source.accept(&starts)?;
        Ok(())
    }

    fn let_go(&mut self, partitions: &[Partition], why: &str) -> Result<(), MemberError> {
        for partition in partitions {
            tracing::info!("member {}: {partition} {why}", self.number);
        }
        self.close(partitions);
        self.source.release(partitions)?;
        Ok(())
    }

    fn close(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(live) = self.shards.remove(partition) {
                self.control.opened(-1);
                self.tally.close(Closed {
                    partition: partition.clone(),
                    counts: live.shard.counts(),
                    written: live.shard.written().to_vec(),
                    refused: live.shard.refused().clone(),
                    evaluation: live.shard.evaluation().copy().ok(),
                });
            }
        }
    }

    fn rows(&mut self, mut raw: RawRows) -> Result<(), MemberError> {
        let partition = raw.partition.clone();
        if let Some(end) = self.control.end(partition.number) {
            // Records that came after the start of a bounded run are left for the next one.
            let wanted = raw.before(end);
            let reached = wanted < raw.len() || raw.next() == Some(end);
            raw.truncate(wanted);
            if reached {
                self.source.pause(&partition)?;
                self.control.caught_up(partition.number);
            }
        }
        if raw.is_empty() {
            return Ok(());
        }
        self.control.begin();
        let raw = self.replay(raw)?;
        if raw.is_empty() {
            return Ok(());
        }
        let mut refusals = Vec::new();
        let mut letters = Vec::new();
        let stop_at = self.step(&raw, &mut refusals)?;
        for refusal in &refusals {
            letters.extend(raw.get(refusal.record).map(|record| DeadLetter::new(&partition, &record, refusal)));
        }
        self.write(&letters)?;
        let count = stop_at.as_ref().map_or(raw.len(), |refusal| refusal.record) as u64;
        if let Some(state) = &mut self.state {
            state.consume(raw.iter().take(count as usize));
        }
        self.uncommitted += count;
        self.since.get_or_insert_with(Instant::now);
        self.control.progress(count);
        match stop_at {
            Some(refusal) => Err(self.stop(&raw, &refusal)),
            None => Ok(()),
        }
    }

    /// Steps what was consumed before the crash once more, muted; returns what is new.
    fn replay(&mut self, raw: RawRows) -> Result<RawRows, MemberError> {
        let Some(live) = self.shards.get_mut(&raw.partition) else { return Ok(raw) };
        let Some(end) = live.replay.end() else { return Ok(raw) };
        let count = raw.before(end);
        let (again, new) = raw.split(count);
        live.replay.consume(&again)?;
        let (mut refusals, mut muted) = (Vec::new(), Outbox::default());
        let rows = live.decoder.decode(&again, &mut refusals);
        live.shard.step(&again, &rows, &mut refusals, &mut muted)?;
        Ok(new)
    }

    /// At the end of the input nothing may be left that was learned before.
    fn replayed(&self, partition: &Partition) -> Result<(), MemberError> {
        let Some(run) = self.shards.get(partition).and_then(|live| live.replay.left.front()) else { return Ok(()) };
        let found = self.shards.get(partition).and_then(|live| live.replay.found);
        let found = found.unwrap_or(Consumed::nothing(run.consumed.from));
        Ok(run.check(partition, &found).map_err(StateFailure::from)?)
    }

    /// Saves the whole state where that is due; at the end it always is.
    fn save(&mut self, end: bool) -> Result<(), MemberError> {
        let Some(state) = &mut self.state else { return Ok(()) };
        if end || state.due() {
            for live in self.shards.values() {
                state.save(&live.shard.snapshot())?;
            }
        }
        Ok(())
    }

    /// Decodes and steps. Where dead letters have no place, only the records before the first bad one are stepped,
    /// and that one is returned.
    fn step(&mut self, raw: &RawRows, refusals: &mut Vec<Refusal>) -> Result<Option<Refusal>, MemberError> {
        let Some(live) = self.shards.get_mut(&raw.partition) else { return Ok(None) };
        let mut rows = live.decoder.decode(raw, refusals);
        if self.plan.dead_letters.is_some() {
            live.shard.step(raw, &rows, refusals, &mut self.outbox)?;
            return Ok(None);
        }
        live.shard.check(&rows, refusals);
        let first = refusals.drain(..).min_by_key(|refusal| refusal.record);
        if let Some(refusal) = &first {
            let mut before = raw.clone();
            before.truncate(refusal.record);
            rows = live.decoder.decode(&before, refusals);
            live.shard.step(&before, &rows, refusals, &mut self.outbox)?;
        } else {
            live.shard.step(raw, &rows, refusals, &mut self.outbox)?;
        }
        Ok(first)
    }

    fn stop(&mut self, raw: &RawRows, refusal: &Refusal) -> MemberError {
        if let Err(error) = self.commit(true) {
            return error;
        }
        let offset = raw.get(refusal.record).map_or(0, |record| record.offset);
        let place = match self.plan.input {
            InputPlan::File { .. } => format!("{}, record {}", self.plan.input_name(), offset + 1),
            InputPlan::Kafka { .. } => {
                format!("topic {}, partition {}, offset {offset}", raw.partition.topic, raw.partition.number)
            }
        };
        MemberError::Refused { place, reason: refusal.reason.into(), message: refusal.message.clone() }
    }

    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), MemberError> {
        if self.outbox.is_empty() && letters.is_empty() {
            return Ok(());
        }
        if self.open.is_empty() {
            self.open = self.sinks.iter_mut().map(|sink| sink.begin()).collect::<Result<_, _>>()?;
        }
        for transaction in &mut self.open {
            transaction.write(&self.outbox, letters)?;
        }
        self.outbox.clear();
        Ok(())
    }

    fn due(&self) -> bool {
        let late = self.since.is_some_and(|since| since.elapsed() >= self.plan.commit.every.0);
        // Without records, too: a commit that failed in a rebalance is made up for.
        let idle = self.since.is_none() && self.looked.elapsed() >= ASK_ELSEWHERE;
        late || idle || self.uncommitted >= self.plan.commit.rows
    }

    /// First everything written is safe, then the positions move.
    fn commit(&mut self, wait: bool) -> Result<(), MemberError> {
        for transaction in self.open.drain(..) {
            transaction.commit()?;
        }
        if let Some(state) = &mut self.state {
            state.commit()?;
        }
        self.save(false)?;
        let mut positions = Vec::new();
        for (partition, live) in &mut self.shards {
            if live.shard.position() != live.committed
                && let Some(position) = live.shard.position()
            {
                positions.push((partition.clone(), position));
                live.committed = Some(position);
            }
        }
        self.source.commit(&positions, wait)?;
        self.uncommitted = 0;
        self.since = None;
        self.looked = Instant::now();
        self.control.committed(self.shards.iter().map(|(partition, live)| (partition, &live.shard)));
        Ok(())
    }

    /// In a bounded run, partitions that members of other processes own are done when the group says so.
    fn ask_elsewhere(&mut self) -> Result<(), MemberError> {
        if self.asked.elapsed() < ASK_ELSEWHERE {
            return Ok(());
        }
        self.asked = Instant::now();
        let waiting: Vec<Partition> = self
            .control
            .unfinished()
            .into_iter()
            .map(|number| Partition::new(self.plan.input_name(), number))
            .filter(|partition| !self.shards.contains_key(partition))
            .collect();
        for (partition, committed) in waiting.iter().zip(self.source.committed(&waiting)?) {
            if committed.is_some_and(|position| self.control.end(partition.number).is_some_and(|end| position >= end)) {
                self.control.caught_up(partition.number);
            }
        }
        Ok(())
    }
}
