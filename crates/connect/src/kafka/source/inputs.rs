//! Several inputs of a member: their records in the order of their timestamps, and which of them was read to its end.

use std::time::Duration;

use gristmill::rows::RawRows;
use rdkafka::consumer::Consumer as _;

use super::{InputPartition, KafkaSource};
use crate::interleave::Next;
use crate::kafka::position_of;
use crate::source::{Ahead, Event, SourceError};

/// How long a broker may take to say where a partition ends.
const ASK: Duration = Duration::from_secs(1);

impl KafkaSource {
    /// Records of a partition came.
    pub(super) fn received(&mut self, at: InputPartition, block: RawRows) {
        if self.topics.len() == 1 {
            self.events.push_back(Event::Rows(block));
        } else {
            self.interleaver.push(at.0, block);
        }
    }

    /// A partition with this number was read to its end. librdkafka does not say of which topic: where it is not the only
    /// one that may be meant, the brokers are asked.
    pub(super) fn on_end(&mut self, number: i32) -> Result<(), SourceError> {
        if self.topics.len() == 1 {
            if self.reading.contains_key(&(0, number)) {
                self.events.push_back(Event::CaughtUp(self.partition((0, number))));
            }
            return Ok(());
        }
        let read = |at: &InputPartition| self.reading.contains_key(at);
        let may = self.interleaver.unfinished(number).into_iter().map(|input| (input, number));
        let may: Vec<InputPartition> = may.filter(read).collect();
        let several = may.len() > 1;
        for at in may {
            if !several || self.is_at_end(at)? {
                self.interleaver.reached_end(at.0, at.1);
            }
        }
        Ok(())
    }

    /// Whether a partition was read to the end of what can be read.
    fn is_at_end(&mut self, at: InputPartition) -> Result<bool, SourceError> {
        let (partition, Some(position)) = (self.partition(at), self.reading.get(&at).copied()) else {
            return Ok(false);
        };
        // If there is no answer, the next attempt will do.
        let Ok((_, end)) = self.outside.fetch_watermarks(&partition.topic, partition.number, ASK) else {
            return Ok(false);
        };
        if position >= position_of(end) {
            return Ok(true);
        }
        let ahead = self.replay_reader.skip_control_records(&partition, position, None)?;
        Ok(matches!(ahead, Ahead::Markers(_)))
    }

    /// The others of a shard do not wait for an input that is not read any longer.
    pub(super) fn stop_waiting_for(&mut self, (input, number): InputPartition) {
        if self.topics.len() > 1 {
            self.interleaver.stop(input, number);
        }
    }

    /// Passes on what may go on now.
    pub(super) fn interleave(&mut self) -> Result<(), SourceError> {
        if self.topics.len() == 1 {
            return Ok(());
        }
        let numbers: Vec<i32> = self.held.iter().copied().collect();
        for number in numbers {
            for next in self.interleaver.next(number) {
                self.events.push_back(match next {
                    Next::Rows(raw) => Event::Rows(raw),
                    Next::CaughtUp(input) => Event::CaughtUp(self.partition((input, number))),
                });
            }
        }
        self.hold_back()?;
        self.look_for_ends()
    }

    /// An input whose records wait for another's is not read any further meanwhile.
    fn hold_back(&mut self) -> Result<(), SourceError> {
        for (input, number, hold) in self.interleaver.changes() {
            if !self.reading.contains_key(&(input, number)) {
                continue;
            }
            let list = self.list(&[self.partition((input, number))]);
            let answer = if hold { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
            answer.map_err(|error| self.failure("reading inputs in order", &error))?;
        }
        Ok(())
    }

    /// Asks now and then whether an input that others wait for has any more records: its end may have been told while
    /// it was not clear whose it was.
    fn look_for_ends(&mut self) -> Result<(), SourceError> {
        if !self.events.is_empty() || self.asked_for_ends.elapsed() < ASK {
            return Ok(());
        }
        for at in self.interleaver.waiting_for() {
            self.asked_for_ends = std::time::Instant::now();
            if self.reading.contains_key(&at) && self.is_at_end(at)? {
                self.interleaver.reached_end(at.0, at.1);
            }
        }
        Ok(())
    }
}
