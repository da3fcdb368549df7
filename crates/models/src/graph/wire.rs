//! The wire format of Protocol Buffers: fields with a number and a value.
//!
//! Every length is checked against the remaining bytes before it is used.

use crate::ReadError;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// A double.
    Fixed64([u8; 8]),
    /// Text, bytes, messages, packed numbers.
    Bytes(&'a [u8]),
    /// A float.
    Fixed32([u8; 4]),
}

/// The fields of a message, in order.
#[derive(Debug, Clone)]
pub(super) struct Wire<'a> {
    rest: &'a [u8],
    /// The length of the file: messages name offsets in it.
    whole: usize,
}

pub(super) fn damaged(what: impl Into<String>) -> ReadError {
    ReadError::Damaged { format: "ONNX", what: what.into() }
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, whole: bytes.len() }
    }

    /// The next field; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, ReadError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.whole - self.rest.len();
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| damaged(format!("a field of {length} bytes")))?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(self.fixed()?),
            other => return Err(damaged(format!("byte {at} of a message is of the unknown wire type {other}"))),
        };
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(damaged(format!("a field of {length} bytes where {} remain", self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.take(N)?.try_into().map_err(|_| damaged("a number that is cut off"))
    }

    fn varint(&mut self) -> Result<u64, ReadError> {
        let mut number = 0;
        for place in 0..10 {
            let [byte] = self.fixed()?;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged("a number of more than ten bytes"))
    }
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], ReadError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(damaged(format!("{other:?} where bytes should be"))),
        }
    }

    pub(super) fn text(self) -> Result<String, ReadError> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| damaged("a name that is not UTF-8"))
    }

    pub(super) fn int(self) -> Result<i64, ReadError> {
        match self {
            Self::Varint(number) => Ok(number as i64),
            other => Err(damaged(format!("{other:?} where a whole number should be"))),
        }
    }

    pub(super) fn float(self) -> Result<f32, ReadError> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            other => Err(damaged(format!("{other:?} where a float should be"))),
        }
    }

    /// Appends a repeated integer: one of them, or many packed.
    pub(super) fn ints(self, to: &mut Vec<i64>) -> Result<(), ReadError> {
        match self {
            Self::Bytes(bytes) => {
                let mut packed = Wire::new(bytes);
                while !packed.rest.is_empty() {
                    to.push(packed.varint()? as i64);
                }
            }
            one => to.push(one.int()?),
        }
        Ok(())
    }

    /// Appends a repeated float: one of them, or many packed.
    pub(super) fn floats(self, to: &mut Vec<f32>) -> Result<(), ReadError> {
        match self {
            Self::Bytes(bytes) => to.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four))),
            one => to.push(one.float()?),
        }
        Ok(())
    }

    /// Appends a repeated double: one of them, or many packed.
    pub(super) fn doubles(self, to: &mut Vec<f64>) -> Result<(), ReadError> {
        match self {
            Self::Bytes(bytes) => to.extend(bytes.as_chunks().0.iter().map(|eight| f64::from_le_bytes(*eight))),
            Self::Fixed64(bytes) => to.push(f64::from_le_bytes(bytes)),
            other => return Err(damaged(format!("{other:?} where a double should be"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fields_are_read_one_by_one() {
        let mut wire = Wire::new(&[0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f]);
        assert_eq!(wire.next().unwrap(), Some((1, Value::Varint(150))));
        assert_eq!(wire.next().unwrap(), Some((2, Value::Bytes(b"hi"))));
        assert_eq!(wire.next().unwrap().unwrap().1.float().unwrap(), 1.0);
        assert_eq!(wire.next().unwrap(), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let endless = [0xff; 11];
        for bytes in [&[0x12, 0x7f, 1][..], &[0x0b], &[0x08], &[0x09, 1], &endless] {
            assert!(Wire::new(bytes).next().is_err(), "{bytes:?}");
        }
    }
}
