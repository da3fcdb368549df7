//! CSV (RFC 4180): one line of fields a record.

mod decode;
mod encode;

pub(crate) use decode::open;
pub(crate) use encode::Csv;
