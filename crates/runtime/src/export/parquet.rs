//! Apache Parquet, compressed with Zstandard.

use std::fs::File;
use std::io::BufWriter;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Format;

struct Parquet(ArrowWriter<BufWriter<File>>);

pub(super) fn begin(file: BufWriter<File>, schema: &Schema) -> Result<Box<dyn Format>, ArrowError> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    Ok(Box::new(Parquet(ArrowWriter::try_new(file, schema.clone().into(), Some(properties))?)))
}

impl Format for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        Ok(self.0.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<(), ArrowError> {
        self.0.close()?;
        Ok(())
    }
}
