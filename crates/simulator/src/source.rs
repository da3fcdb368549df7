//! A member's source in the simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill::rows::{Partition, Position, RawRecord, RawRows};
use gristmill_connect::source::{Ahead, Assignment, Event, Reread, Source, SourceError};

use crate::cluster::{Cluster, INPUT};
use crate::group::{Change, Id};
use crate::log::{Log, Record};
use crate::world::{Mutant, Shared, World, lock};

/// A member's source.
pub struct SimulatedSource {
    world: Shared,
    member: usize,
    topic: Arc<str>,
    id: Id,
    owned: Vec<i32>,
    /// The next position of each input partition that is being read.
    reading: BTreeMap<Partition, Position>,
    turn: usize,
    /// Whether it was expelled and has not acknowledged that yet.
    expelled: bool,
    /// Whether partitions were revoked and it has not acknowledged that yet.
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
    fn read(world: &mut World, partition: &Partition, from: Position, to: Position) -> RawRows {
        let most = 1 + world.random.below(5) as usize;
        records(&world.cluster, partition, from, to, most)
    }

    /// The next records of the partitions that are being read, in turn.
    fn records(&mut self, world: &mut World) -> Option<Event> {
        self.turn += 1;
        let (partition, from) = self.reading.iter().nth(self.turn % self.reading.len().max(1))?;
        let (partition, from) = (partition.clone(), *from);
        // Sometimes it delivers earlier records again, as clients do after a seek.
        let back = if world.random.percent(5) { world.random.below(4) as usize } else { 0 };
        let log = world.cluster.log(&partition.topic, partition.number);
        let from = log.map_or(from, |log| log.back(from, back));
        let rows = Self::read(world, &partition, from, Position::END);
        match rows.next() {
            Some(next) => {
                self.reading.insert(partition, next);
                Some(Event::Rows(rows))
            }
            None => Some(Event::CaughtUp(partition)),
        }
    }
}

/// The first committed records of a partition in [from, to).
pub(crate) fn records(cluster: &Cluster, partition: &Partition, from: Position, to: Position, most: usize) -> RawRows {
    let mut rows = RawRows::new(partition.clone());
    let Some(log) = cluster.log(&partition.topic, partition.number) else { return rows };
    for (position, record) in log.committed(cluster.transactions(), from, to).take(most) {
        rows.push(raw(log, position, record));
    }
    rows
}

/// A record as sources deliver it.
pub(crate) fn raw<'a>(log: &Log, position: Position, record: &'a Record) -> RawRecord<'a> {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    RawRecord { position, timestamp: Some(log.number(position) as i64), key, value, headers: &[] }
}

impl Source for SimulatedSource {
    fn poll(&mut self, _: Duration, room: bool) -> Result<Option<Event>, SourceError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        if !world.cluster.group.has(self.id) {
            // Expelled: the member is notified now, and rejoins once it has released its partitions. Events are
            // sequential: earlier ones must be acknowledged first.
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
        for (partition, position) in world.rewind.remove(&self.member).unwrap_or_default() {
            self.reading.entry(partition).and_modify(|next| *next = position);
        }
        match world.cluster.group.next(self.id) {
            Some(Change::Assigned(numbers)) => {
                self.owned.extend(&numbers);
                let assigned = self.partitions(&numbers).into_iter();
                let assigned = assigned.map(|partition| Assignment { partition, headers: Vec::new() });
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
        Ok(if room { self.records(&mut world) } else { None })
    }
    fn accept(&mut self, _: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, partition: &Partition, position: Position) -> Result<(), SourceError> {
        self.reading.insert(partition.clone(), position);
        Ok(())
    }

    fn pause(&mut self, partition: &Partition) -> Result<(), SourceError> {
        self.reading.remove(partition);
        Ok(())
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        self.reading.retain(|partition, _| !numbers.contains(&partition.number));
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

    fn rejoin(&mut self) -> Result<(), SourceError> {
        let shared = Arc::clone(&self.world);
        let mut world = lock(&shared);
        world.cluster.group.leave(self.id);
        self.reading.clear();
        self.owned.clear();
        (self.expelled, self.revoking) = (false, false);
        self.join_again(&mut world);
        Ok(())
    }

    fn lost(&self) -> bool {
        !lock(&self.world).cluster.group.has(self.id)
    }

    fn reread(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        let mut world = lock(&self.world);
        if world.random.percent(20) {
            return Ok(Reread::Nothing);
        }
        let rows = Self::read(&mut world, partition, from, to);
        Ok(if rows.is_empty() { Reread::End } else { Reread::Rows(rows) })
    }

    fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<Position>>, SourceError> {
        let world = lock(&self.world);
        Ok(partitions.iter().map(|partition| world.cluster.offset(partition).0).collect())
    }

    fn skip_control_records(
        &mut self,
        partition: &Partition,
        position: Position,
        to: Option<Position>,
    ) -> Result<Ahead, SourceError> {
        let mut world = lock(&self.world);
        if world.mutant == Some(Mutant::StaysBeforeMarkers) {
            return Ok(Ahead::Records);
        }
        if world.random.percent(20) {
            return Ok(Ahead::Unknown);
        }
        let Some(log) = world.cluster.log(&partition.topic, partition.number) else { return Ok(Ahead::Records) };
        let transactions = world.cluster.transactions();
        let end = to.unwrap_or(Position::END).min(log.stable_end(transactions));
        let only_markers = end > position && log.committed(transactions, position, end).next().is_none();
        world.facts.skip_control_records += u64::from(only_markers);
        Ok(if only_markers { Ahead::Markers(end) } else { Ahead::Records })
    }
}
