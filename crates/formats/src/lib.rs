//! Decodes records to typed columns, one by one: a bad record never affects its batch. Encodes decisions.

mod column;
mod csv;
mod decimal;
mod json;

use std::sync::Arc;

use gristmill::connect::Framing;
use gristmill::decision::Encode;
use gristmill::plan::{ColumnPlan, Need, Plan};
use gristmill::rows::{RawRows, Refusal, Rows, SchemaDrift, Stage};
use gristmill::spec::Format;

use column::Builder;

/// Decodes the records of a shard: those of the input, and those of labels, if they have records of their own.
pub struct Decoders {
    rows: Decoder,
    labels: Option<(Arc<str>, Decoder)>,
}

impl Decoders {
    /// For the inputs of a plan. `headers` name the fields of each, as far as it is a CSV file; without one they are the
    /// columns in their order. The error names the column that a file lacks.
    pub fn new(plan: &Plan, headers: &[Option<Vec<String>>]) -> Result<Self, String> {
        let header = |input: usize| headers.get(input).and_then(Option::as_deref);
        let labels = plan.labels().map(|labels| {
            let decoder = Decoder::with(&labels.columns, labels.format, header(1), labels.input.framing())?;
            Ok::<_, String>((labels.input.name().into(), decoder))
        });
        Ok(Self { rows: Decoder::new(plan, header(0))?, labels: labels.transpose()? })
    }

    /// The rows that can be read; the others are added to `refusals`.
    pub fn decode(&mut self, raw: &RawRows, refusals: &mut Vec<Refusal>) -> Rows {
        match &mut self.labels {
            Some((topic, decoder)) if raw.partition.topic == *topic => decoder.decode(raw, refusals),
            _ => self.rows.decode(raw, refusals),
        }
    }
}

/// Decodes the records of one partition.
pub struct Decoder {
    table: Table,
    format: Box<dyn Decode>,
    largest: usize,
}

/// A format at work on the records of one partition.
trait Decode: Send {
    /// Reads a record into the columns.
    fn read(&mut self, value: &[u8], table: &mut Table) -> Result<(), Unreadable>;
    /// The fields of every record that are not columns.
    fn unknown(&self) -> &[String] {
        &[]
    }
}

type Open = fn(&[ColumnPlan], Option<&[String]>, Framing) -> Result<Box<dyn Decode>, String>;

/// The formats that there are, how each is read and how it is written: one line each.
fn codec(format: Format) -> (Open, &'static dyn Encode) {
    match format {
        Format::Json => (json::open, &json::Json),
        Format::Csv => (csv::open, &csv::Csv),
    }
}

/// What writes decisions in a format.
pub fn encoder(format: Format) -> &'static dyn Encode {
    codec(format).1
}

/// The columns being built.
struct Table {
    columns: Arc<[ColumnPlan]>,
    builders: Vec<Builder>,
    rows: usize,
    drift: SchemaDrift,
}

/// Why a record cannot be read: a code and a message.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable {
    reason: &'static str,
    message: String,
}

impl Unreadable {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl Decoder {
    /// A decoder for the plan's columns. `header` names the fields of a CSV file; without it they are the plan's
    /// columns in their order. The error names the column that the file lacks.
    pub fn new(plan: &Plan, header: Option<&[String]>) -> Result<Self, String> {
        Self::with(&plan.columns, plan.format, header, plan.input.framing())
    }

    /// A decoder for any columns.
    pub fn with(
        columns: &[ColumnPlan],
        format: Format,
        header: Option<&[String]>,
        framing: Framing,
    ) -> Result<Self, String> {
        let (open, _) = codec(format);
        let builders = columns.iter().map(|column| Builder::new(&column.kind)).collect();
        Ok(Self {
            table: Table { columns: columns.into(), builders, rows: 0, drift: SchemaDrift::default() },
            format: open(columns, header, framing)?,
            largest: framing.max_record,
        })
    }

    /// The rows that can be read; the others are added to `refusals`.
    pub fn decode(&mut self, raw: &RawRows, refusals: &mut Vec<Refusal>) -> Rows {
        let mut records = Vec::with_capacity(raw.len());
        for (index, record) in raw.iter().enumerate() {
            match self.record(record.value) {
                Ok(()) => records.push(index),
                Err(Unreadable { reason, message }) => {
                    refusals.push(Refusal { record: index, stage: Stage::Decode, reason, message });
                }
            }
        }
        for name in self.format.unknown() {
            self.table.drift.unknown(name, records.len() as u64);
        }
        let drift = std::mem::take(&mut self.table.drift);
        Rows { columns: self.table.take(), records, drift }
    }

    fn record(&mut self, value: Option<&[u8]>) -> Result<(), Unreadable> {
        let value = value.ok_or_else(|| Unreadable::new("null_value", "the record has no value (a tombstone)"))?;
        if value.len() > self.largest {
            let message = format!(
                "the record has {} bytes, {} are allowed; raise `max_record` of the input if that is right",
                value.len(),
                self.largest
            );
            return Err(Unreadable::new("too_large", message));
        }
        let read = self.format.read(value, &mut self.table);
        read.and_then(|()| self.table.complete()).inspect_err(|_| self.table.undo())
    }
}

/// The value of a record in a format that is text.
fn text(value: &[u8]) -> Result<&str, Unreadable> {
    if value.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::new("empty", "the record's value is empty"));
    }
    std::str::from_utf8(value).map_err(|error| not_utf8(value, error.valid_up_to()))
}

/// Binary formats, by their first bytes, and what to do with them.
const PACKED: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "gzip: give its name the ending `.gz`, or unpack it with `gunzip`"),
    (b"\x28\xb5\x2f\xfd", "zstd: give its name the ending `.zst`, or unpack it with `unzstd`"),
    (b"PK\x03\x04", "a zip archive (or a spreadsheet): unpack it, and name the file in it"),
    (b"BZh", "bzip2: unpack it with `bunzip2`"),
    (b"\xfd7zXZ\0", "xz: unpack it with `unxz`"),
    (b"PAR1", "Parquet, which is not read: write it as CSV or as NDJSON, such as with DuckDB's `COPY … TO`"),
    (b"ARROW1", "Arrow, which is not read: write it as CSV or as NDJSON, such as with DuckDB's `COPY … TO`"),
    (b"Obj\x01", "Avro, which is not read: write it as CSV or as NDJSON"),
    (b"\xff\xfe", "UTF-16: convert it with `iconv -f utf-16 -t utf-8`"),
    (b"\xfe\xff", "UTF-16: convert it with `iconv -f utf-16 -t utf-8`"),
];

/// The format of binary bytes, if it is known, and what to do with them.
pub fn packed(bytes: &[u8]) -> Option<&'static str> {
    PACKED.iter().find(|(begins, _)| bytes.starts_with(begins)).map(|(_, what)| *what)
}

fn not_utf8(value: &[u8], at: usize) -> Unreadable {
    if let Some(what) = packed(value) {
        return Unreadable::new("invalid_utf8", format!("no text, but {what}"));
    }
    let byte = value.get(at).copied().unwrap_or_default();
    let message = format!(
        "not UTF-8: byte 0x{byte:02x} at byte {at}; if the text is Latin-1, convert it with `iconv -f latin1 -t utf-8`"
    );
    Unreadable::new("invalid_utf8", message)
}

impl Table {
    fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| &column.name)
    }

    /// The builder of a column, ready for this row's value: the last of several values counts, as in most readers.
    fn slot(&mut self, column: usize) -> Option<&mut Builder> {
        let rows = self.rows;
        let builder = self.builders.get_mut(column)?;
        builder.truncate(rows);
        Some(builder)
    }

    /// Completes the row: absent values become missing where that is allowed.
    fn complete(&mut self) -> Result<(), Unreadable> {
        for (builder, column) in self.builders.iter_mut().zip(self.columns.iter()) {
            let absent = builder.len() == self.rows;
            if absent && column.need > Need::Nothing {
                let message = format!("column `{}` is missing", column.name);
                return Err(Unreadable::new("missing_column", message));
            }
            if absent {
                builder.missing();
                self.drift.absent(&column.name, 1);
            }
            if column.need == Need::Value && !builder.last_is_there() {
                let message = format!("column `{}` has no value, and it identifies or dates the record", column.name);
                return Err(Unreadable::new("missing_column", message));
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn undo(&mut self) {
        let rows = self.rows;
        self.builders.iter_mut().for_each(|builder| builder.truncate(rows));
    }

    fn take(&mut self) -> Vec<gristmill::rows::Column> {
        self.rows = 0;
        self.builders.iter_mut().map(Builder::take).collect()
    }
}

#[cfg(test)]
mod tests;
