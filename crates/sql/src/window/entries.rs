//! The rows retained for a key.

use std::collections::VecDeque;

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::value::Value;

/// The lane of `*` without a filter: it always has a value, and nothing is stored for it.
pub(crate) const ALWAYS: usize = usize::MAX;

/// The rows retained for a key, in one block of memory: for each its time, then the values of its lanes. Places count
/// all rows that ever arrived, so they stay valid when rows leave.
#[derive(Debug, Clone)]
pub(crate) struct Entries {
    /// The number of values in a row, its time included.
    width: usize,
    pub(crate) gone: u64,
    /// The latest time of a discarded row; no time if there may have been none.
    pub(crate) gone_time: Option<i64>,
    flat: VecDeque<Value>,
    /// The bytes of texts.
    text: usize,
}

impl Entries {
    /// No rows; there may have been some up to a time.
    pub(crate) fn new(lanes: usize, gone_time: Option<i64>) -> Self {
        Self { width: lanes + 1, gone: 0, gone_time, flat: VecDeque::new(), text: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.flat.len() / self.width
    }

    pub(crate) fn end(&self) -> u64 {
        self.gone + self.len() as u64
    }

    fn at(&self, place: u64) -> Option<usize> {
        Some(usize::try_from(place.checked_sub(self.gone)?).ok()? * self.width)
    }

    fn time_at(&self, row: usize) -> Option<i64> {
        if let Some(Value::Time(time)) = self.flat.get(row * self.width) { Some(*time) } else { None }
    }

    pub(crate) fn time(&self, place: u64) -> Option<i64> {
        self.time_at(self.at(place)? / self.width)
    }

    pub(crate) fn last_time(&self) -> Option<i64> {
        self.time_at(self.len().checked_sub(1)?)
    }

    /// A lane of a row.
    pub(crate) fn value(&self, place: u64, lane: usize) -> &Value {
        const NULL: &Value = &Value::Null;
        const THERE: &Value = &Value::Boolean(true);
        match self.at(place) {
            Some(at) if lane < self.width - 1 => self.flat.get(at + 1 + lane).unwrap_or(NULL),
            Some(at) if at < self.flat.len() => THERE,
            _ => NULL,
        }
    }

    pub(crate) fn values(&self, from: u64, to: u64, lane: usize) -> impl DoubleEndedIterator<Item = &Value> {
        (from..to).map(move |place| self.value(place, lane))
    }

    /// How many rows satisfy a condition that the first ones satisfy.
    fn partition_point(&self, before: impl Fn(i64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time_at(middle).is_some_and(&before) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The first place whose time is at least this.
    pub(crate) fn since(&self, time: i64) -> u64 {
        self.gone + self.partition_point(|at| at < time) as u64
    }

    /// The place after all rows up to this time.
    pub(crate) fn behind(&self, time: i64) -> u64 {
        self.gone + self.partition_point(|at| at <= time) as u64
    }

    /// Appends a row; takes the values of its lanes out of `lanes`.
    pub(crate) fn push(&mut self, time: i64, lanes: &mut Vec<Value>) {
        self.text += lanes.iter().map(Value::size).sum::<usize>();
        self.flat.push_back(Value::Time(time));
        self.flat.extend(lanes.drain(..));
    }

    /// Inserts a row between others.
    pub(crate) fn insert(&mut self, place: u64, time: i64, lanes: &mut Vec<Value>) {
        let Some(at) = self.at(place) else { return };
        self.text += lanes.iter().map(Value::size).sum::<usize>();
        for (lane, value) in std::iter::once(Value::Time(time)).chain(lanes.drain(..)).enumerate() {
            self.flat.insert(at + lane, value);
        }
    }

    /// Discards all rows before a place.
    pub(crate) fn forget(&mut self, before: u64) {
        let Some(rows) = before.checked_sub(self.gone).and_then(|rows| usize::try_from(rows).ok()) else { return };
        let rows = rows.min(self.len());
        self.gone_time = self.gone_time.max(rows.checked_sub(1).and_then(|last| self.time_at(last)));
        let text: usize = self.flat.drain(..rows * self.width).map(|value| value.size()).sum();
        self.text -= text;
        self.gone += rows as u64;
    }

    pub(crate) fn size(&self) -> usize {
        self.flat.len() * size_of::<Value>() + self.text
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.u64(self.gone);
        save_time(self.gone_time, to);
        to.u64(self.len() as u64);
        self.flat.iter().for_each(|value| value.save(to));
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>, version: u16) -> Result<(), StateError> {
        self.gone = from.u64()?;
        self.gone_time = if version > 2 { load_time(from)? } else { None };
        (self.flat, self.text) = (VecDeque::new(), 0);
        for _ in 0..from.length(8 * self.width)? {
            for _ in 0..self.width {
                let value = Value::load(from)?;
                self.text += value.size();
                self.flat.push_back(value);
            }
            if self.last_time().is_none() {
                let why = "a row of a window has no time".to_string();
                return Err(StateError::Unfit { component: "windows".into(), why });
            }
        }
        Ok(())
    }
}

pub(crate) fn save_time(time: Option<i64>, to: &mut StateWriter) {
    to.u64(time.is_some().into());
    to.u64(time.unwrap_or_default() as u64);
}

pub(crate) fn load_time(from: &mut StateReader<'_>) -> Result<Option<i64>, StateError> {
    let (any, time) = (from.u64()? == 1, from.u64()? as i64);
    Ok(any.then_some(time))
}
