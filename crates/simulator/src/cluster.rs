//! Topics, transactions, a consumer group and a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gristmill::protocol::{Entry, Slots};
use gristmill::rows::{Partition, Position};

use crate::group::{Group, Id, Kind};
use crate::log::{Log, Standing, Transaction, Transactions};
use crate::system::System;

/// A transaction that stays open for this long is aborted, and its producer fenced.
pub const TRANSACTION: Duration = Duration::from_secs(10);

/// The topics of the simulated pipeline.
pub const INPUT: &str = "in";
/// The journal.
pub const JOURNAL: &str = "journal";
/// The snapshots.
pub const STATE: &str = "state";
/// The dead letters.
pub const DEAD: &str = "dead";

/// Why a transactional request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The member is not in the group, or belongs to another generation of it.
    Generation,
    /// The coordinator has aborted the transaction.
    Fenced,
}

/// The key and the value of a record.
pub type KeyValue = (Option<Vec<u8>>, Option<Vec<u8>>);

#[derive(Debug)]
struct Begun {
    at: Duration,
    touched: BTreeSet<(String, i32)>,
    offsets: BTreeMap<Partition, Position>,
}

/// Everything outside the members.
#[derive(Debug)]
pub struct Cluster {
    now: Duration,
    /// How its logs count positions.
    pub system: System,
    topics: BTreeMap<String, BTreeMap<i32, Log>>,
    transactions: Transactions,
    begun: BTreeMap<Transaction, Begun>,
    offsets: BTreeMap<Partition, Position>,
    /// The group.
    pub group: Group,
}

impl Cluster {
    /// A cluster with empty topics.
    pub fn new(kind: Kind, system: System, partitions: i32) -> Self {
        let logs = || (0..partitions).map(|partition| (partition, Log::new(system))).collect();
        Self {
            now: Duration::ZERO,
            system,
            topics: system.inputs().iter().map(|input| (input.to_string(), logs())).collect(),
            transactions: BTreeMap::new(),
            begun: BTreeMap::new(),
            offsets: BTreeMap::new(),
            group: Group::new(kind, partitions),
        }
    }

    /// The simulated time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Advances the time: members without heartbeats are expelled, old transactions aborted.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.group.expire(self.now);
        let old = self.begun.iter().filter(|(_, begun)| self.now.saturating_sub(begun.at) > TRANSACTION);
        for number in old.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.end(number, Standing::Aborted);
        }
    }

    /// The partitions of the input.
    pub fn partitions(&self) -> i32 {
        self.topics.get(INPUT).map_or(0, |logs| logs.len() as i32)
    }

    /// Adds a partition to the input.
    pub fn grow(&mut self) {
        let partition = self.partitions();
        for input in self.system.inputs() {
            self.log_mut(&input, partition);
        }
        self.group.grow(partition + 1);
    }

    /// A log, created at its first write.
    pub fn log_mut(&mut self, topic: &str, partition: i32) -> &mut Log {
        let new = || Log::new(self.system);
        self.topics.entry(topic.to_string()).or_default().entry(partition).or_insert_with(new)
    }

    /// A log.
    pub fn log(&self, topic: &str, partition: i32) -> Option<&Log> {
        self.topics.get(topic)?.get(&partition)
    }

    /// The state of every transaction.
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// Committed values of a partition, in order.
    pub fn values(&self, topic: &str, partition: i32) -> Vec<KeyValue> {
        let Some(log) = self.log(topic, partition) else { return Vec::new() };
        let records = log.committed(&self.transactions, Position::START, Position::END);
        records.map(|(_, record)| (record.key.clone(), record.value.clone())).collect()
    }

    /// The group's committed position of an input, and whether a transaction would move it.
    pub fn offset(&self, partition: &Partition) -> (Option<Position>, bool) {
        let pending = self.begun.values().any(|begun| begun.offsets.contains_key(partition));
        (self.offsets.get(partition).copied(), pending)
    }

    /// Commits a position outside any transaction, or deletes it.
    pub fn set_offset(&mut self, partition: &Partition, position: Option<Position>) {
        match position {
            Some(position) => drop(self.offsets.insert(partition.clone(), position)),
            None => drop(self.offsets.remove(partition)),
        }
    }

    /// The partitions of the inputs of a shard.
    pub fn inputs(&self, number: i32) -> Vec<Partition> {
        self.system.inputs().into_iter().map(|topic| Partition { topic, number }).collect()
    }

    /// The end of a log for readers of committed records.
    pub fn stable_end(&self, topic: &str, number: i32) -> Position {
        self.log(topic, number).map_or(self.system.position(0), |log| log.stable_end(&self.transactions))
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Transaction {
        let number = self.transactions.len() as Transaction;
        self.transactions.insert(number, Standing::Open);
        self.begun.insert(number, Begun { at: self.now, touched: BTreeSet::new(), offsets: BTreeMap::new() });
        number
    }

    /// Writes a record, within a transaction or outside any.
    pub fn write(
        &mut self,
        topic: &str,
        partition: i32,
        (key, value): KeyValue,
        transaction: Option<Transaction>,
    ) -> Result<Position, Refused> {
        if let Some(number) = transaction {
            let begun = self.begun.get_mut(&number).ok_or(Refused::Fenced)?;
            begun.touched.insert((topic.to_string(), partition));
        }
        Ok(self.log_mut(topic, partition).append(key, value, transaction))
    }

    /// Adds offsets to a transaction. As in brokers, the member and its generation are checked, its partitions are
    /// not.
    pub fn add_offsets(
        &mut self,
        transaction: Transaction,
        member: Id,
        generation: u64,
        offsets: Vec<(Partition, Position)>,
    ) -> Result<(), Refused> {
        if !self.group.has(member) || generation != self.group.generation() {
            return Err(Refused::Generation);
        }
        let begun = self.begun.get_mut(&transaction).ok_or(Refused::Fenced)?;
        begun.offsets.extend(offsets);
        Ok(())
    }

    /// Commits a transaction.
    pub fn commit(&mut self, transaction: Transaction) -> Result<(), Refused> {
        if self.begun.contains_key(&transaction) {
            self.end(transaction, Standing::Committed);
            Ok(())
        } else {
            Err(Refused::Fenced)
        }
    }

    /// Aborts a transaction.
    pub fn abort(&mut self, transaction: Transaction) {
        if self.begun.contains_key(&transaction) {
            self.end(transaction, Standing::Aborted);
        }
    }

    fn end(&mut self, transaction: Transaction, standing: Standing) {
        let Some(begun) = self.begun.remove(&transaction) else { return };
        self.transactions.insert(transaction, standing);
        for (topic, partition) in begun.touched {
            self.log_mut(&topic, partition).mark();
        }
        if standing == Standing::Committed {
            self.offsets.extend(begun.offsets);
        }
    }

    /// Whether a transaction is still open.
    pub fn is_open(&self, transaction: Transaction) -> bool {
        self.begun.contains_key(&transaction)
    }

    /// The committed entries of a partition's journal.
    pub fn entries(&self, partition: i32) -> Vec<(Position, Entry)> {
        let Some(log) = self.log(JOURNAL, partition) else { return Vec::new() };
        let records = log.committed(&self.transactions, Position::START, Position::END);
        records.filter_map(|(offset, record)| Some((offset, Entry::decode(record.value.as_ref()?).ok()?))).collect()
    }

    /// All entries ever committed, including those that retention has deleted.
    pub fn remembered_entries(&self, partition: i32) -> Vec<Entry> {
        let Some(log) = self.log(JOURNAL, partition) else { return Vec::new() };
        let records = log.remembered(&self.transactions);
        records.filter_map(|(_, record)| Entry::decode(record.value.as_ref()?).ok()).collect()
    }

    /// The committed snapshots of a partition.
    pub fn slots(&self, partition: i32) -> Slots {
        let mut slots = Slots::default();
        for (key, value) in self.values(STATE, partition) {
            slots.take(&key.unwrap_or_default(), value.as_deref());
        }
        slots
    }
}
