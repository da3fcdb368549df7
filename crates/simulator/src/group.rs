//! A consumer group as its coordinator sees it, with three kinds of rebalance.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The rebalance protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Classic, eager: every member gives up all partitions, then all are assigned anew.
    Eager,
    /// Classic, cooperative: only partitions that move are revoked, in a rebalance of their own.
    Cooperative,
    /// KIP-848: the coordinator moves partitions one member at a time.
    Consumer,
}

/// A change of a member's assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These are assigned to it.
    Assigned(Vec<i32>),
    /// These are revoked and must be released.
    Revoked(Vec<i32>),
}

/// The id of a member; an expelled member that rejoins has a new one.
pub type Id = u64;

#[derive(Debug, Default)]
struct Membership {
    heard: Duration,
    owned: BTreeSet<i32>,
    changes: VecDeque<Change>,
    /// Revoked partitions that it has not released yet.
    leaving: BTreeSet<i32>,
}

/// A member without heartbeats for this long is expelled.
pub const SESSION: Duration = Duration::from_secs(10);

/// The group.
#[derive(Debug)]
pub struct Group {
    kind: Kind,
    partitions: i32,
    memberships: BTreeMap<Id, Membership>,
    generation: u64,
    ids: Id,
}

impl Group {
    /// A group without members.
    pub fn new(kind: Kind, partitions: i32) -> Self {
        Self { kind, partitions, memberships: BTreeMap::new(), generation: 0, ids: 0 }
    }

    /// The generation: the number of assignments so far.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the member with this id is in the group.
    pub fn has(&self, id: Id) -> bool {
        self.memberships.contains_key(&id)
    }

    /// Adds a member; its id.
    pub fn join(&mut self, now: Duration) -> Id {
        self.ids += 1;
        self.memberships.insert(self.ids, Membership { heard: now, ..Membership::default() });
        self.rebalance();
        self.ids
    }

    /// Removes a member.
    pub fn leave(&mut self, id: Id) {
        if self.memberships.remove(&id).is_some() {
            self.rebalance();
        }
    }

    /// Records a heartbeat.
    pub fn hear(&mut self, id: Id, now: Duration) {
        if let Some(membership) = self.memberships.get_mut(&id) {
            membership.heard = now;
        }
    }

    /// Expels members whose session has expired.
    pub fn expire(&mut self, now: Duration) {
        let before = self.memberships.len();
        self.memberships.retain(|_, membership| now.saturating_sub(membership.heard) < SESSION);
        if self.memberships.len() < before {
            self.rebalance();
        }
    }

    /// The input now has more partitions.
    pub fn grow(&mut self, partitions: i32) {
        self.partitions = partitions;
        self.rebalance();
    }

    /// Whether a member owns a partition: the offsets of an active group do not expire.
    pub fn owned(&self, partition: i32) -> bool {
        self.memberships.values().any(|membership| membership.owned.contains(&partition))
    }

    /// A member's next change of assignment.
    pub fn next(&mut self, id: Id) -> Option<Change> {
        self.memberships.get_mut(&id)?.changes.pop_front()
    }

    /// A member has released partitions.
    pub fn release(&mut self, id: Id, partitions: &[i32]) {
        if let Some(membership) = self.memberships.get_mut(&id) {
            for partition in partitions {
                membership.owned.remove(partition);
                membership.leaving.remove(partition);
            }
            self.give_out();
        }
    }

    /// The target assignment: round robin.
    fn target(&self) -> BTreeMap<i32, Id> {
        let ids: Vec<Id> = self.memberships.keys().copied().collect();
        let owner = |partition: i32| ids.get(partition as usize % ids.len().max(1)).copied();
        (0..self.partitions).filter_map(|partition| Some((partition, owner(partition)?))).collect()
    }

    fn rebalance(&mut self) {
        let target = self.target();
        for (id, membership) in &mut self.memberships {
            // An assignment that it has not received yet is withdrawn.
            membership.changes.retain(|change| match change {
                Change::Assigned(partitions) => {
                    membership.owned.retain(|partition| !partitions.contains(partition));
                    false
                }
                Change::Revoked(_) => true,
            });
            let moves = |partition: &&i32| self.kind == Kind::Eager || target.get(partition) != Some(id);
            let staying = membership.owned.difference(&membership.leaving);
            let revoked: Vec<i32> = staying.filter(moves).copied().collect();
            if !revoked.is_empty() {
                membership.leaving.extend(revoked.iter().copied());
                membership.changes.push_back(Change::Revoked(revoked));
            }
        }
        self.give_out();
    }

    /// Assigns free partitions to their target members; eagerly only when every member has released everything.
    fn give_out(&mut self) {
        let leaving = self.memberships.values().any(|membership| !membership.leaving.is_empty());
        if self.kind == Kind::Eager && leaving {
            return;
        }
        let owned: BTreeSet<i32> =
            self.memberships.values().flat_map(|membership| membership.owned.iter().copied()).collect();
        let mut given: BTreeMap<Id, Vec<i32>> = BTreeMap::new();
        for (partition, id) in self.target() {
            if !owned.contains(&partition) {
                given.entry(id).or_default().push(partition);
            }
        }
        for (id, partitions) in given {
            if let Some(membership) = self.memberships.get_mut(&id) {
                self.generation += 1;
                membership.owned.extend(partitions.iter().copied());
                membership.changes.push_back(Change::Assigned(partitions));
            }
        }
    }
}
