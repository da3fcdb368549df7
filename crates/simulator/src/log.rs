//! One partition of a topic: records, markers, and what a reader of committed records sees.

use std::collections::BTreeMap;

use gristmill::rows::Position;

use crate::system::System;

/// The number of a transaction.
pub type Transaction = u64;

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Neither committed nor aborted.
    Open,
    /// Its records are visible.
    Committed,
    /// Its records are discarded.
    Aborted,
}

/// The state of every transaction.
pub type Transactions = BTreeMap<Transaction, Standing>;

/// A record of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    transaction: Option<Transaction>,
}

/// A partition. A marker is an entry without a record, and occupies a position as records do.
#[derive(Debug, Clone)]
pub struct Log {
    system: System,
    /// The number of the first entry that is not deleted.
    first: usize,
    entries: Vec<Option<Record>>,
}

impl Log {
    /// An empty log.
    pub fn new(system: System) -> Self {
        Self { system, first: 0, entries: Vec::new() }
    }

    /// Appends a record, optionally within a transaction; its position.
    pub fn append(
        &mut self,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        transaction: Option<Transaction>,
    ) -> Position {
        let position = self.end();
        self.entries.push(Some(Record { key, value, transaction }));
        position
    }

    /// The position this many entries before another, markers and deleted records included.
    pub fn back(&self, position: Position, records: usize) -> Position {
        self.system.position(self.system.number(position).saturating_sub(records))
    }

    /// The number of the first record at or after a position.
    pub fn number(&self, position: Position) -> usize {
        self.system.number(position)
    }

    /// Appends the marker that ends a transaction.
    pub fn mark(&mut self) {
        self.entries.push(None);
    }

    /// The position after the last deleted record. The first one that exists may lie further on.
    pub fn first(&self) -> Position {
        self.first.checked_sub(1).map_or(self.system.position(0), |last| self.system.position(last).next())
    }

    /// The next position.
    pub fn end(&self) -> Position {
        self.system.position(self.entries.len())
    }

    /// Deletes everything before a position.
    pub fn forget(&mut self, before: Position) {
        self.first = self.first.max(self.number(before).min(self.entries.len()));
    }

    /// Where the first open transaction begins, or the end: readers of committed records stop there.
    pub fn stable_end(&self, transactions: &Transactions) -> Position {
        let open = |entry: &Option<Record>| {
            let transaction = entry.as_ref().and_then(|record| record.transaction);
            transaction.is_some_and(|number| transactions.get(&number) == Some(&Standing::Open))
        };
        self.entries.iter().position(open).map_or(self.end(), |number| self.system.position(number))
    }

    /// All records ever committed.
    pub fn remembered<'a>(&'a self, transactions: &'a Transactions) -> impl Iterator<Item = (Position, &'a Record)> {
        let records = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(number, entry)| Some((self.system.position(number), entry.as_ref()?)));
        let standing = |record: &Record| record.transaction.and_then(|number| transactions.get(&number));
        records.filter(move |(_, record)| matches!(standing(record), None | Some(Standing::Committed)))
    }

    /// The committed records in [from, to), with their positions.
    pub fn committed<'a>(
        &'a self,
        transactions: &'a Transactions,
        from: Position,
        to: Position,
    ) -> impl Iterator<Item = (Position, &'a Record)> {
        let (begin, end) = (from.max(self.first()), self.stable_end(transactions).min(to));
        let entries = self.entries.iter().enumerate().map(|(number, entry)| (self.system.position(number), entry));
        let within = entries.filter(move |(position, _)| *position >= begin && *position < end);
        within.filter_map(move |(position, entry)| {
            let record = entry.as_ref()?;
            let standing = record.transaction.and_then(|number| transactions.get(&number));
            matches!(standing, None | Some(Standing::Committed)).then_some((position, record))
        })
    }
}
