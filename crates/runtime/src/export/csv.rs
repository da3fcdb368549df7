//! Comma-separated values (RFC 4180), with a line of names; missing values are empty.

use std::fs::File;
use std::io::{BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_csv::{Writer, WriterBuilder};
use arrow_schema::{ArrowError, Schema};

use super::Format;

struct Csv(Writer<BufWriter<File>>);

pub(super) fn begin(file: BufWriter<File>, schema: &Schema) -> Result<Box<dyn Format>, ArrowError> {
    let mut writer = WriterBuilder::new().with_header(true).build(file);
    // The names are written even without rows.
    writer.write(&RecordBatch::new_empty(schema.clone().into()))?;
    Ok(Box::new(Csv(writer)))
}

impl Format for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.0.write(batch)
    }

    fn finish(self: Box<Self>) -> Result<(), ArrowError> {
        Ok(self.0.into_inner().flush()?)
    }
}
