//! UBJSON (draft 12) as XGBoost writes it: the same documents as its JSON, in binary.

use serde_json::{Map, Number, Value};

use crate::ReadError;

/// Deeper documents are refused, as serde_json refuses them.
const DEEPEST: usize = 128;

/// Reads one document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ReadError> {
    let mut reader = UbjsonReader { bytes, at: 0 };
    let marker = reader.marker()?;
    reader.value(marker, 0)
}

struct UbjsonReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The type and the number of a container's values, if its header gives them.
#[derive(Default)]
struct Head {
    kind: Option<u8>,
    count: Option<usize>,
}

impl<'a> UbjsonReader<'a> {
    fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damaged { format: "XGBoost UBJSON", what: format!("{what} at byte {}", self.at) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(count);
        let Some(found) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(self.damaged("it ends too early,"));
        };
        self.at += count;
        Ok(found)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut to = [0; N];
        to.copy_from_slice(self.take(N)?);
        Ok(to)
    }

    fn byte(&mut self) -> Result<u8, ReadError> {
        Ok(u8::from_be_bytes(self.fixed()?))
    }

    /// The next marker; `N` is a no-op.
    fn marker(&mut self) -> Result<u8, ReadError> {
        loop {
            match self.byte()? {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn integer(&mut self, marker: u8) -> Result<i64, ReadError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.fixed()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.fixed()?)),
            b'l' => i64::from(i32::from_be_bytes(self.fixed()?)),
            b'L' => i64::from_be_bytes(self.fixed()?),
            _ => return Err(self.damaged("no whole number")),
        })
    }

    /// A length; no value is shorter than a byte, so none is longer than what remains.
    fn length(&mut self) -> Result<usize, ReadError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let remains = self.bytes.len() - self.at;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= remains)
            .ok_or_else(|| self.damaged("a length past the end"))
    }

    fn text(&mut self) -> Result<String, ReadError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        // XGBoost stores names as bytes; one that is not UTF-8 cannot match a column anyway.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Value, ReadError> {
        Ok(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'd' => float(f64::from(f32::from_be_bytes(self.fixed()?))),
            b'D' => float(f64::from_be_bytes(self.fixed()?)),
            b'C' => Value::String(char::from(self.byte()?).to_string()),
            b'S' | b'H' => Value::String(self.text()?),
            b'[' | b'{' if depth >= DEEPEST => return Err(self.damaged("values nested too deep")),
            b'[' => Value::Array(self.list(depth)?),
            b'{' => Value::Object(self.object(depth)?),
            other => Value::Number(self.integer(other)?.into()),
        })
    }

    fn head(&mut self) -> Result<Head, ReadError> {
        let mut head = Head::default();
        if self.peek() == Some(b'$') {
            self.take(1)?;
            head.kind = Some(self.byte()?);
            if self.peek() != Some(b'#') {
                return Err(self.damaged("a type without a count"));
            }
        }
        if self.peek() == Some(b'#') {
            self.take(1)?;
            head.count = Some(self.length()?);
        }
        // Values without a byte of their own would expand a short file.
        if matches!(head.kind, Some(b'Z' | b'T' | b'F' | b'N')) {
            return Err(self.damaged("a list of values that take no room"));
        }
        Ok(head)
    }

    /// Whether the container continues: by its count, or until its closing marker.
    fn goes_on(&mut self, head: &Head, done: usize, close: u8) -> Result<bool, ReadError> {
        if let Some(count) = head.count {
            return Ok(done < count);
        }
        while self.peek() == Some(b'N') {
            self.take(1)?;
        }
        if self.peek() != Some(close) {
            return Ok(true);
        }
        self.take(1)?;
        Ok(false)
    }

    fn kind(&mut self, head: &Head) -> Result<u8, ReadError> {
        match head.kind {
            Some(kind) => Ok(kind),
            None => self.marker(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, ReadError> {
        let head = self.head()?;
        let mut values = Vec::new();
        while self.goes_on(&head, values.len(), b']')? {
            let marker = self.kind(&head)?;
            values.push(self.value(marker, depth + 1)?);
        }
        Ok(values)
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, ReadError> {
        let head = self.head()?;
        let mut values = Map::new();
        let mut done = 0;
        while self.goes_on(&head, done, b'}')? {
            let name = self.text()?;
            let marker = self.kind(&head)?;
            values.insert(name, self.value(marker, depth + 1)?);
            done += 1;
        }
        Ok(values)
    }
}

/// JSON has no numbers that are not finite; readers reject the null that replaces them.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let cases: [(&[u8], &str); 6] = [
            (b"{L\0\0\0\0\0\0\0\x01ai\x05}", r#"{"a":5}"#),
            (b"[$d#L\0\0\0\0\0\0\0\x02\x3f\x80\0\0\xc0\0\0\0", "[1.0,-2.0]"),
            (b"[Ni\xffNU\xffI\x01\0]", "[-1,255,256]"),
            (b"{U\x01bSU\x02hiU\x01c[TFZ]}", r#"{"b":"hi","c":[true,false,null]}"#),
            (b"[#i\x02l\0\0\0\x07L\0\0\0\0\0\0\0\x08", "[7,8]"),
            (b"[]", "[]"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn damage_is_named() {
        let deep = [b'['; 200];
        let cases: [(&[u8], &str); 6] = [
            (b"{L\0\0\0\x01\0\0\0\0a", "a length past the end at byte 10"),
            (b"[$d#U\x02\0\0\0\0\0\0\0", "it ends too early, at byte 10"),
            (b"[$Z#L\0\0\0\0\0\0\0\x02", "a length past the end at byte 13"),
            (b"[$T#U\x02__", "a list of values that take no room at byte 6"),
            (b"{U\x01aq}", "no whole number at byte 5"),
            (&deep, "values nested too deep at byte 129"),
        ];
        for (bytes, expected) in cases {
            let error = parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
