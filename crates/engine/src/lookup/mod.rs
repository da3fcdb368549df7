//! Lookup tables: what is known of a key besides its records, as of the row's time.

mod content;
mod section;

pub use content::Content;

use std::sync::Arc;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use crate::connect::LookupSource;
use crate::plan::ColumnPlan;
use crate::rows::{Cell, Column, Rows};
use crate::spec::Format;

/// A table of a plan.
#[derive(Debug, Clone)]
pub struct LookupPlan {
    /// Its name.
    pub name: String,
    /// Where it is read from.
    pub source: LookupSource,
    /// How a row is written.
    pub format: Format,
    /// Its columns.
    pub columns: Vec<ColumnPlan>,
    /// The column of its key; none: the record's key.
    pub key: Option<usize>,
    /// The column of the input that is looked up.
    pub on: usize,
    /// The column with the time from which a row is valid.
    pub time: Option<usize>,
    /// The names of the columns that rows gain: all but the key.
    pub names: Vec<String>,
}

impl LookupPlan {
    /// The columns that rows gain, with their names in features and conditions.
    pub fn given(&self) -> impl Iterator<Item = (&str, &ColumnPlan)> {
        let columns = self.columns.iter().enumerate().filter(|(index, _)| Some(*index) != self.key);
        self.names.iter().zip(columns).map(|(name, (_, column))| (name.as_str(), column))
    }
}

/// A table with its state.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    content: Arc<Content>,
    /// Whether the content is saved: a topic may have changed when it is read again, a file can be restored.
    kept: bool,
    on: usize,
    key: Option<usize>,
    unmatched: u64,
}

impl Lookup {
    /// A table with its content.
    pub(crate) fn new(plan: &LookupPlan, content: &Arc<Content>) -> Self {
        Self { content: Arc::clone(content), kept: !plan.source.stays(), on: plan.on, key: plan.key, unmatched: 0 }
    }

    /// The number of rows without a match.
    pub(crate) fn unmatched(&self) -> u64 {
        self.unmatched
    }

    pub(crate) fn digest(&self) -> u64 {
        self.content.digest()
    }

    /// Uses this content from now on.
    pub(crate) fn renew(&mut self, content: &Arc<Content>) {
        self.content = Arc::clone(content);
    }

    /// The match of each row; missing if there is none. `time`: the column of event time.
    pub(crate) fn find(&mut self, rows: &Rows, time: Option<usize>) -> Vec<Column> {
        let cell = |column: Option<usize>, row: usize| {
            column.and_then(|column| rows.columns.get(column)).map_or(Cell::Missing, |column| column.cell(row))
        };
        let find = |row: usize| match cell(Some(self.on), row) {
            Cell::Missing => None,
            key => {
                let now = if let Cell::Timestamp(time) = cell(time, row) { time } else { i64::MAX };
                self.content.find(&key.text(), now)
            }
        };
        let found: Vec<Option<u32>> = (0..rows.len()).map(find).collect();
        self.unmatched += found.iter().filter(|found| found.is_none()).count() as u64;
        self.content.take(&found, self.key)
    }
}

impl Stateful for Lookup {
    fn save(&self, to: &mut StateWriter) {
        to.begin("table", 1);
        to.u64(self.unmatched);
        to.u64(self.kept.into());
        if self.kept {
            self.content.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("table", 1)?;
        self.unmatched = from.u64()?;
        if from.u64()? == 1 {
            self.content = Arc::new(self.content.load(from)?);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.content.size()
    }
}
