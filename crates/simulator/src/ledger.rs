//! A member's ledger in a simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, Kept, Landed};
use gristmill::rows::Partition;
use gristmill::spec::Guarantee;
use gristmill_io::ledger::{Answered, Commit, Found, Known, Ledger, LedgerError, Part, fate, reopen, unchanged};

use crate::cluster::{INPUT, JOURNAL};
use crate::commit::UnderWay;
use crate::world::{Shared, World, lock};

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
        fates.push((part.partition.clone(), fate(part, tail, offset)));
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
        let found = reopen(&self.plan, partition, &kept)?;
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
        let under_way = UnderWay::begin(&mut world, self.member, commit);
        world.under_way.insert(self.member, under_way);
        Ok(())
    }

    fn renew(&mut self, commit: Commit) -> Result<(), LedgerError> {
        let mut world = lock(&self.world);
        // Beginning anew with the same id ends what was pending.
        if let Some((open, _)) = world.ahead.remove(&self.member) {
            world.cluster.abort(open);
        }
        if let Some(transaction) = world.under_way.remove(&self.member).and_then(|one| one.transaction()) {
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
