//! Writes tables to files, in the format of the file's extension.

mod arrow;
mod csv;
#[cfg(feature = "parquet")]
mod parquet;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use arrow_select::concat::concat_batches;

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The extension of the file does not determine a format.
    #[error("the name `{path}` does not say how the table is written: end it with {known}")]
    Ending {
        /// The file.
        path: String,
        /// The known extensions.
        known: String,
    },
    /// The file.
    #[error("cannot write {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

/// A table in one format.
trait Format {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError>;
    /// Afterwards the file is complete for readers.
    fn finish(self: Box<Self>) -> Result<(), ArrowError>;
}

type Begin = fn(BufWriter<File>, &Schema) -> Result<Box<dyn Format>, ArrowError>;

/// Every format: its extensions, and how a table begins.
const FORMATS: &[(&str, Begin)] = &[
    #[cfg(feature = "parquet")]
    (".parquet", parquet::begin),
    (".arrow", arrow::begin),
    (".csv", csv::begin),
];

/// Rows are collected up to this many: readers are slow with many small blocks.
const BLOCK: usize = 65_536;

/// A table being written. Until it is finished the file has another name, so that an incomplete table is never taken
/// for a complete one.
pub struct Table {
    path: PathBuf,
    part: PathBuf,
    schema: std::sync::Arc<Schema>,
    format: Box<dyn Format>,
    waiting: Vec<RecordBatch>,
}

impl Table {
    /// Begins a table with these columns.
    pub fn create(path: &Path, schema: Schema) -> Result<Self, TableError> {
        let name = path.to_string_lossy().to_lowercase();
        let begin = FORMATS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, begin)| begin);
        let begin = begin.ok_or_else(|| {
            let known: Vec<String> = FORMATS.iter().map(|(ending, _)| format!("`{ending}`")).collect();
            TableError::Ending { path: path.display().to_string(), known: known.join(", ") }
        })?;
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let failed = |why: String| TableError::File { path: path.display().to_string(), why };
        let file = File::create(&part).map_err(|error| failed(error.to_string()))?;
        let format = begin(BufWriter::new(file), &schema).map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: path.into(), part, schema: schema.into(), format, waiting: Vec::new() })
    }

    /// The columns.
    pub fn schema(&self) -> std::sync::Arc<Schema> {
        std::sync::Arc::clone(&self.schema)
    }

    /// Adds rows.
    pub fn write(&mut self, batch: RecordBatch) -> Result<(), TableError> {
        self.waiting.push(batch);
        if self.waiting.iter().map(RecordBatch::num_rows).sum::<usize>() >= BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let whole = concat_batches(&self.schema, &self.waiting);
        self.waiting.clear();
        whole.and_then(|whole| self.format.write(&whole)).map_err(|error| self.failed(&error))
    }

    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) -> TableError {
        TableError::File { path: self.path.display().to_string(), why: error.to_string() }
    }

    /// Finishes the table: from now on the file has its name.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.flush()?;
        let Self { path, part, format, .. } = self;
        let failed = |why: String| TableError::File { path: path.display().to_string(), why };
        format.finish().map_err(|error| failed(error.to_string()))?;
        std::fs::rename(&part, &path).map_err(|error| failed(error.to_string()))
    }
}
