//! Converts headers between librdkafka's form and ours.

use gristmill::rows::Header;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers, OwnedHeaders};

/// The headers of a message.
pub(crate) fn headers_of(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let all = message.headers().into_iter().flat_map(|headers| headers.iter());
    all.map(|one| (one.key.to_string(), one.value.map(<[u8]>::to_vec))).collect()
}

/// Headers for a record, with capacity for some more.
pub(crate) fn to_headers(headers: &[Header], more: usize) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len() + more);
    headers.iter().fold(empty, |all, (key, value)| all.insert(rdkafka::message::Header { key, value: value.as_ref() }))
}
