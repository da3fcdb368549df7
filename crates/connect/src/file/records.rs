//! Cuts a stream of bytes into records: lines, or CSV records whose quoted fields may hold line breaks.

use std::io::{self, BufRead};

/// Above this a record is not even kept for the dead letters: the run stops.
pub(super) const HARD_LIMIT: usize = 64 << 20;

/// Reads records in order.
pub(super) struct Records<R> {
    reader: R,
    csv: bool,
    delimiter: u8,
    line: u64,
}

/// Why the next record could not be read.
#[derive(Debug)]
pub(super) enum Cut {
    /// The stream failed.
    Io(io::Error),
    /// A record exceeded [`HARD_LIMIT`]; it began on this line.
    TooLarge(u64),
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(reader: R, csv: bool, delimiter: u8) -> Self {
        Self { reader, csv, delimiter, line: 0 }
    }

    /// The number of the last line read, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next record without its line end, in `record`; false at the end. Empty lines of a CSV are not records.
    pub(super) fn next(&mut self, record: &mut Vec<u8>) -> Result<bool, Cut> {
        loop {
            record.clear();
            let began = self.line + 1;
            if !self.line_into(record, began)? {
                return Ok(false);
            }
            if began == 1 && record.starts_with(b"\xef\xbb\xbf") {
                // A byte order mark shows only that a Windows program wrote the file.
                record.drain(..3);
            }
            let mut open = self.csv && open_quote(record, self.delimiter, false);
            while open {
                let before = record.len();
                record.push(b'\n');
                if !self.line_into(record, began)? {
                    // The quote never closes: the record ends with the file.
                    record.truncate(before);
                    break;
                }
                open = open_quote(record.get(before..).unwrap_or_default(), self.delimiter, true);
            }
            if record.last() == Some(&b'\r') {
                record.pop();
            }
            if !(self.csv && record.is_empty()) {
                return Ok(true);
            }
        }
    }

    fn line_into(&mut self, record: &mut Vec<u8>, began: u64) -> Result<bool, Cut> {
        let mut any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Cut::Io(error)),
            };
            if available.is_empty() {
                self.line += u64::from(any);
                return Ok(any);
            }
            any = true;
            let end = memchr::memchr(b'\n', available);
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            record.extend_from_slice(part);
            let consumed = part.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if record.len() > HARD_LIMIT {
                return Err(Cut::TooLarge(began));
            }
            if end.is_some() {
                self.line += 1;
                return Ok(true);
            }
        }
    }
}

/// Whether a quoted field is still open at the end of a part of a record, and was `open` at its beginning. A quote opens a field only at its beginning, as in the `csv`
/// crate, so that `5" pipe` does not swallow the rest of the file.
fn open_quote(part: &[u8], delimiter: u8, open: bool) -> bool {
    if memchr::memchr(b'"', part).is_none() {
        return open;
    }
    let (mut open, mut at_start) = (open, true);
    let mut bytes = part.iter().peekable();
    while let Some(byte) = bytes.next() {
        if open {
            if *byte == b'"' && bytes.next_if_eq(&&b'"').is_none() {
                open = false;
            }
        } else if *byte == b'"' && at_start {
            open = true;
        }
        at_start = !open && (*byte == delimiter || *byte == b'\n');
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part is looked at once: a stray quote in a large file must not take hours.
    #[test]
    fn a_field_of_many_lines_is_read_in_one_pass() {
        let text = format!("a,\"{}\"\nb,c", "x\"\",\n".repeat(300_000));
        let (mut records, mut record) = (Records::new(text.as_bytes(), true, b','), Vec::new());
        assert!(records.next(&mut record).unwrap());
        assert_eq!((record.len(), records.line()), (text.len() - 4, 300_001));
        assert!(records.next(&mut record).unwrap() && record == b"b,c");
    }

    fn check(csv: bool, text: &str, expected: &[&str]) {
        // A small buffer splits the text at every position.
        for capacity in [1, 2, 3, 100] {
            let reader = std::io::BufReader::with_capacity(capacity, text.as_bytes());
            let mut records = Records::new(reader, csv, b',');
            let (mut found, mut record) = (Vec::new(), Vec::new());
            while records.next(&mut record).unwrap() {
                found.push(String::from_utf8(record.clone()).unwrap());
            }
            assert_eq!(found, expected, "{text:?} in steps of {capacity}");
        }
    }

    #[test]
    fn lines_and_quotes() {
        check(false, "a\nb\r\n\nc", &["a", "b", "", "c"]);
        check(false, "{\"a\": \"x\n", &["{\"a\": \"x"]);
        check(true, "a,b\n\n\"c\nd\",e\r\nf", &["a,b", "\"c\nd\",e", "f"]);
        check(true, "1,\"say \"\"hi\n\"\"\"\n5\" pipe,2\nx", &["1,\"say \"\"hi\n\"\"\"", "5\" pipe,2", "x"]);
        check(true, "a\n\"never closed\nb", &["a", "\"never closed\nb"]);
        check(true, "\u{feff}a,b\n1,2", &["a,b", "1,2"]);
        check(true, "", &[]);
    }
}
