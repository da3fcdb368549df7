//! JSON: one object a record.

mod decode;
mod encode;
mod layout;

pub(crate) use decode::open;
pub(crate) use encode::Json;
