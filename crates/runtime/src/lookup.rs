//! Lookup tables, read completely before the first record.

use std::sync::Arc;

use gristmill::lookup::{Content, LookupPlan};
use gristmill::plan::Plan;
use gristmill::rows::{Cell, Column, Position, RawRows, Rows};
use gristmill_connect::broker::BrokerError;
use gristmill_connect::connector;
use gristmill_connect::source::SourceError;
use gristmill_formats::Decoder;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// It cannot be read.
    #[error("table `{table}`: {source}")]
    Source {
        /// The table.
        table: String,
        /// What went wrong.
        source: SourceError,
    },
    /// A row cannot be read.
    #[error("table `{table}`, {place}: {message}; mend it, since rows would be looked up in vain")]
    Row {
        /// The table.
        table: String,
        /// Where.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// The current content of a plan's tables.
pub fn load(plan: &Arc<Plan>) -> Result<Vec<Arc<Content>>, LookupError> {
    let loaded = |table: &LookupPlan| {
        let content = read(plan, table)?;
        tracing::info!(name: "table_loaded", "table {}: {} rows", table.name, content.len());
        Ok(Arc::new(content))
    };
    plan.lookups.iter().map(loaded).collect()
}

/// The rows of a table while it is read.
struct Growing<'a> {
    table: &'a LookupPlan,
    decoder: Decoder,
    blocks: Vec<Rows>,
    /// The keys in order, with the numbers of their rows; none for a deleted key.
    keys: Vec<(Box<str>, Option<u32>)>,
    count: u32,
}

impl LookupError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Source { source, .. } => source.broker(),
            Self::Row { .. } => None,
        }
    }
}

impl<'a> Growing<'a> {
    fn new(table: &'a LookupPlan, header: Option<&[String]>) -> Result<Self, LookupError> {
        let decoder = Decoder::with(&table.columns, table.format, header, table.source.framing());
        let wrong = |message| LookupError::Row { table: table.name.clone(), place: "the header".into(), message };
        Ok(Self { table, decoder: decoder.map_err(wrong)?, blocks: Vec::new(), keys: Vec::new(), count: 0 })
    }

    /// Adds records that have a value. `place`: the place of a record, as text.
    fn add(&mut self, raw: &RawRows, place: impl Fn(Position) -> String) -> Result<(), LookupError> {
        let mut refusals = Vec::new();
        let rows = self.decoder.decode(raw, &mut refusals);
        if let Some(refusal) = refusals.first() {
            let place = place(raw.get(refusal.record).map_or(Position::START, |record| record.position));
            let message = refusal.message.clone();
            return Err(LookupError::Row { table: self.table.name.clone(), place, message });
        }
        for (row, record) in rows.records.iter().enumerate() {
            let key = match self.table.key {
                Some(key) => rows.columns.get(key).map_or(Cell::Missing, |column| column.cell(row)).text(),
                None => String::from_utf8_lossy(raw.get(*record).and_then(|record| record.key).unwrap_or_default()),
            };
            self.keys.push((key.into(), Some(self.count)));
            self.count += 1;
        }
        self.blocks.push(rows);
        Ok(())
    }

    fn finish(self) -> Content {
        let column = |index: usize| {
            let parts: Vec<&Column> = self.blocks.iter().filter_map(|rows| rows.columns.get(index)).collect();
            Column::joined(&parts)
        };
        let columns: Option<Vec<Column>> = (0..self.table.columns.len()).map(column).collect();
        match columns {
            Some(columns) => Content::of(columns, self.keys, self.table.time),
            None => Content::new(&self.table.columns),
        }
    }
}

fn read(plan: &Arc<Plan>, table: &LookupPlan) -> Result<Content, LookupError> {
    let failed = |source| LookupError::Source { table: table.name.clone(), source };
    let mut reader = connector::table(plan, table).map_err(failed)?;
    let mut rows = Growing::new(table, reader.header())?;
    while let Some(mut raw) = reader.next().map_err(failed)? {
        // A record without a value takes its key out, of those before it.
        let partition = raw.partition.clone();
        let place = |position| reader.place(&partition, position);
        let gone = |raw: &RawRows| raw.iter().position(|record| record.value.is_none());
        while let Some(gone) = gone(&raw) {
            let (before, rest) = raw.split(gone);
            rows.add(&before, place)?;
            let (one, behind) = rest.split(1);
            let key = one.get(0).and_then(|record| record.key).unwrap_or_default();
            rows.keys.push((String::from_utf8_lossy(key).into(), None));
            raw = behind;
        }
        rows.add(&raw, place)?;
    }
    Ok(rows.finish())
}
