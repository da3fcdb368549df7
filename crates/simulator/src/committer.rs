//! A member's committer in the simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill::protocol::{Answer, CommitOutcome, StoredInput, StoredState};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, Positions};
use gristmill::spec::Guarantee;
use gristmill_connect::commit::{Commit, PartitionCommit};
use gristmill_connect::committer::{Answered, Committer, CommitterError, Found, Known};
use gristmill_connect::restore::{outcome_of, reopen, unchanged};

use crate::cluster::JOURNAL;

use crate::log::Log;
use crate::world::{Shared, UnderWay, World, lock};

/// A member's committer.
pub struct SimulatedCommitter {
    plan: RunnablePlan,
    world: Shared,
    member: usize,
    /// The end of each partition's journal when the search for it began.
    seen: BTreeMap<i32, Position>,
    /// A commit whose outcome is being resolved, and the ends of its journals when that began.
    renewing: Option<(Vec<Position>, Commit)>,
}

impl SimulatedCommitter {
    /// The committer of a member.
    pub fn new(plan: &RunnablePlan, world: &Shared, member: usize) -> Self {
        let (plan, world) = (plan.clone(), Arc::clone(world));
        Self { plan, world, member, seen: BTreeMap::new(), renewing: None }
    }

    fn stored(&mut self, world: &World, number: i32) -> StoredState {
        let cluster = &world.cluster;
        let end = cluster.log(JOURNAL, number).map_or(cluster.system.position(0), Log::end);
        let seen = *self.seen.entry(number).or_insert(end);
        let slots = cluster.slots(number);
        let from = slots.valid().first().map_or(Position::START, |manifest| manifest.journal);
        let entries = cluster.entries(number).into_iter().filter(|(position, _)| *position >= from);
        let (mut inputs, mut pending) = (Vec::new(), false);
        for partition in cluster.inputs(number) {
            let (committed, moves) = cluster.offset(&partition);
            let first = cluster.log(&partition.topic, number).map_or(cluster.system.position(0), Log::first);
            inputs.push(StoredInput { name: partition.topic, committed, first, start: first });
            pending |= moves;
        }
        StoredState {
            slots,
            entries: entries.map(|(_, entry)| entry).collect(),
            inputs,
            settled: cluster.stable_end(JOURNAL, number) >= seen && !pending,
        }
    }
}

/// The outcome of each part, once no open transaction hides it.
fn outcomes(world: &World, ends: &[Position], commit: &Commit) -> Option<Vec<(Partition, CommitOutcome)>> {
    let mut outcomes = Vec::new();
    for (part, end) in commit.last_parts().zip(ends) {
        let number = part.partition.number;
        let (mut committed, mut pending) = (Positions::default(), false);
        for partition in world.cluster.inputs(number) {
            let (position, moves) = world.cluster.offset(&partition);
            position.into_iter().for_each(|position| committed.set(&partition.topic, position));
            pending |= moves;
        }
        if world.cluster.stable_end(JOURNAL, number) < *end || pending {
            return None;
        }
        let tail = world.cluster.entries(number).iter().map(|(_, entry)| entry.sequence).max();
        outcomes.push((part.partition.clone(), outcome_of(part, tail, &committed)));
    }
    Some(outcomes)
}

impl Committer for SimulatedCommitter {
    fn load_state(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, CommitterError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if world.random.percent(30) {
            return Ok(None);
        }
        let stored = self.stored(&world, partition.number);
        if !stored.settled {
            world.facts.waited += 1;
            return Ok(None);
        }
        let tail = stored.entries.iter().map(|entry| entry.sequence).max();
        if known.is_some_and(|known| unchanged(&self.plan, &known, tail, &stored.committed())) {
            world.facts.remembered += 1;
            self.seen.remove(&partition.number);
            return Ok(Some(Found::Unchanged));
        }
        let found = reopen(&self.plan, partition, &stored)?;
        if let Some(Found::Open(recovery, _)) = &found {
            self.seen.remove(&partition.number);
            world.facts.replays += u64::from(recovery.replay.iter().any(|run| run.consumed.count > 0));
            world.facts.trusted += u64::from(recovery.commit_start && recovery.sequence > 0);
        }
        Ok(found)
    }

    fn forget(&mut self, partition: &Partition) {
        self.seen.remove(&partition.number);
    }

    fn prewrite(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        let mut world = lock(&self.world);
        if self.plan.guarantee == Guarantee::ExactlyOnce {
            world.prewrite(&self.plan, self.member, parts);
        }
        Ok(())
    }

    fn send(&mut self, commit: Commit) -> Result<(), CommitterError> {
        let mut world = lock(&self.world);
        let runs = commit.parts.iter().filter_map(|part| part.entry.as_ref()).flat_map(|entry| &entry.runs);
        world.facts.ticks += runs.filter(|run| run.tick.is_some()).count() as u64;
        let under_way = UnderWay::begin(&mut world, self.member, commit);
        world.under_way.insert(self.member, under_way);
        Ok(())
    }

    fn resolve_outcome(&mut self, commit: Commit) -> Result<(), CommitterError> {
        let mut world = lock(&self.world);
        // A producer that starts anew with the same id aborts what was pending.
        if let Some((open, _)) = world.prewritten.remove(&self.member) {
            world.cluster.abort(open);
        }
        if let Some(transaction) = world.under_way.remove(&self.member).and_then(|one| one.transaction) {
            world.cluster.abort(transaction);
        }
        let ends = commit.last_parts().map(|part| {
            let log = world.cluster.log(JOURNAL, part.partition.number);
            log.map_or(world.cluster.system.position(0), Log::end)
        });
        self.renewing = Some((ends.collect(), commit));
        Ok(())
    }

    fn answer(&mut self, _: Duration) -> Result<Option<Answered>, CommitterError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if let Some(outcomes) = self.renewing.as_ref().map(|(ends, commit)| outcomes(&world, ends, commit)) {
            // Another member's open transaction hides what is committed after it.
            self.renewing.take_if(|_| outcomes.is_some());
            return Ok(outcomes.map(Answered::Resolved));
        }
        let Some(answer) = world.under_way.get(&self.member).and_then(|one| one.answer) else { return Ok(None) };
        let places = match answer {
            // After these the outcome of the commit may have to be resolved.
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
