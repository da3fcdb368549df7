//! Puts the records of a shard's inputs in the order of their timestamps, as far as both have any: rows that are read long
//! after they were written meet the labels that were there then.

use std::collections::{BTreeMap, VecDeque};

use gristmill::rows::RawRows;

/// Inputs alternate no finer than this, in milliseconds of the records' timestamps: clocks of producers agree no better, and
/// each alternation is an entry of the journal.
const SLACK: i64 = 1_000;
/// An input is not read any further while so many of its records wait for those of another.
const MANY: usize = 20_000;
/// It is read again when so few wait.
const FEW: usize = 2_000;

/// Whether an input has been read to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    NotReached,
    Reached,
    /// It was told, too.
    Told,
}

/// Records of a partition of one input that were read.
#[derive(Debug, Default)]
struct Lane {
    blocks: VecDeque<RawRows>,
    end: End,
    /// Whether it is not read any further for now.
    held_back: bool,
}

impl Lane {
    fn records(&self) -> usize {
        self.blocks.iter().map(RawRows::len).sum()
    }

    fn head(&self) -> Option<i64> {
        let first = self.blocks.front()?.get(0)?;
        Some(first.timestamp.unwrap_or(i64::MIN))
    }

    /// The next records up to a timestamp, of one block, at least one.
    fn take(&mut self, until: i64) -> Option<RawRows> {
        let block = self.blocks.pop_front()?;
        let count = block.iter().take_while(|record| record.timestamp.unwrap_or(i64::MIN) <= until).count().max(1);
        if count >= block.len() {
            return Some(block);
        }
        let (mut first, mut rest) = (RawRows::new(block.partition.clone()), RawRows::new(block.partition.clone()));
        for (index, record) in block.iter().enumerate() {
            if index < count { first.push(record) } else { rest.push(record) }
        }
        self.blocks.push_front(rest);
        Some(first)
    }
}

/// What goes on to the member.
#[derive(Debug)]
pub(crate) enum Next {
    /// Records.
    Rows(RawRows),
    /// An input, by its number, was read to its end.
    CaughtUp(usize),
}

/// The records that were read of several inputs, shard by shard.
#[derive(Debug)]
pub(crate) struct Interleaver {
    inputs: usize,
    shards: BTreeMap<i32, Vec<Lane>>,
}

impl Interleaver {
    pub(crate) fn new(inputs: usize) -> Self {
        Self { inputs, shards: BTreeMap::new() }
    }

    fn lanes(&mut self, shard: i32) -> &mut Vec<Lane> {
        let inputs = self.inputs;
        self.shards.entry(shard).or_insert_with(|| (0..inputs).map(|_| Lane::default()).collect())
    }

    fn lane(&mut self, input: usize, shard: i32) -> Option<&mut Lane> {
        self.lanes(shard).get_mut(input)
    }

    /// An input is read from another position on.
    pub(crate) fn restart(&mut self, input: usize, shard: i32) {
        if let Some(lane) = self.lane(input, shard) {
            *lane = Lane::default();
        }
    }

    /// An input is not read any longer: the others do not wait for it.
    pub(crate) fn stop(&mut self, input: usize, shard: i32) {
        if let Some(lane) = self.lane(input, shard) {
            *lane = Lane { end: End::Told, ..Lane::default() };
        }
    }

    /// A shard is gone.
    pub(crate) fn forget(&mut self, shard: i32) {
        self.shards.remove(&shard);
    }

    pub(crate) fn clear(&mut self) {
        self.shards.clear();
    }

    /// Records of an input came.
    pub(crate) fn push(&mut self, input: usize, raw: RawRows) {
        if let Some(lane) = self.lane(input, raw.partition.number) {
            lane.end = End::NotReached;
            lane.blocks.push_back(raw);
        }
    }

    /// An input was read to its end, for now.
    pub(crate) fn reached_end(&mut self, input: usize, shard: i32) {
        if let Some(lane) = self.lane(input, shard).filter(|lane| lane.end == End::NotReached) {
            lane.end = End::Reached;
        }
    }

    /// The inputs of a shard that have not been read to their end, as far as is known.
    pub(crate) fn unfinished(&mut self, shard: i32) -> Vec<usize> {
        let lanes = self.lanes(shard).iter().enumerate();
        lanes.filter(|(_, lane)| lane.end == End::NotReached).map(|(input, _)| input).collect()
    }

    /// The shards in which records wait for those of an input that has none, and which input that is.
    pub(crate) fn waiting_for(&self) -> Vec<(usize, i32)> {
        let mut all = Vec::new();
        for (shard, lanes) in self.shards.iter().filter(|(_, lanes)| lanes.iter().any(|lane| !lane.blocks.is_empty())) {
            let empty = lanes.iter().enumerate();
            let empty = empty.filter(|(_, lane)| lane.blocks.is_empty() && lane.end == End::NotReached);
            all.extend(empty.map(|(input, _)| (input, *shard)));
        }
        all
    }

    /// What may go on now, in order.
    pub(crate) fn next(&mut self, shard: i32) -> Vec<Next> {
        let mut all = Vec::new();
        let lanes = self.lanes(shard);
        loop {
            for (input, lane) in lanes.iter_mut().enumerate() {
                if lane.blocks.is_empty() && lane.end == End::Reached {
                    lane.end = End::Told;
                    all.push(Next::CaughtUp(input));
                }
            }
            if lanes.iter().any(|lane| lane.blocks.is_empty() && lane.end == End::NotReached) {
                return all;
            }
            let heads = lanes.iter().enumerate().filter_map(|(input, lane)| Some((lane.head()?, input)));
            let mut heads: Vec<(i64, usize)> = heads.collect();
            // At the same time labels, which are the later input, come first.
            heads.sort_by_key(|(time, input)| (*time, std::cmp::Reverse(*input)));
            let Some((_, first)) = heads.first() else { return all };
            let until = heads.get(1).map_or(i64::MAX, |(time, _)| time.saturating_add(SLACK));
            all.extend(lanes.get_mut(*first).and_then(|lane| lane.take(until)).map(Next::Rows));
        }
    }

    /// The inputs that are to be read no further for now, or again; each is named once.
    pub(crate) fn changes(&mut self) -> Vec<(usize, i32, bool)> {
        let mut changes = Vec::new();
        for (shard, lanes) in &mut self.shards {
            for (input, lane) in lanes.iter_mut().enumerate() {
                let records = lane.records();
                let hold = if lane.held_back { records > FEW } else { records >= MANY };
                if hold != lane.held_back {
                    lane.held_back = hold;
                    changes.push((input, *shard, hold));
                }
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use gristmill::rows::{Partition, Position, RawRecord};

    use super::*;

    fn block(topic: &str, from: u64, seconds: &[i64]) -> RawRows {
        let mut raw = RawRows::new(Partition::new(topic, 0));
        for (index, second) in seconds.iter().enumerate() {
            raw.push(RawRecord {
                position: Position::number(from + index as u64),
                timestamp: Some(second * 1_000),
                key: None,
                value: Some(b"v"),
                headers: &[],
            });
        }
        raw
    }

    /// What goes on, as `topic:positions`, or `end` of an input.
    fn out(interleaver: &mut Interleaver) -> String {
        let said = |next: Next| match next {
            Next::CaughtUp(input) => format!("end{input}"),
            Next::Rows(raw) => {
                let positions = raw.iter().map(|record| record.position.to_string()).collect::<Vec<_>>();
                format!("{}:{}", raw.partition.topic, positions.join(","))
            }
        };
        interleaver.next(0).into_iter().map(said).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn records_wait_until_the_other_input_has_some_or_none() {
        let mut both = Interleaver::new(2);
        both.push(0, block("t", 0, &[10, 20, 30]));
        assert_eq!((out(&mut both), both.waiting_for()), (String::new(), vec![(1, 0)]));
        both.push(1, block("l", 0, &[15, 25]));
        assert_eq!(out(&mut both), "t:0 l:0 t:1 l:1");
        // The third row waits again, until the end of the labels is known.
        both.reached_end(1, 0);
        assert_eq!(out(&mut both), "end1 t:2");
        both.reached_end(0, 0);
        assert_eq!(out(&mut both), "end0");
        // At the end of both everything goes on as it comes.
        both.push(1, block("l", 2, &[5]));
        assert_eq!((out(&mut both), both.unfinished(0)), ("l:2".into(), vec![1]));
    }

    #[test]
    fn they_alternate_no_finer_than_the_slack() {
        let mut both = Interleaver::new(2);
        both.push(0, block("t", 0, &[10, 10, 11, 11, 14]));
        both.push(1, block("l", 0, &[10, 12]));
        both.reached_end(0, 0);
        both.reached_end(1, 0);
        // A label at the time of a row comes before it.
        assert_eq!(out(&mut both), "l:0 t:0,1,2,3 l:1 end1 t:4 end0");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut both = Interleaver::new(2);
        let times: Vec<i64> = (0..MANY as i64).collect();
        both.push(0, block("t", 0, &times));
        assert_eq!((both.changes(), both.changes()), (vec![(0, 0, true)], vec![]));
        both.reached_end(1, 0);
        let rows = both.next(0).len();
        assert_eq!((rows, both.changes()), (2, vec![(0, 0, false)]));
        both.stop(1, 0);
        both.push(0, block("t", MANY as u64, &[1]));
        assert_eq!(both.next(0).len(), 1);
    }
}
