//! A table in a file.

use std::sync::Arc;

use gristmill::connect::LookupFilePlan;
use gristmill::lookup::LookupPlan;
use gristmill::rows::{Partition, Position, RawRows};
use gristmill::spec::Format;

use super::Reader;
use crate::log::TableReader;
use crate::source::SourceError;

/// Reads a table.
pub(super) struct FileTable {
    reader: Reader,
    partition: Partition,
}

impl FileTable {
    pub(super) fn open(table: &LookupPlan) -> Result<Self, SourceError> {
        let Some(LookupFilePlan { path, header, delimiter }) = table.source.of() else {
            return Err(SourceError::File { path: table.name.clone(), why: "the table is not a file".into() });
        };
        let csv = (table.format == Format::Csv).then_some(*delimiter);
        let reader = Reader::of(path, csv, *header, Arc::default())?;
        Ok(Self { reader, partition: Partition::new(path, 0) })
    }
}

impl TableReader for FileTable {
    fn header(&self) -> Option<&[String]> {
        self.reader.header()
    }

    fn next(&mut self) -> Result<Option<RawRows>, SourceError> {
        let raw = self.reader.batch(&self.partition, Position::END)?;
        Ok((!raw.is_empty()).then_some(raw))
    }

    fn place(&self, partition: &Partition, position: Position) -> String {
        format!("{}, record {}", partition.topic, position.next())
    }
}
