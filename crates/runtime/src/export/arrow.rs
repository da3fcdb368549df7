//! Arrow IPC files (Feather, version 2).

use std::fs::File;
use std::io::BufWriter;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema};

use super::Format;

struct Arrow(FileWriter<BufWriter<File>>);

pub(super) fn begin(file: BufWriter<File>, schema: &Schema) -> Result<Box<dyn Format>, ArrowError> {
    Ok(Box::new(Arrow(FileWriter::try_new(file, schema)?)))
}

impl Format for Arrow {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.0.write(batch)
    }

    fn finish(mut self: Box<Self>) -> Result<(), ArrowError> {
        self.0.finish()?;
        self.0.flush()
    }
}
