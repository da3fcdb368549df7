//! Reads records again, outside the group: while a shard is being restored its partition stays paused in the group's
//! consumer, and the others continue.

use std::collections::BTreeMap;
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

/// A reader of one partition at a time of each topic.
pub(crate) struct ReplayReader {
    plan: Arc<Plan>,
    tracks: BTreeMap<Arc<str>, Track>,
}

/// A topic that is being read again.
struct Track {
    client: Reader,
    /// What is being read, and the next position.
    at: Option<(Partition, Position)>,
    /// Records that were read already and are to be taken later: those of other inputs come before them.
    ahead: Option<(Position, RawRows)>,
}

impl Track {
    /// The records in [from, to) that were read already; none if the next one is not among them.
    fn take_ahead(&mut self, partition: &Partition, from: Position, to: Position) -> Option<Reread> {
        let (first, rows) = self.ahead.take().filter(|(_, rows)| rows.partition == *partition)?;
        let next = rows.get(0).map(|record| record.position);
        if from < first || next.is_none_or(|next| next < from) {
            return None;
        }
        Some(self.keep_ahead(from, rows, to))
    }

    /// The records before a position; the others are kept.
    fn keep_ahead(&mut self, from: Position, rows: RawRows, to: Position) -> Reread {
        let taken = rows.before(to);
        if taken == rows.len() {
            return Reread::Rows(rows);
        }
        let (rows, rest) = rows.split(taken);
        let next = rows.next().unwrap_or(from);
        self.ahead = Some((next, rest));
        if taken == 0 { Reread::End } else { Reread::Rows(rows) }
    }
}

impl ReplayReader {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, tracks: BTreeMap::new() }
    }

    fn failure(&self, partition: &Partition, error: &KafkaError) -> BrokerError {
        let doing = format!("reading {partition} again");
        failure_of(&doing, error, self.plan.connections.kafka.brokers(), None)
    }

    /// The track of a partition's topic, to be put back unless it fails.
    fn track(&mut self, partition: &Partition) -> Result<Track, BrokerError> {
        match self.tracks.remove(&partition.topic) {
            Some(track) => Ok(track),
            None => Ok(Track { client: reader(&self.plan.connections.kafka)?, at: None, ahead: None }),
        }
    }

    fn begin(&self, track: &mut Track, partition: &Partition, from: Position) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&partition.topic, partition.number, offset_of(from));
        let assigned = added.and_then(|()| track.client.assign(&list));
        assigned.map_err(|error| self.failure(partition, &error))?;
        (track.at, track.ahead) = (Some((partition.clone(), from)), None);
        Ok(())
    }

    /// The next records in [from, to).
    pub(super) fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, BrokerError> {
        let mut track = self.track(partition)?;
        let read = match track.take_ahead(partition, from, to) {
            Some(read) => read,
            None => self.read_on(&mut track, partition, from, to)?,
        };
        self.tracks.insert(Arc::clone(&partition.topic), track);
        Ok(read)
    }

    fn read_on(
        &self,
        track: &mut Track,
        partition: &Partition,
        from: Position,
        to: Position,
    ) -> Result<Reread, BrokerError> {
        if track.at.as_ref() != Some(&(partition.clone(), from)) {
            self.begin(track, partition, from)?;
        }
        let mut blocks: Vec<RawRows> = Vec::new();
        let (mut count, mut bytes, mut ended) = (0, 0, false);
        while count < BATCH && bytes < BATCH_BYTES && !ended {
            match track.client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    count += 1;
                    bytes += message.payload_len();
                    // With several inputs, what follows is taken next, after a few records of another.
                    ended = position_of(message.offset()).next() >= to && self.plan.inputs.len() == 1;
                    push(&mut blocks, (0, 0), &partition.topic, &message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended = true,
                Some(Err(error)) if is_transient(&error) || leaderless(&error) => break,
                Some(Err(error)) => return Err(self.failure(partition, &error)),
                None => break,
            }
        }
        match blocks.pop() {
            Some(rows) => {
                track.at = rows.next().map(|next| (partition.clone(), next));
                Ok(track.keep_ahead(from, rows, to))
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
        let mut track = self.track(partition)?;
        let bounds = track.client.fetch_watermarks(&partition.topic, partition.number, ASK);
        // A later attempt will do.
        let Ok((_, end)) = bounds else { return Ok(Ahead::Unknown) };
        let end = to.map_or(position_of(end), |to| to.min(position_of(end)));
        if end <= position {
            self.tracks.insert(Arc::clone(&partition.topic), track);
            return Ok(Ahead::Records);
        }
        self.begin(&mut track, partition, position)?;
        let (began, mut ahead) = (Instant::now(), Ahead::Unknown);
        while ahead == Ahead::Unknown && began.elapsed() < LOOK {
            ahead = match track.client.poll(Duration::from_millis(20)) {
                Some(Err(KafkaError::PartitionEOF(_))) => Ahead::Markers(end),
                Some(Ok(message)) if position_of(message.offset()) >= end => Ahead::Markers(end),
                Some(Ok(_)) => Ahead::Records,
                _ => Ahead::Unknown,
            };
        }
        track.at = None;
        self.tracks.insert(Arc::clone(&partition.topic), track);
        Ok(ahead)
    }
}

impl Past for ReplayReader {
    fn headers(&self) -> Vec<Option<Vec<String>>> {
        Vec::new()
    }

    fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        Ok(Self::read(self, partition, from, to)?)
    }
}
