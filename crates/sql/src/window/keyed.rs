//! The rows and windows of every key of a group.

use std::collections::BTreeMap;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::GroupPlan;
use super::call::{Count, Entries, Entry, Frame, Overflow};
use super::value::Value;

/// How many rows pass at least between two looks for keys that have expired; with many keys an eighth of their number,
/// so that a row pays for a look at eight of them.
const SWEEP: u64 = 1_024;

/// What one key holds.
#[derive(Debug, Clone)]
struct Keyed {
    entries: Entries,
    counts: Vec<Count>,
    /// The row that this key last had, counted over the group.
    seen: u64,
}

/// The state of a group of windows.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    plan: GroupPlan,
    keys: BTreeMap<Box<[u8]>, Keyed>,
    rows: u64,
    until_sweep: u64,
    latest: i64,
    evicted: u64,
}

impl Group {
    pub(crate) fn new(plan: GroupPlan) -> Self {
        Self { plan, keys: BTreeMap::new(), rows: 0, until_sweep: SWEEP, latest: i64::MIN, evicted: 0 }
    }

    /// Takes a row in, and gives the value of each window for it.
    pub(crate) fn row(
        &mut self,
        key: &[Value],
        time: i64,
        lanes: Box<[Value]>,
        limit: u64,
    ) -> Vec<Result<Value, Overflow>> {
        let encoded = encode(key);
        self.rows += 1;
        self.latest = self.latest.max(time);
        let calls = &self.plan.calls;
        let keyed = self.keys.entry(encoded).or_insert_with(|| Keyed {
            entries: Entries::default(),
            counts: calls.iter().map(super::Call::start).collect(),
            seen: 0,
        });
        keyed.seen = self.rows;
        let late = keyed.entries.held.back().is_some_and(|last| last.time > time);
        let values = if late { keyed.late(&self.plan, time, lanes) } else { keyed.next(&self.plan, time, lanes) };
        keyed.forget(&self.plan);
        self.until_sweep = self.until_sweep.saturating_sub(1);
        if self.until_sweep == 0 {
            self.sweep(limit);
            self.until_sweep = SWEEP.max(self.keys.len() as u64 / 8);
        }
        values
    }

    /// How far back the windows reach in time; none where one of them reaches back by rows or for ever.
    fn reach(&self) -> Option<i64> {
        let reach = |call: &super::Call| if let Frame::Range(reach, _) = call.frame { reach } else { None };
        self.plan.calls.iter().map(reach).try_fold(0, |most, reach| Some(reach?.max(most)))
    }

    /// Drops keys that no window can see any more, and, where the state is too large, those that have been silent
    /// for longest. When it runs depends on the rows alone, so that every replay does the same.
    fn sweep(&mut self, limit: u64) {
        if let Some(reach) = self.reach() {
            let horizon = self.latest.saturating_sub(reach);
            self.keys.retain(|_, keyed| keyed.entries.held.back().is_some_and(|last| last.time >= horizon));
        }
        let mut size = self.size() as u64;
        if size <= limit {
            return;
        }
        let mut silent: Vec<(u64, Box<[u8]>)> =
            self.keys.iter().map(|(key, keyed)| (keyed.seen, key.clone())).collect();
        silent.sort();
        for (_, key) in silent {
            if size <= limit / 10 * 8 {
                break;
            }
            if let Some(keyed) = self.keys.remove(&key) {
                size = size.saturating_sub((key.len() + keyed.size()) as u64);
                self.evicted += 1;
            }
        }
    }

    /// The keys whose rows were given up for the limit.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl Keyed {
    fn next(&mut self, plan: &GroupPlan, time: i64, lanes: Box<[Value]>) -> Vec<Result<Value, Overflow>> {
        let place = self.entries.end();
        self.entries.held.push_back(Entry { time, lanes });
        let calls = plan.calls.iter().zip(&mut self.counts);
        calls
            .map(|(call, count)| {
                call.advance(count, &self.entries, place, time);
                call.value(count, &self.entries, place)
            })
            .collect()
    }

    /// A row whose time is before that of the last: put where it belongs, and answered from the rows that are held.
    fn late(&mut self, plan: &GroupPlan, time: i64, lanes: Box<[Value]>) -> Vec<Result<Value, Overflow>> {
        let at = self.entries.held.partition_point(|entry| entry.time <= time);
        let place = self.entries.gone + at as u64;
        self.entries.held.insert(at, Entry { time, lanes });
        let calls = plan.calls.iter().zip(&mut self.counts);
        calls
            .map(|(call, count)| {
                if call.frame.is_running() {
                    if place < count.to {
                        // It comes among rows that are counted already and held no more.
                        count.to += 1;
                        call.push(count, &self.entries, place);
                    }
                    return call.value(count, &self.entries, place);
                }
                if place < count.to {
                    count.to += 1;
                    count.from += u64::from(place < count.from);
                    count.middle = count.from;
                    call.recount(count, &self.entries);
                }
                call.late(&self.entries, place, time)
            })
            .collect()
    }

    /// Lets go of the rows that no window needs.
    fn forget(&mut self, plan: &GroupPlan) {
        let needed = plan
            .calls
            .iter()
            .zip(&self.counts)
            .map(|(call, count)| call.needs(count))
            .min()
            .unwrap_or_else(|| self.entries.end());
        while self.entries.gone < needed && self.entries.held.pop_front().is_some() {
            self.entries.gone += 1;
        }
    }

    fn size(&self) -> usize {
        let entry = |entry: &Entry| {
            size_of::<Entry>() + entry.lanes.iter().map(|value| size_of::<Value>() + value.size()).sum::<usize>()
        };
        size_of::<Self>()
            + self.entries.held.iter().map(entry).sum::<usize>()
            + self.counts.iter().map(Count::size).sum::<usize>()
    }
}

/// The values of a key as bytes that differ where the values do.
fn encode(key: &[Value]) -> Box<[u8]> {
    let mut to = StateWriter::default();
    for value in key {
        match value {
            // What is equal as a key must be the same bytes.
            Value::Float(number) if *number == 0.0 => Value::Float(0.0).save(&mut to),
            Value::Float(number) if number.is_nan() => Value::Float(f64::NAN).save(&mut to),
            value => value.save(&mut to),
        }
    }
    to.into_bytes().into()
}

impl Stateful for Group {
    fn save(&self, to: &mut StateWriter) {
        to.begin("windows", 1);
        [self.rows, self.until_sweep, self.latest as u64, self.evicted].iter().for_each(|number| to.u64(*number));
        to.u64(self.keys.len() as u64);
        for (key, keyed) in &self.keys {
            to.bytes(key);
            to.u64(keyed.seen);
            to.u64(keyed.entries.gone);
            to.u64(keyed.entries.held.len() as u64);
            for entry in &keyed.entries.held {
                to.u64(entry.time as u64);
                entry.lanes.iter().for_each(|value| value.save(to));
            }
            for (call, count) in self.plan.calls.iter().zip(&keyed.counts) {
                let middle = count.middle.clamp(count.from, count.to);
                [count.from, count.to, middle].iter().for_each(|place| to.u64(*place));
                call.save(count, to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("windows", 1)?;
        (self.rows, self.until_sweep) = (from.u64()?, from.u64()?);
        (self.latest, self.evicted) = (from.u64()? as i64, from.u64()?);
        self.keys.clear();
        for _ in 0..from.length(32)? {
            let key: Box<[u8]> = from.bytes()?.into();
            let (seen, gone) = (from.u64()?, from.u64()?);
            let mut entries = Entries { gone, ..Entries::default() };
            for _ in 0..from.length(8)? {
                let time = from.u64()? as i64;
                let lanes: Result<Box<[Value]>, StateError> =
                    self.plan.lanes.iter().map(|_| Value::load(from)).collect();
                entries.held.push_back(Entry { time, lanes: lanes? });
            }
            let mut counts = Vec::new();
            for call in &self.plan.calls {
                let mut count = call.start();
                (count.from, count.to, count.middle) = (from.u64()?, from.u64()?, from.u64()?);
                if count.from < gone && !call.frame.is_running() || count.to > entries.end() || count.from > count.to {
                    let why = "a window does not lie within its rows".to_string();
                    return Err(StateError::Unfit { component: "windows".into(), why });
                }
                call.load(&mut count, from)?;
                call.recount(&mut count, &entries);
                counts.push(count);
            }
            self.keys.insert(key, Keyed { entries, counts, seen });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.keys.iter().map(|(key, keyed)| key.len() + keyed.size()).sum::<usize>()
    }
}
