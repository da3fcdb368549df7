//! The events of a simulation, step by step, generated from a seed.

use crate::group::Kind;
use crate::random::Random;
use crate::system::System;

/// One step. Members and partitions are numbered modulo their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A member takes this many turns.
    Turns(u64, u64),
    /// A member's commit advances by this many steps.
    Progress(u64, u64),
    /// This many milliseconds pass.
    Pass(u64),
    /// Records are written to the input.
    Produce(u64, u64),
    /// Records are written in a transaction that is committed, or aborted.
    ProduceTransaction(u64, bool),
    /// A member joins.
    Join,
    /// A member stops cleanly.
    Leave(u64),
    /// A member is killed.
    Crash(u64),
    /// A member stalls for this many milliseconds, heartbeats included, while time passes.
    Stall(u64, u64),
    /// A member's next commit is sent with stale group metadata.
    Stale(u64),
    /// A member's next commit times out and must be aborted.
    Break(u64),
    /// The answer to a member's next commit is lost; the commit landed, or not.
    Lose(u64, bool),
    /// The input gains a partition.
    Grow,
    /// Retention deletes what is older than the newest snapshot from input and journal.
    Retain(u64),
    /// The group's offset of a partition expires.
    Expire(u64),
}

/// A simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Where it comes from.
    pub seed: u64,
    /// The group's protocol.
    pub kind: Kind,
    /// How logs count positions, and which inputs a shard has.
    pub system: System,
    /// The initial number of partitions.
    pub partitions: i32,
    /// The steps.
    pub actions: Vec<Action>,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let kind = match random.below(3) {
            0 => Kind::Eager,
            1 => Kind::Cooperative,
            _ => Kind::Consumer,
        };
        let partitions = 1 + random.below(4) as i32;
        let length = 20 + random.below(140);
        let mut actions = vec![Action::Join, Action::Produce(0, 5)];
        actions.extend((0..length).map(|_| action(&mut random)));
        Self { seed, kind, system: System::Numbered, partitions, actions }
    }

    /// The shortest schedule found that still fails.
    pub fn shorten(&self, fails: &dyn Fn(&Self) -> bool) -> Self {
        let mut best = self.clone();
        let mut chunk = best.actions.len() / 2;
        while chunk > 0 {
            let mut at = 0;
            while at < best.actions.len() {
                let mut shorter = best.clone();
                shorter.actions.drain(at..(at + chunk).min(best.actions.len()));
                if fails(&shorter) {
                    best = shorter;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
        best
    }
}

fn action(random: &mut Random) -> Action {
    let (who, much) = (random.number(), random.below(6));
    match random.below(100) {
        0..36 => Action::Turns(who, 1 + much),
        36..58 => Action::Progress(who, 1 + much),
        58..66 => Action::Pass(1 + random.below(120)),
        66..76 => Action::Produce(who, 1 + much),
        76..79 => Action::ProduceTransaction(who, random.percent(50)),
        79..82 => Action::Join,
        82..84 => Action::Leave(who),
        84..88 => Action::Crash(who),
        88..90 => Action::Stall(who, 4_000 + random.below(12_000)),
        90..92 => Action::Stale(who),
        92..94 => Action::Break(who),
        94..96 => Action::Lose(who, random.percent(50)),
        96..97 => Action::Grow,
        97..98 => Action::Retain(who),
        _ => Action::Expire(who),
    }
}
