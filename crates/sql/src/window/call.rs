//! One window: its function, its frame and what it counts.

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::aggregate::{Distinct, Extreme, Moments, Monoid, Sorted, Stacks, Sum};
use super::entries::{ALWAYS, Entries};
use super::value::{Kind, Value};

/// A window's function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    /// Rows whose value is not null; of `*`, all.
    Count,
    Sum,
    Mean,
    Least,
    Most,
    /// Of a sample, or of all there is; its root or not.
    Variance {
        sample: bool,
        root: bool,
    },
    /// Linear between neighbours: 0.5 is the median.
    Percentile(f64),
    Distinct,
    First,
    Last,
    /// So many rows before.
    Lag(u64),
}

/// Which rows a window holds, relative to the row at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Event time from so many microseconds before to so many before; without a beginning all before.
    Range(Option<i64>, i64),
    /// From so many rows before to so many before; without a beginning all before.
    Rows(Option<u64>, u64),
}

impl Frame {
    /// Whether the row at a place is in the window of the row at `place`, whose time is `time`, or was in one before it.
    fn has_reached(self, at: u64, entries: &Entries, place: u64, time: i64) -> bool {
        match self {
            Self::Range(_, upto) => entries.time(at).is_some_and(|at| at <= time.saturating_sub(upto)),
            Self::Rows(_, upto) => at + upto <= place,
        }
    }

    /// Whether the row at a place has left it.
    fn has_left(self, at: u64, entries: &Entries, place: u64, time: i64) -> bool {
        match self {
            Self::Range(Some(reach), _) => entries.time(at).is_some_and(|at| at < time.saturating_sub(reach)),
            Self::Rows(Some(reach), _) => at + reach < place,
            _ => false,
        }
    }

    /// Moves all windows of this frame on to the row at `place`, the last one.
    pub(crate) fn advance(
        self,
        members: &[usize],
        calls: &[Call],
        counts: &mut [Count],
        entries: &Entries,
        (place, time): (u64, i64),
    ) {
        let first = members.first().and_then(|first| counts.get(*first));
        let Some((mut from, mut to)) = first.map(|first| (first.from, first.to)) else { return };
        while to <= place && self.has_reached(to, entries, place, time) {
            for member in members {
                if let (Some(call), Some(count)) = (calls.get(*member), counts.get_mut(*member)) {
                    call.push(count, entries, to);
                }
            }
            to += 1;
        }
        while from < to && self.has_left(from, entries, place, time) {
            for member in members {
                if let (Some(call), Some(count)) = (calls.get(*member), counts.get_mut(*member)) {
                    call.pop(count, entries, (from, to));
                }
            }
            from += 1;
        }
        for member in members {
            if let Some(count) = counts.get_mut(*member) {
                (count.from, count.to) = (from, to);
            }
        }
    }

    pub(crate) fn is_running(self) -> bool {
        matches!(self, Self::Range(None, _) | Self::Rows(None, _))
    }
}

/// A window of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) frame: Frame,
    /// The lane of its argument in the group's entries.
    pub(crate) lane: usize,
    /// The kind of its argument, and of what it gives.
    pub(crate) takes: Kind,
    pub(crate) gives: Kind,
}

/// What a window has counted for one key: the rows [from, to).
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Where the front of the stacks ends.
    pub(crate) middle: u64,
    counted: Counted,
}

#[derive(Debug, Clone)]
enum Counted {
    Number(u64),
    Whole {
        sum: i128,
        count: u64,
    },
    Sum(Stacks<Sum>),
    Moments(Stacks<Moments>),
    Extreme(Extreme),
    Sorted(Sorted),
    Distinct(Distinct),
    Places,
    /// Without a beginning: the value that is the least, the most, the first or the last of all.
    Kept(Option<Value>),
}

fn sum_of(value: &Value) -> Sum {
    if let Value::Float(number) = value { Sum::of(*number) } else { Sum::default() }
}

fn moments_of(value: &Value) -> Moments {
    if value.is_null() { Moments::default() } else { Moments::of(value.number()) }
}

impl Call {
    /// Whether its value may be beyond what can be written: a sum of whole numbers.
    pub(crate) fn may_fail(&self) -> bool {
        self.function == Function::Sum && self.takes == Kind::Int
    }

    pub(crate) fn start(&self) -> Count {
        Count { from: 0, to: 0, middle: 0, counted: self.empty() }
    }

    fn empty(&self) -> Counted {
        match (self.function, self.takes) {
            (Function::Least | Function::Most | Function::First | Function::Last, _) if self.frame.is_running() => {
                Counted::Kept(None)
            }
            (Function::Count, _) if self.lane == ALWAYS && !self.frame.is_running() => Counted::Places,
            (Function::Count, _) => Counted::Number(0),
            (Function::Sum | Function::Mean, Kind::Int) => Counted::Whole { sum: 0, count: 0 },
            (Function::Sum | Function::Mean, _) => Counted::Sum(Stacks::default()),
            (Function::Least | Function::Most, _) => Counted::Extreme(Extreme::default()),
            (Function::Variance { .. }, _) => Counted::Moments(Stacks::default()),
            (Function::Percentile(_), _) => Counted::Sorted(Sorted::default()),
            (Function::Distinct, _) => Counted::Distinct(Distinct::default()),
            (Function::First | Function::Last | Function::Lag(_), _) => Counted::Places,
        }
    }

    /// The rows of the frame of the row at `place`, of which all up to it are there.
    pub(crate) fn frame_at(&self, entries: &Entries, place: u64, time: i64) -> (u64, u64) {
        let (from, to) = match self.frame {
            Frame::Range(from, upto) => {
                let from = from.map_or(entries.gone, |reach| entries.since(time.saturating_sub(reach)));
                let to = if upto == 0 { place + 1 } else { entries.since(time.saturating_sub(upto).saturating_add(1)) };
                (from, to)
            }
            Frame::Rows(from, upto) => {
                let from = from.map_or(entries.gone, |reach| place.saturating_sub(reach));
                (from, (place + 1).saturating_sub(upto))
            }
        };
        (from, to.min(place + 1).max(from))
    }

    /// Counts the row at `place`.
    pub(crate) fn push(&self, count: &mut Count, entries: &Entries, place: u64) {
        let value = entries.value(place, self.lane);
        match &mut count.counted {
            Counted::Number(number) => *number += u64::from(!value.is_null()),
            Counted::Whole { sum, count } => {
                if let Value::Int(number) = value {
                    *sum += i128::from(*number);
                    *count += 1;
                }
            }
            Counted::Sum(stacks) => stacks.push(sum_of(value)),
            Counted::Moments(stacks) => stacks.push(moments_of(value)),
            Counted::Extreme(extreme) => extreme.push(place, value, self.function == Function::Most),
            Counted::Sorted(sorted) if !value.is_null() => sorted.push(value.number()),
            Counted::Distinct(distinct) => distinct.push(value),
            Counted::Kept(kept) => {
                let better = match (self.function, &kept) {
                    (Function::First, held) => held.is_none(),
                    (Function::Last, _) => true,
                    (_, None) => !value.is_null(),
                    (Function::Most, Some(held)) => value > held,
                    (_, Some(held)) => !value.is_null() && value < held,
                };
                if better {
                    *kept = Some(value.clone());
                }
            }
            Counted::Sorted(_) | Counted::Places => {}
        }
    }

    fn pop(&self, count: &mut Count, entries: &Entries, (place, to): (u64, u64)) {
        let lane = self.lane;
        let value = entries.value(place, lane);
        let all = entries.values(place, to, lane);
        let mut turned = false;
        match &mut count.counted {
            Counted::Number(number) => *number -= u64::from(!value.is_null()),
            Counted::Whole { sum, count } => {
                if let Value::Int(number) = value {
                    *sum -= i128::from(*number);
                    *count -= 1;
                }
            }
            Counted::Sum(stacks) => turned = stacks.pop(all.map(sum_of)),
            Counted::Moments(stacks) => turned = stacks.pop(all.map(moments_of)),
            Counted::Extreme(extreme) => extreme.pop(place),
            Counted::Sorted(sorted) if !value.is_null() => sorted.pop(value.number()),
            Counted::Distinct(distinct) => distinct.pop(value),
            Counted::Sorted(_) | Counted::Places | Counted::Kept(_) => {}
        }
        if turned {
            count.middle = to;
        }
    }

    /// What the window holds, counted afresh from its rows: after a load, or where a row came between. A window without
    /// a beginning has let its rows go.
    pub(crate) fn recount(&self, count: &mut Count, entries: &Entries) {
        if self.frame.is_running() {
            return;
        }
        let (from, to, middle) = (count.from, count.to, count.middle.clamp(count.from, count.to));
        let lane = self.lane;
        count.middle = middle;
        match &mut count.counted {
            Counted::Sum(stacks) => {
                let front = entries.values(from, middle, lane).map(sum_of);
                *stacks = Stacks::of(front, entries.values(middle, to, lane).map(sum_of));
                return;
            }
            Counted::Moments(stacks) => {
                let front = entries.values(from, middle, lane).map(moments_of);
                *stacks = Stacks::of(front, entries.values(middle, to, lane).map(moments_of));
                return;
            }
            _ => {}
        }
        count.counted = self.empty();
        (from..to).for_each(|place| self.push(count, entries, place));
    }

    /// The value for a row that came late: its frame is counted on its own. (A window without a beginning has let its
    /// rows go: there such a row sees all that came before it.)
    pub(crate) fn late(&self, entries: &Entries, place: u64, time: i64) -> Result<Value, Overflow> {
        let (from, to) = self.frame_at(entries, place, time);
        let mut alone = Count { from, to, middle: from, counted: self.empty() };
        self.recount(&mut alone, entries);
        self.value(&alone, entries, place)
    }

    /// What the window gives for the row at `place`.
    pub(crate) fn value(&self, count: &Count, entries: &Entries, place: u64) -> Result<Value, Overflow> {
        let float = |number: Option<f64>| number.map_or(Value::Null, Value::Float);
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        Ok(match (&count.counted, self.function) {
            (Counted::Number(number), _) => Value::Int(*number as i64),
            (Counted::Whole { sum, count }, Function::Mean) => float(mean(*sum as f64, *count)),
            (Counted::Whole { count: 0, .. }, _) => Value::Null,
            (Counted::Whole { sum, .. }, _) => Value::Int(i64::try_from(*sum).map_err(|_| Overflow)?),
            (Counted::Sum(stacks), function) => {
                let sum = stacks.total();
                let mean = function == Function::Mean && sum.count > 0;
                let by = if mean { sum.count as f64 } else { 1.0 };
                float((sum.count > 0).then(|| sum.total() / by))
            }
            (Counted::Moments(stacks), Function::Variance { sample, root }) => {
                float(stacks.total().variance(sample).map(|variance| if root { variance.sqrt() } else { variance }))
            }
            (Counted::Extreme(extreme), _) => extreme.0.front().map_or(Value::Null, |(_, value)| value.clone()),
            (Counted::Sorted(sorted), Function::Percentile(share)) => float(sorted.percentile(share)),
            (Counted::Distinct(distinct), _) => Value::Int(distinct.0.len() as i64),
            (Counted::Places, Function::Count) => Value::Int((count.to - count.from) as i64),
            (Counted::Places, function) => self.at_place(function, count, entries, place),
            (Counted::Kept(kept), _) => kept.clone().unwrap_or_default(),
            _ => Value::Null,
        })
    }

    fn at_place(&self, function: Function, count: &Count, entries: &Entries, place: u64) -> Value {
        let at = match function {
            Function::Lag(rows) => place.checked_sub(rows),
            Function::First => (count.from < count.to).then_some(count.from),
            _ => (count.from < count.to).then(|| count.to - 1),
        };
        at.map_or(Value::Null, |at| entries.value(at, self.lane).clone())
    }
}

impl Call {
    /// The first row that is still needed.
    pub(crate) fn needs(&self, count: &Count) -> u64 {
        if self.frame.is_running() { count.to } else { count.from }
    }

    /// What cannot be counted again, since its rows are gone: all that a window without a beginning holds.
    pub(crate) fn save(&self, count: &Count, to: &mut StateWriter) {
        if !self.frame.is_running() {
            return;
        }
        match &count.counted {
            Counted::Number(number) => to.u64(*number),
            Counted::Whole { sum, count } => {
                [*sum as u64, (*sum >> 64) as u64, *count].iter().for_each(|part| to.u64(*part))
            }
            Counted::Sum(stacks) => stacks.total().save(to),
            Counted::Moments(stacks) => stacks.total().save(to),
            Counted::Kept(kept) => {
                to.u64(u64::from(kept.is_some()));
                kept.iter().for_each(|value| value.save(to));
            }
            // These always begin somewhere.
            Counted::Extreme(_) | Counted::Sorted(_) | Counted::Distinct(_) | Counted::Places => {}
        }
    }

    pub(crate) fn load(&self, count: &mut Count, from: &mut StateReader<'_>) -> Result<(), StateError> {
        if !self.frame.is_running() {
            return Ok(());
        }
        match &mut count.counted {
            Counted::Number(number) => *number = from.u64()?,
            Counted::Whole { sum, count } => {
                let (low, high) = (from.u64()?, from.u64()?);
                (*sum, *count) = ((i128::from(high as i64) << 64) | i128::from(low), from.u64()?);
            }
            Counted::Sum(stacks) => *stacks = Stacks::running(Sum::load(from)?),
            Counted::Moments(stacks) => *stacks = Stacks::running(Moments::load(from)?),
            Counted::Kept(kept) => *kept = if from.u64()? == 1 { Some(Value::load(from)?) } else { None },
            Counted::Extreme(_) | Counted::Sorted(_) | Counted::Distinct(_) | Counted::Places => {}
        }
        Ok(())
    }
}

impl Count {
    /// A number that is near what the window gives next, in memory.
    pub(crate) fn look(&self) -> u64 {
        match &self.counted {
            Counted::Sum(stacks) => stacks.last().map_or(0, |sum| sum.count),
            Counted::Moments(stacks) => stacks.last().map_or(0, |moments| moments.count.to_bits()),
            Counted::Extreme(extreme) => extreme.0.front().map_or(0, |(place, _)| *place),
            _ => 0,
        }
    }

    /// The bytes it takes, found without looking at every row.
    pub(crate) fn size(&self) -> usize {
        let more = match &self.counted {
            Counted::Sum(stacks) => stacks.size(),
            Counted::Moments(stacks) => stacks.size(),
            Counted::Extreme(extreme) => extreme.size(),
            Counted::Sorted(sorted) => sorted.0.len() * 8,
            Counted::Distinct(distinct) => distinct.size(),
            Counted::Kept(kept) => kept.as_ref().map_or(0, Value::size),
            Counted::Number(_) | Counted::Whole { .. } | Counted::Places => 0,
        };
        size_of::<Self>() + more
    }
}

/// A sum of whole numbers is beyond 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;
