//! Records read once more, outside of the group: while a shard is being recovered its partition stays paused in the
//! group's consumer, and the others go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::rows::{Partition, RawRows};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::Reread;
use super::kafka::{BATCH, BATCH_BYTES, push};
use crate::kafka::{KafkaFailure, Reader, leaderless, passes, reader};

/// For questions to a broker.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to find out that only markers follow.
const LOOK: Duration = Duration::from_millis(300);

/// A reader of one partition at a time.
pub(crate) struct Again {
    plan: Arc<Plan>,
    client: Option<Reader>,
    /// What is being read, and the next position.
    at: Option<(Partition, i64)>,
}

impl Again {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, client: None, at: None }
    }

    fn failure(&self, partition: &Partition, error: &KafkaError) -> KafkaFailure {
        let doing = format!("reading {partition} again");
        KafkaFailure::of(&doing, error, self.plan.kafka.brokers(), None)
    }

    fn client(&mut self) -> Result<Reader, KafkaFailure> {
        match self.client.take() {
            Some(client) => Ok(client),
            None => reader(&self.plan.kafka),
        }
    }

    fn begin(&mut self, client: &Reader, partition: &Partition, from: i64) -> Result<(), KafkaFailure> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(from));
        added.and_then(|()| client.assign(&list)).map_err(|error| self.failure(partition, &error))?;
        self.at = Some((partition.clone(), from));
        Ok(())
    }

    /// The next records in [from, to).
    pub(crate) fn read(&mut self, partition: &Partition, from: i64, to: i64) -> Result<Reread, KafkaFailure> {
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
                    ended = message.offset() + 1 >= to;
                    push(&mut blocks, (0, 0), &partition.topic, &message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended = true,
                Some(Err(error)) if passes(&error) || leaderless(&error) => break,
                Some(Err(error)) => return Err(self.failure(partition, &error)),
                None => break,
            }
        }
        let rows = blocks.pop();
        self.client = Some(client);
        match rows {
            Some(rows) => {
                // Whoever asks asks on behind the last record that it took. One that lies behind was read, too, where there
                // is a gap before it, and has to be read again.
                let taken = rows.before(to);
                let last = rows.get(taken.wrapping_sub(1)).filter(|_| taken == rows.len());
                self.at = last.map(|last| (partition.clone(), last.offset + 1));
                Ok(if taken == 0 { Reread::End } else { Reread::Rows(rows) })
            }
            None if ended => Ok(Reread::End),
            None => Ok(Reread::Nothing),
        }
    }

    /// The stable end of a partition, where no record lies between a position and it.
    pub(super) fn over_markers(&mut self, partition: &Partition, position: i64) -> Result<Option<i64>, KafkaFailure> {
        let client = self.client()?;
        let bounds = client.fetch_watermarks(&partition.topic, partition.number, ANSWER);
        // Nobody waits for this: another time will do.
        let Ok((_, end)) = bounds else { return Ok(None) };
        let mut only_markers = false;
        if end > position {
            self.begin(&client, partition, position)?;
            let began = Instant::now();
            while !only_markers && began.elapsed() < LOOK {
                match client.poll(Duration::from_millis(20)) {
                    Some(Err(KafkaError::PartitionEOF(_))) => only_markers = true,
                    Some(Ok(message)) => {
                        only_markers = message.offset() >= end;
                        break;
                    }
                    _ => {}
                }
            }
        }
        self.at = None;
        self.client = Some(client);
        Ok(only_markers.then_some(end))
    }
}
