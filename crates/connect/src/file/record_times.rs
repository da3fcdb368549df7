//! The times of records, by which the records of two files are put in order.

use gristmill::rows::{Cell, RawRows};
use gristmill_formats::Decoder;

/// Reads the time of each record.
pub(super) struct RecordTimes {
    /// Decodes only the column of time.
    decoder: Decoder,
    latest: i64,
}

impl RecordTimes {
    pub(super) fn new(decoder: Decoder) -> Self {
        Self { decoder, latest: i64::MIN }
    }

    /// The file is read from its beginning.
    pub(super) fn restart(&mut self) {
        self.latest = i64::MIN;
    }

    /// The time of each record in microseconds. One that cannot be read has that of the record before it.
    pub(super) fn of(&mut self, raw: &RawRows) -> Vec<i64> {
        let rows = self.decoder.decode(raw, &mut Vec::new());
        let mut read = rows.records.iter().enumerate().peekable();
        let time = |record: usize| {
            if let Some((row, _)) = read.next_if(|(_, of)| **of == record)
                && let Some(Cell::Timestamp(time)) = rows.columns.first().map(|column| column.cell(row))
            {
                self.latest = time;
            }
            self.latest
        };
        (0..raw.len()).map(time).collect()
    }
}
