//! Messages gathered into blocks of records.

use std::sync::Arc;

use gristmill::rows::{Partition, RawRecord, RawRows};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::{headers_of, position_of};

/// The number of records passed on together: enough for vectorised work, few enough for low latency.
pub(super) const BATCH: usize = 2_000;
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// Adds a record to the block of its partition; a new block has capacity for `usual` records and bytes.
pub(super) fn push(blocks: &mut Vec<RawRows>, usual: (usize, usize), topic: &Arc<str>, message: &BorrowedMessage<'_>) {
    let number = message.partition();
    let same = |block: &RawRows| block.partition.number == number && Arc::ptr_eq(&block.partition.topic, topic);
    let known = blocks.iter().position(same);
    let index = known.unwrap_or_else(|| {
        blocks.push(RawRows::with_room(Partition { topic: Arc::clone(topic), number }, usual.0, usual.1));
        blocks.len() - 1
    });
    let headers = headers_of(message);
    if let Some(block) = blocks.get_mut(index) {
        block.push(RawRecord {
            position: position_of(message.offset()),
            timestamp: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload(),
            headers: &headers,
        });
    }
}
