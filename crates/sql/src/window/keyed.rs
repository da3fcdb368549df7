//! The rows and windows of every key of a group.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::GroupPlan;
use super::call::{Call, Count, Frame, Overflow};
use super::entries::{Entries, load_time, save_time};
use super::key::Key;
use super::value::Value;

/// The minimum number of rows between two sweeps for expired keys; with many keys half their number, so that a row pays
/// for visiting two of them.
const SWEEP: u64 = 1_024;

/// How many rows of a key are retained beyond those that its windows need, for rows that come late: with several keys,
/// and with only one.
const SPARE: [u64; 2] = [16, 512];
/// Rows are retained for longer than the longest window needs them, by this fraction of it.
const SLACK: i64 = 8;

/// The state of one key.
#[derive(Debug, Clone)]
struct Keyed {
    key: Key,
    entries: Entries,
    counts: Vec<Count>,
    /// The last row of this key, counted over the group.
    seen: u64,
    /// Its bytes, as last counted.
    size: usize,
}

/// What is known of a row's key in advance: its hash, and its probable place.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ahead {
    hash: u64,
    place: u32,
}

/// The state of a group of windows.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    plan: GroupPlan,
    keep: Keep,
    /// Where each key is in `keys`, by its hash. No result depends on the order of either.
    index: HashTable<u32>,
    keys: Vec<Keyed>,
    rows: u64,
    until_sweep: u64,
    latest: i64,
    /// The latest time of a key that has expired.
    expired: Option<i64>,
    evicted: u64,
    size: usize,
}

/// How much is retained of a key beyond what its windows need.
#[derive(Debug, Clone, Copy)]
struct Keep {
    rows: u64,
    /// Microseconds before its last row.
    time: i64,
}

/// Whether a row was in order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Order {
    /// Its time is before that of an earlier row.
    pub(crate) late: bool,
    /// One of its windows is missing, since not all of its rows are retained any more.
    pub(crate) missed: bool,
}

/// How far back in time the longest window reaches.
fn longest(plan: &GroupPlan) -> i64 {
    let reach = |call: &Call| if let Frame::Range(reach, _) = call.frame { reach } else { None };
    plan.calls.iter().filter_map(reach).max().unwrap_or(0)
}

impl Group {
    pub(crate) fn new(plan: GroupPlan) -> Self {
        let longest = longest(&plan);
        let [each, only] = SPARE;
        Self {
            keep: Keep {
                rows: if plan.partition.is_empty() { only } else { each },
                time: longest.saturating_add(longest / SLACK),
            },
            plan,
            index: HashTable::new(),
            keys: Vec::new(),
            rows: 0,
            until_sweep: SWEEP,
            latest: i64::MIN,
            expired: None,
            evicted: 0,
            size: 0,
        }
    }

    /// Adds a row, and appends the value of each window for it to `values`; takes the values of its lanes out of
    /// `lanes`.
    pub(crate) fn row(
        &mut self,
        (key, ahead): (&[u8], Ahead),
        time: i64,
        lanes: &mut Vec<Value>,
        limit: u64,
        values: &mut Vec<Result<Value, Overflow>>,
    ) -> Order {
        self.rows += 1;
        let late = time < self.latest;
        self.latest = self.latest.max(time);
        let place = self.find(key, ahead);
        let Some(keyed) = self.keys.get_mut(place) else { return Order::default() };
        keyed.seen = self.rows;
        let missed = if keyed.entries.last_time().is_some_and(|last| last > time) {
            keyed.late(&self.plan, time, lanes, values)
        } else {
            keyed.next(&self.plan, time, lanes, values)
        };
        keyed.forget(&self.plan, self.keep);
        let size = keyed.count();
        self.size = self.size + size - std::mem::replace(&mut keyed.size, size);
        self.until_sweep = self.until_sweep.saturating_sub(1);
        if self.until_sweep == 0 {
            self.expire();
            self.until_sweep = SWEEP.max(self.keys.len() as u64 / 2);
        }
        if self.size as u64 > limit {
            self.evict(limit);
        }
        Order { late, missed }
    }

    /// Prefetches what the next rows will need. Keys are far apart in memory: each level of pointers is visited for all
    /// of them before the next, so that the processor overlaps the loads. The number has no meaning.
    pub(crate) fn look_ahead<'a>(&self, keys: impl Iterator<Item = &'a [u8]>, ahead: &mut Vec<Ahead>) -> u64 {
        ahead.clear();
        ahead.extend(keys.map(|key| {
            let hash = xxh3_64(key);
            // The first with an equal hash is nearly always the key itself.
            Ahead { hash, place: self.index.find(hash, |_| true).copied().unwrap_or(u32::MAX) }
        }));
        let near = || ahead.iter().filter_map(|one| self.keys.get(one.place as usize));
        let begun =
            near().map(|keyed| keyed.seen ^ keyed.counts.len() as u64 ^ keyed.entries.gone).fold(0, |a, b| a ^ b);
        let ends = near().map(Keyed::look_at_ends).fold(begun, |a, b| a ^ b);
        near().map(|keyed| keyed.look(&self.plan)).fold(ends, |a, b| a ^ b)
    }

    fn is_at(&self, key: &[u8], place: u32) -> bool {
        self.keys.get(place as usize).is_some_and(|keyed| keyed.key.bytes() == key)
    }

    /// The place of a key; a new key is created.
    fn find(&mut self, key: &[u8], Ahead { hash, place }: Ahead) -> usize {
        if self.is_at(key, place) {
            return place as usize;
        }
        if let Some(place) = self.index.find(hash, |place| self.is_at(key, *place)) {
            return *place as usize;
        }
        let counts = self.plan.calls.iter().map(Call::start).collect();
        let entries = Entries::new(self.plan.lanes.len(), self.expired);
        self.add(Keyed { key: Key::new(key), entries, counts, seen: 0, size: 0 })
    }

    fn add(&mut self, mut keyed: Keyed) -> usize {
        keyed.size = keyed.count();
        self.size += keyed.size;
        let place = self.keys.len();
        let keys = &self.keys;
        let hash = |place: &u32| keys.get(*place as usize).map_or(0, |keyed| xxh3_64(keyed.key.bytes()));
        self.index.insert_unique(xxh3_64(keyed.key.bytes()), place as u32, hash);
        self.keys.push(keyed);
        place
    }

    /// Removes a key; the last one takes its place.
    fn remove(&mut self, place: usize) {
        let keyed = self.keys.swap_remove(place);
        self.size -= keyed.size;
        if let Ok(entry) = self.index.find_entry(xxh3_64(keyed.key.bytes()), |other| *other as usize == place) {
            entry.remove();
        }
        let last = self.keys.len();
        if let Some(moved) = self.keys.get(place)
            && let Some(other) = self.index.find_mut(xxh3_64(moved.key.bytes()), |other| *other as usize == last)
        {
            *other = place as u32;
        }
    }

    fn expires(&self) -> bool {
        self.plan.calls.iter().all(|call| matches!(call.frame, Frame::Range(Some(_), _)))
    }

    /// Removes keys that no window can see any more, if all windows reach back by time. When it runs depends only on
    /// the rows, so that every replay does the same.
    fn expire(&mut self) {
        if !self.expires() {
            return;
        }
        let horizon = self.latest.saturating_sub(self.keep.time);
        for place in (0..self.keys.len()).rev() {
            let last = self.keys.get(place).map(|keyed| keyed.entries.last_time());
            if let Some(last) = last.filter(|last| last.is_none_or(|last| last < horizon)) {
                self.expired = self.expired.max(last);
                self.remove(place);
            }
        }
    }

    /// Evicts the keys that were idle for longest, down to four fifths of the limit; never the last one.
    fn evict(&mut self, limit: u64) {
        self.expire();
        let mut silent: Vec<(u64, usize)> = self.keys.iter().map(|keyed| (keyed.seen, keyed.size)).collect();
        silent.sort_unstable();
        silent.pop();
        let (mut size, mut oldest) = (self.size as u64, 0);
        for (seen, bytes) in silent {
            if size <= limit / 5 * 4 {
                break;
            }
            size = size.saturating_sub(bytes as u64);
            oldest = seen;
        }
        for place in (0..self.keys.len()).rev() {
            if self.keys.get(place).is_some_and(|keyed| keyed.seen <= oldest) {
                self.remove(place);
                self.evicted += 1;
            }
        }
    }

    /// The number of keys.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The keys whose rows were evicted because of the limit.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl Keyed {
    /// A row after all others of its key. Whether one of its windows is missing: the key may have expired before.
    fn next(
        &mut self,
        plan: &GroupPlan,
        time: i64,
        lanes: &mut Vec<Value>,
        values: &mut Vec<Result<Value, Overflow>>,
    ) -> bool {
        let place = self.entries.end();
        self.entries.push(time, lanes);
        for (frame, members) in &plan.frames {
            frame.advance(members, &plan.calls, &mut self.counts, &self.entries, (place, time));
        }
        let gone = self.entries.gone_time.unwrap_or(i64::MIN);
        let mut missed = false;
        values.extend(plan.calls.iter().zip(&self.counts).map(|(call, count)| match call.frame {
            Frame::Range(Some(reach), _) if gone >= time.saturating_sub(reach) && gone > i64::MIN => {
                missed = true;
                Ok(Value::Null)
            }
            _ => call.value(count, &self.entries, place),
        }));
        missed
    }

    /// A row whose time is before that of the last: inserted where it belongs, and computed from the retained rows.
    /// Windows that need more than those are missing; whether one is.
    fn late(
        &mut self,
        plan: &GroupPlan,
        time: i64,
        lanes: &mut Vec<Value>,
        values: &mut Vec<Result<Value, Overflow>>,
    ) -> bool {
        let calls = plan.calls.iter().zip(&mut self.counts);
        if self.entries.gone > 0 && self.entries.gone_time.is_some_and(|gone| time < gone) {
            calls.for_each(|(call, count)| call.insert_gone(count, lanes, time));
            lanes.clear();
            values.extend(plan.calls.iter().map(|_| Ok(Value::Null)));
            return !plan.calls.is_empty();
        }
        let place = self.entries.behind(time);
        self.entries.insert(place, time, lanes);
        let mut missed = false;
        for (call, count) in calls {
            call.insert(count, &self.entries, place);
            let value = call.late(count, &self.entries, place, time);
            missed |= value.is_none();
            values.push(value.unwrap_or(Ok(Value::Null)));
        }
        missed
    }

    fn look_at_ends(&self) -> u64 {
        let last = self.entries.last_time().unwrap_or(0) as u64;
        self.counts.iter().fold(last, |sum, count| sum ^ count.from)
    }

    fn look(&self, plan: &GroupPlan) -> u64 {
        let first = |(_, members): &(Frame, Vec<usize>)| self.counts.get(*members.first()?);
        let rows = plan.frames.iter().filter_map(first).map(|count| self.entries.time(count.from).unwrap_or(0) as u64);
        let sum = rows.fold(0, |a, b| a ^ b);
        self.counts.iter().fold(sum, |sum, count| sum ^ count.look())
    }

    /// Discards the rows that no window needs and that are old enough.
    fn forget(&mut self, plan: &GroupPlan, keep: Keep) {
        let needed = plan.calls.iter().zip(&self.counts).map(|(call, count)| call.needs(count)).min();
        let end = self.entries.end();
        let needed = needed.unwrap_or(end).min(end.saturating_sub(keep.rows));
        let horizon = self.entries.last_time().unwrap_or(i64::MIN).saturating_sub(keep.time);
        let mut before = self.entries.gone;
        while before < needed && self.entries.time(before).is_some_and(|time| time < horizon || keep.time == 0) {
            before += 1;
        }
        if before > self.entries.gone {
            let calls = plan.calls.iter().zip(&mut self.counts);
            calls.for_each(|(call, count)| call.forget(count, &self.entries, before));
            self.entries.forget(before);
        }
    }

    fn count(&self) -> usize {
        let counts = self.counts.iter().map(Count::size).sum::<usize>();
        size_of::<Self>() + self.key.size() + self.entries.size() + counts
    }
}

impl Stateful for Group {
    fn save(&self, to: &mut StateWriter) {
        to.begin("windows", 3);
        [self.rows, self.until_sweep, self.latest as u64, self.evicted].iter().for_each(|number| to.u64(*number));
        save_time(self.expired, to);
        let mut keys: Vec<&Keyed> = self.keys.iter().collect();
        keys.sort_unstable_by(|a, b| a.key.bytes().cmp(b.key.bytes()));
        to.u64(keys.len() as u64);
        for keyed in keys {
            to.bytes(keyed.key.bytes());
            to.u64(keyed.seen);
            keyed.entries.save(to);
            for (call, count) in self.plan.calls.iter().zip(&keyed.counts) {
                let middle = count.middle.clamp(count.from, count.to);
                [count.from, count.to, middle].iter().for_each(|place| to.u64(*place));
                call.save(count, to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let version = from.begin("windows", 3)?;
        *self = Self::new(self.plan.clone());
        (self.rows, self.until_sweep) = (from.u64()?, from.u64()?);
        (self.latest, self.evicted) = (from.u64()? as i64, from.u64()?);
        let longest = longest(&self.plan);
        // Whether keys had expired was not stored; up to when they may have is known.
        let expired = self.expires().then(|| self.latest.saturating_sub(longest + 1));
        self.expired = if version > 2 { load_time(from)? } else { expired };
        for _ in 0..from.length(32)? {
            let key = Key::new(from.bytes()?);
            let seen = from.u64()?;
            let mut entries = Entries::new(self.plan.lanes.len(), None);
            entries.load(from, version)?;
            if version <= 2 && entries.gone > 0 {
                // Their time was not stored: this one at the latest.
                let held = entries.time(entries.gone).unwrap_or(self.latest);
                let left = entries.last_time().filter(|_| longest > 0).map(|last| last.saturating_sub(longest + 1));
                entries.gone_time = Some(left.map_or(held, |left| left.min(held)));
            }
            let mut counts = Vec::new();
            for call in &self.plan.calls {
                let mut count = call.start();
                (count.from, count.to, count.middle) = (from.u64()?, from.u64()?, from.u64()?);
                let before = count.from < entries.gone && !call.frame.is_running();
                if before || count.to > entries.end() || count.from > count.to {
                    let why = "a window does not lie within its rows".to_string();
                    return Err(StateError::Unfit { component: "windows".into(), why });
                }
                call.load(&mut count, from, (version, entries.gone))?;
                call.recount(&mut count, &entries);
                counts.push(count);
            }
            self.add(Keyed { key, entries, counts, seen, size: 0 });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.size
    }
}
