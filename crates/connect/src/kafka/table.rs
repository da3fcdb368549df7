//! A table in a topic: of each key the last record.

use std::ops::Range;
use std::sync::Arc;

use gristmill::connect::LookupTopicPlan;
use gristmill::lookup::LookupPlan;
use gristmill::plan::Plan;
use gristmill::rows::{Partition, Position, RawRecord, RawRows};

use super::InternalTopics;
use crate::broker::{BrokerError, Kind};
use crate::log::TableReader;
use crate::source::SourceError;

/// Reads one partition after the other.
pub(super) struct TopicTable {
    topics: InternalTopics,
    topic: String,
    partitions: Range<i32>,
}

impl TopicTable {
    pub(super) fn open(plan: &Arc<Plan>, table: &LookupPlan) -> Result<Self, SourceError> {
        let Some(LookupTopicPlan { topic }) = table.source.of() else {
            return Err(BrokerError::new(Kind::Other, "the table is not a topic").into());
        };
        let topics = InternalTopics::open(plan)?;
        Ok(Self { partitions: 0..topics.count(topic)?, topic: topic.clone(), topics })
    }
}

impl TableReader for TopicTable {
    fn header(&self) -> Option<&[String]> {
        None
    }

    fn next(&mut self) -> Result<Option<RawRows>, SourceError> {
        let Some(number) = self.partitions.next() else { return Ok(None) };
        let mut raw = RawRows::new(Partition::new(&self.topic, number));
        let visit = &mut |record: &RawRecord<'_>| {
            raw.push(*record);
            Ok(())
        };
        self.topics.visit(&self.topic, number, Position::START, &|| true, visit)?;
        Ok(Some(raw))
    }

    fn place(&self, partition: &Partition, position: Position) -> String {
        partition.place(position)
    }
}
