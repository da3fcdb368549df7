//! Reads records again, outside the group: while a shard is being restored its partition stays paused in the group's
//! consumer, and the others continue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::rows::{Partition, Position, RawRows};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message, TopicPartitionList};

use super::blocks::{BATCH, BATCH_BYTES, push};
use super::{Reader, failure_of, is_transient, leaderless, offset_of, position_of, reader};
use crate::broker::BrokerError;
use crate::source::{Ahead, Reread, SourceError};
use crate::store::Past;

/// For a request that no other work waits for.
const ASK: Duration = Duration::from_secs(1);
/// How long it may take to find out that only markers follow.
const LOOK: Duration = Duration::from_millis(300);

/// A reader of one partition at a time.
pub(crate) struct ReplayReader {
    plan: Arc<Plan>,
    client: Option<Reader>,
    /// What is being read, and the next position.
    at: Option<(Partition, Position)>,
}

impl ReplayReader {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, client: None, at: None }
    }

    fn failure(&self, partition: &Partition, error: &KafkaError) -> BrokerError {
        let doing = format!("reading {partition} again");
        failure_of(&doing, error, self.plan.connections.kafka.brokers(), None)
    }

    fn client(&mut self) -> Result<Reader, BrokerError> {
        match self.client.take() {
            Some(client) => Ok(client),
            None => reader(&self.plan.connections.kafka),
        }
    }

    fn begin(&mut self, client: &Reader, partition: &Partition, from: Position) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&partition.topic, partition.number, offset_of(from));
        added.and_then(|()| client.assign(&list)).map_err(|error| self.failure(partition, &error))?;
        self.at = Some((partition.clone(), from));
        Ok(())
    }

    /// The next records in [from, to).
    pub(super) fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, BrokerError> {
        let client = self.client()?;
        if self.at.as_ref() != Some(&(partition.clone(), from)) {
            self.begin(&client, partition, from)?;
        }
        let mut blocks: Vec<RawRows> = Vec::new();
        let (mut count, mut bytes, mut ended) = (0, 0, false);
        while count < BATCH && bytes < BATCH_BYTES && !ended {
            match client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    count += 1;
                    bytes += message.payload_len();
                    ended = position_of(message.offset()).next() >= to;
                    push(&mut blocks, (0, 0), &partition.topic, &message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended = true,
                Some(Err(error)) if is_transient(&error) || leaderless(&error) => break,
                Some(Err(error)) => return Err(self.failure(partition, &error)),
                None => break,
            }
        }
        let rows = blocks.pop();
        self.client = Some(client);
        match rows {
            Some(rows) => {
                // The caller continues after the last record that it took. A later one was read, too, if there is a gap
                // before it, and has to be read again.
                let taken = rows.before(to);
                let last = rows.get(taken.wrapping_sub(1)).filter(|_| taken == rows.len());
                self.at = last.map(|last| (partition.clone(), last.position.next()));
                Ok(if taken == 0 { Reread::End } else { Reread::Rows(rows) })
            }
            None if ended => Ok(Reread::End),
            None => Ok(Reread::Nothing),
        }
    }

    /// What is between a position and the stable end of its partition, or the position `to`.
    pub(super) fn skip_control_records(
        &mut self,
        partition: &Partition,
        position: Position,
        to: Option<Position>,
    ) -> Result<Ahead, BrokerError> {
        let client = self.client()?;
        let bounds = client.fetch_watermarks(&partition.topic, partition.number, ASK);
        // A later attempt will do.
        let Ok((_, end)) = bounds else { return Ok(Ahead::Unknown) };
        let end = to.map_or(position_of(end), |to| to.min(position_of(end)));
        if end <= position {
            self.client = Some(client);
            return Ok(Ahead::Records);
        }
        self.begin(&client, partition, position)?;
        let (began, mut ahead) = (Instant::now(), Ahead::Unknown);
        while ahead == Ahead::Unknown && began.elapsed() < LOOK {
            ahead = match client.poll(Duration::from_millis(20)) {
                Some(Err(KafkaError::PartitionEOF(_))) => Ahead::Markers(end),
                Some(Ok(message)) if position_of(message.offset()) >= end => Ahead::Markers(end),
                Some(Ok(_)) => Ahead::Records,
                _ => Ahead::Unknown,
            };
        }
        self.at = None;
        self.client = Some(client);
        Ok(ahead)
    }
}

impl Past for ReplayReader {
    fn header(&self) -> Option<&[String]> {
        None
    }

    fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        Ok(Self::read(self, partition, from, to)?)
    }
}
