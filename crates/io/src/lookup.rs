//! Tables to look rows up in, read whole before the first record.

use std::sync::Arc;

use gristmill::lookup::{Content, LookupPlan, LookupSource};
use gristmill::plan::Plan;
use gristmill::rows::{Cell, Column, Partition, Position, RawRecord, RawRows, Rows};
use gristmill::spec::Format;

use crate::codec::Decoder;
use crate::kafka::{InternalTopics, KafkaFailure};
use crate::source::{Reader, SourceError};

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The file cannot be read.
    #[error("table `{table}`: {source}")]
    File {
        /// The table.
        table: String,
        /// What went wrong.
        source: SourceError,
    },
    /// The topic cannot be read.
    #[error("table `{table}`: {source}")]
    Topic {
        /// The table.
        table: String,
        /// What went wrong.
        source: KafkaFailure,
    },
    /// What is in it cannot be read.
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

/// The plan with what is in its tables now.
pub fn load(plan: &Arc<Plan>) -> Result<Arc<Plan>, LookupError> {
    if plan.lookups.is_empty() {
        return Ok(Arc::clone(plan));
    }
    let mut loaded = Plan::clone(plan);
    for table in &mut loaded.lookups {
        let content = match &table.source {
            LookupSource::File { path, header, delimiter } => of_file(table, path, *header, *delimiter)?,
            LookupSource::Topic(topic) => of_topic(plan, table, topic)?,
        };
        tracing::info!("table {}: {} rows", table.name, content.len());
        table.content = Some(Arc::new(content));
    }
    Ok(Arc::new(loaded))
}

/// The rows of a table as they come in.
struct Growing<'a> {
    table: &'a LookupPlan,
    decoder: Decoder,
    blocks: Vec<Rows>,
    /// The keys in order, with the numbers of their rows; none where a key is gone.
    keys: Vec<(Box<str>, Option<u32>)>,
    count: u32,
}

impl<'a> Growing<'a> {
    fn new(table: &'a LookupPlan, header: Option<&[String]>, delimiter: u8) -> Result<Self, LookupError> {
        let decoder = Decoder::with(&table.columns, table.format, header, delimiter, usize::MAX);
        let wrong = |message| LookupError::Row { table: table.name.clone(), place: "the header".into(), message };
        Ok(Self { table, decoder: decoder.map_err(wrong)?, blocks: Vec::new(), keys: Vec::new(), count: 0 })
    }

    /// Adds records that have a value. `place`: where a record is, in words.
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

fn of_file(table: &LookupPlan, path: &str, header: bool, delimiter: u8) -> Result<Content, LookupError> {
    let failed = |source| LookupError::File { table: table.name.clone(), source };
    let csv = (table.format == Format::Csv).then_some(delimiter);
    let mut reader = Reader::of(path, csv, header, Arc::default()).map_err(failed)?;
    let partition = Partition::new(path, 0);
    let mut rows = Growing::new(table, reader.header(), delimiter)?;
    loop {
        let raw = reader.batch(&partition, Position::END).map_err(failed)?;
        if raw.is_empty() {
            return Ok(rows.finish());
        }
        rows.add(&raw, |position| format!("{path}, record {}", position.next()))?;
    }
}

fn of_topic(plan: &Arc<Plan>, table: &LookupPlan, topic: &str) -> Result<Content, LookupError> {
    let failed = |source| LookupError::Topic { table: table.name.clone(), source };
    let mut rows = Growing::new(table, None, b',')?;
    let topics = InternalTopics::open(plan).map_err(failed)?;
    for number in 0..topics.count(topic).map_err(failed)? {
        let place = |offset: Position| format!("topic {topic}, partition {number}, offset {offset}");
        let mut raw = RawRows::new(Partition::new(topic, number));
        // Records that take a key out, and how many others are before them.
        let mut gone: Vec<(usize, Box<str>)> = Vec::new();
        let visit = &mut |record: &RawRecord<'_>| {
            match record.value {
                Some(_) => raw.push(*record),
                None => gone.push((raw.len(), String::from_utf8_lossy(record.key.unwrap_or_default()).into())),
            }
            Ok(())
        };
        topics.visit(topic, number, Position::START, &|| true, visit).map_err(failed)?;
        let mut had = 0;
        for (before, key) in gone {
            let (first, rest) = raw.split(before - had);
            rows.add(&first, place)?;
            rows.keys.push((key, None));
            (raw, had) = (rest, before);
        }
        rows.add(&raw, place)?;
    }
    Ok(rows.finish())
}
