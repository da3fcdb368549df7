//! One partition of a topic: records, markers, and what a reader of committed records sees of them.

use std::collections::BTreeMap;

/// The number of a transaction.
pub type Transaction = u64;

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Neither committed nor aborted.
    Open,
    /// Its records count.
    Committed,
    /// Its records never were.
    Aborted,
}

/// How all transactions stand.
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

/// A partition. Its offsets are the indices of its entries; a marker is an entry without a record.
#[derive(Debug, Clone, Default)]
pub struct Log {
    first: i64,
    entries: Vec<Option<Record>>,
}

impl Log {
    /// Appends a record, perhaps within a transaction; its offset.
    pub fn append(&mut self, key: Option<Vec<u8>>, value: Option<Vec<u8>>, transaction: Option<Transaction>) -> i64 {
        self.entries.push(Some(Record { key, value, transaction }));
        self.end() - 1
    }

    /// Appends the marker that ends a transaction.
    pub fn mark(&mut self) {
        self.entries.push(None);
    }

    /// The first offset that is still there.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The next offset.
    pub fn end(&self) -> i64 {
        self.entries.len() as i64
    }

    /// Forgets everything before an offset.
    pub fn forget(&mut self, before: i64) {
        self.first = self.first.max(before.min(self.end()));
    }

    /// Where the first open transaction begins, or the end: no reader of committed records comes past it.
    pub fn stable_end(&self, transactions: &Transactions) -> i64 {
        let open = |entry: &Option<Record>| {
            let transaction = entry.as_ref().and_then(|record| record.transaction);
            transaction.is_some_and(|number| transactions.get(&number) == Some(&Standing::Open))
        };
        self.entries.iter().position(open).map_or(self.end(), |offset| offset as i64)
    }

    /// All committed records there ever were.
    pub fn remembered<'a>(&'a self, transactions: &'a Transactions) -> impl Iterator<Item = (i64, &'a Record)> {
        let records =
            self.entries.iter().enumerate().filter_map(|(offset, entry)| Some((offset as i64, entry.as_ref()?)));
        let standing = |record: &Record| record.transaction.and_then(|number| transactions.get(&number));
        records.filter(move |(_, record)| matches!(standing(record), None | Some(Standing::Committed)))
    }

    /// The committed records in [from, to), with their offsets.
    pub fn committed<'a>(
        &'a self,
        transactions: &'a Transactions,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &'a Record)> {
        let (begin, end) = (from.max(self.first), self.stable_end(transactions).min(to));
        let entries = self.entries.iter().enumerate().map(|(offset, entry)| (offset as i64, entry));
        let within = entries.filter(move |(offset, _)| *offset >= begin && *offset < end);
        within.filter_map(move |(offset, entry)| {
            let record = entry.as_ref()?;
            let standing = record.transaction.and_then(|number| transactions.get(&number));
            matches!(standing, None | Some(Standing::Committed)).then_some((offset, record))
        })
    }
}
