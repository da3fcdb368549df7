//! Decodes one CSV record (RFC 4180) into the columns.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use gristmill::connect::Framing;
use gristmill::document::nearest;
use gristmill::plan::{ColumnPlan, Need};

use crate::column::wrong_type;
use crate::{Decode, Table, Unreadable, text};

/// Which field belongs to which column.
struct Fields {
    /// For each field of a record, its column.
    columns: Vec<Option<usize>>,
    /// The fields that are not columns.
    unknown: Vec<String>,
    delimiter: u8,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// A decoder of records whose fields a header names, or else stand in the order of the columns.
pub(crate) fn open(
    columns: &[ColumnPlan],
    header: Option<&[String]>,
    framing: Framing,
) -> Result<Box<dyn Decode>, String> {
    Ok(Box::new(Fields::new(columns, header, framing.delimiter)?))
}

impl Decode for Fields {
    fn read(&mut self, value: &[u8], table: &mut Table) -> Result<(), Unreadable> {
        let record = text(value)?;
        if memchr::memchr(b'"', value).is_none() {
            return place(&self.columns, Split { rest: Some(record), delimiter: self.delimiter }, table);
        }
        let fields = self.unquote(record)?;
        place(&self.columns, fields.iter().map(String::as_str), table)
    }

    fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

impl Fields {
    fn new(columns: &[ColumnPlan], header: Option<&[String]>, delimiter: u8) -> Result<Self, String> {
        let order: Vec<Option<usize>> = match header {
            None => (0..columns.len()).map(Some).collect(),
            Some(header) => {
                for column in columns {
                    let mut named = (1..).zip(header).filter(|(_, name)| **name == column.name).map(|(at, _)| at);
                    match (named.next(), named.next()) {
                        (None, _) if column.need > Need::Nothing => {
                            return Err(lacking(&column.name, header, delimiter));
                        }
                        (Some(first), Some(second)) => return Err(twice(&column.name, first, second)),
                        _ => {}
                    }
                }
                header.iter().map(|field| columns.iter().position(|column| column.name == *field)).collect()
            }
        };
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let fields = header.unwrap_or_default().iter().zip(&order);
        let unknown = fields.filter(|(_, column)| column.is_none()).map(|(name, _)| name.clone()).collect();
        Ok(Self { columns: order, unknown, delimiter, reader, text: Vec::new(), ends: Vec::new() })
    }

    fn unquote(&mut self, record: &str) -> Result<Vec<String>, Unreadable> {
        self.reader.reset();
        self.text.resize(record.len() + 1, 0);
        // One more than the possible number of fields: a record of n bytes has at most n + 1.
        self.ends.resize(record.len() + 2, 0);
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let input = record.as_bytes().get(read..).unwrap_or_default();
            let output = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(ended..).unwrap_or_default();
            let (result, r, w, e) = self.reader.read_record(input, output, ends);
            (read, written, ended) = (read + r, written + w, ended + e);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(Unreadable::new("invalid_csv", "the record has more fields than bytes"));
                }
            }
        }
        let mut start = 0;
        let mut fields = Vec::with_capacity(ended);
        for end in self.ends.get(..ended).unwrap_or_default() {
            let field = self.text.get(start..*end).unwrap_or_default();
            // Parts of UTF-8 text cut at ASCII bytes are UTF-8.
            fields.push(String::from_utf8_lossy(field).into_owned());
            start = *end;
        }
        Ok(fields)
    }
}

/// The fields of a record without quotes. They are a few bytes long: a search for the next delimiter byte by byte is
/// faster than one made for long texts.
struct Split<'a> {
    rest: Option<&'a str>,
    delimiter: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let Some(end) = rest.bytes().position(|byte| byte == self.delimiter) else { return Some(rest) };
        // The delimiter is ASCII: both sides of it are whole characters.
        let (field, behind) = rest.split_at(end);
        self.rest = behind.get(1..);
        Some(field)
    }
}

fn place<'a>(
    columns: &[Option<usize>],
    fields: impl Iterator<Item = &'a str>,
    table: &mut Table,
) -> Result<(), Unreadable> {
    let mut count = 0;
    for field in fields {
        if let Some(column) = columns.get(count).copied().flatten()
            && let Some(builder) = table.slot(column)
        {
            builder.untyped(field).map_err(|message| wrong_type(table.name(column), &message))?;
        }
        count += 1;
    }
    if count == columns.len() {
        return Ok(());
    }
    Err(Unreadable::new("invalid_csv", format!("expected {} fields, found {count}", columns.len())))
}

/// It cannot be known which of them is meant.
fn twice(column: &str, first: usize, second: usize) -> String {
    format!(
        "the header names the column `{column}` twice, as field {first} and as field {second}: give one of them another name"
    )
}

fn lacking(column: &str, header: &[String], delimiter: u8) -> String {
    let delimiter = char::from(delimiter);
    let known = header.join(", ");
    let other = [',', ';', '\t', '|'].into_iter().find(|c| *c != delimiter && known.contains(*c) && header.len() == 1);
    let hint = match (nearest(column, header.iter().map(String::as_str)), other) {
        (_, Some(other)) => format!("; are its fields separated by {other:?}? Then add `delimiter: {other:?}`"),
        (Some(meant), None) => format!("; did you mean `{meant}`?"),
        (None, None) => format!("; it has {known}"),
    };
    format!("the header has no column `{column}`{hint}")
}
