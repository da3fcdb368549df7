//! A consumer group as its coordinator sees it, in three kinds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How partitions move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Classic, eager: everybody gives everything up, then everything is given out anew.
    Eager,
    /// Classic, cooperative: only what moves is given up, in a rebalance of its own.
    Cooperative,
    /// KIP-848: the coordinator moves partitions one member at a time.
    Consumer,
}

/// What a member is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These are its own now.
    Assigned(Vec<i32>),
    /// These must be let go.
    Revoked(Vec<i32>),
}

/// The id of a member; one that was expelled and comes back has another.
pub type Id = u64;

#[derive(Debug, Default)]
struct Seat {
    heard: Duration,
    owned: BTreeSet<i32>,
    changes: VecDeque<Change>,
    /// Partitions that it was told to let go and has not yet.
    leaving: BTreeSet<i32>,
}

/// A member that is not heard of for so long is expelled.
pub const SESSION: Duration = Duration::from_secs(10);

/// The group.
#[derive(Debug)]
pub struct Group {
    kind: Kind,
    partitions: i32,
    seats: BTreeMap<Id, Seat>,
    generation: u64,
    ids: Id,
}

impl Group {
    /// A group without members.
    pub fn new(kind: Kind, partitions: i32) -> Self {
        Self { kind, partitions, seats: BTreeMap::new(), generation: 0, ids: 0 }
    }

    /// The number of times that partitions were given out.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether somebody is a member.
    pub fn has(&self, id: Id) -> bool {
        self.seats.contains_key(&id)
    }

    /// A new member; its id.
    pub fn join(&mut self, now: Duration) -> Id {
        self.ids += 1;
        self.seats.insert(self.ids, Seat { heard: now, ..Seat::default() });
        self.rebalance();
        self.ids
    }

    /// A member leaves.
    pub fn leave(&mut self, id: Id) {
        if self.seats.remove(&id).is_some() {
            self.rebalance();
        }
    }

    /// A heartbeat.
    pub fn hear(&mut self, id: Id, now: Duration) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.heard = now;
        }
    }

    /// Expels members that were not heard of.
    pub fn expire(&mut self, now: Duration) {
        let before = self.seats.len();
        self.seats.retain(|_, seat| now.saturating_sub(seat.heard) < SESSION);
        if self.seats.len() < before {
            self.rebalance();
        }
    }

    /// The input has more partitions now.
    pub fn grow(&mut self, partitions: i32) {
        self.partitions = partitions;
        self.rebalance();
    }

    /// Whether somebody has a partition: the offsets of a group that is at work do not expire.
    pub fn owned(&self, partition: i32) -> bool {
        self.seats.values().any(|seat| seat.owned.contains(&partition))
    }

    /// What a member is told next.
    pub fn next(&mut self, id: Id) -> Option<Change> {
        self.seats.get_mut(&id)?.changes.pop_front()
    }

    /// A member has let partitions go.
    pub fn release(&mut self, id: Id, partitions: &[i32]) {
        if let Some(seat) = self.seats.get_mut(&id) {
            for partition in partitions {
                seat.owned.remove(partition);
                seat.leaving.remove(partition);
            }
            self.give_out();
        }
    }

    /// Who is to have what: round robin.
    fn target(&self) -> BTreeMap<i32, Id> {
        let ids: Vec<Id> = self.seats.keys().copied().collect();
        let owner = |partition: i32| ids.get(partition as usize % ids.len().max(1)).copied();
        (0..self.partitions).filter_map(|partition| Some((partition, owner(partition)?))).collect()
    }

    fn rebalance(&mut self) {
        let target = self.target();
        for (id, seat) in &mut self.seats {
            // What it was promised and has not taken yet is promised no longer.
            seat.changes.retain(|change| match change {
                Change::Assigned(partitions) => {
                    seat.owned.retain(|partition| !partitions.contains(partition));
                    false
                }
                Change::Revoked(_) => true,
            });
            let moves = |partition: &&i32| self.kind == Kind::Eager || target.get(partition) != Some(id);
            let staying = seat.owned.difference(&seat.leaving);
            let revoked: Vec<i32> = staying.filter(moves).copied().collect();
            if !revoked.is_empty() {
                seat.leaving.extend(revoked.iter().copied());
                seat.changes.push_back(Change::Revoked(revoked));
            }
        }
        self.give_out();
    }

    /// Gives out what nobody has, to whom it belongs; eagerly only when everybody has given up everything.
    fn give_out(&mut self) {
        let leaving = self.seats.values().any(|seat| !seat.leaving.is_empty());
        if self.kind == Kind::Eager && leaving {
            return;
        }
        let owned: BTreeSet<i32> = self.seats.values().flat_map(|seat| seat.owned.iter().copied()).collect();
        let mut given: BTreeMap<Id, Vec<i32>> = BTreeMap::new();
        for (partition, id) in self.target() {
            if !owned.contains(&partition) {
                given.entry(id).or_default().push(partition);
            }
        }
        for (id, partitions) in given {
            if let Some(seat) = self.seats.get_mut(&id) {
                self.generation += 1;
                seat.owned.extend(partitions.iter().copied());
                seat.changes.push_back(Change::Assigned(partitions));
            }
        }
    }
}
