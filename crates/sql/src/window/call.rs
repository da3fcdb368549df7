//! One window: its function, its frame and its aggregate.

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::aggregate::{Distinct, Extreme, Sorted, Stacks};
use super::counted::{Base, Counted, moments_of, sum_of};
use super::entries::{ALWAYS, Entries};
use super::value::{Kind, Value, clean};

/// A window's function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    /// Rows whose value is not null; for `*`, all.
    Count,
    Sum,
    Mean,
    Least,
    Most,
    /// Of a sample, or of the population; its square root or not.
    Variance {
        sample: bool,
        root: bool,
    },
    /// Linear between neighbours: 0.5 is the median.
    Percentile(f64),
    Distinct,
    First,
    Last,
    /// That many rows before.
    Lag(u64),
}

/// Which rows a window contains, relative to the current row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Event time from so many microseconds before to so many before; without a beginning all earlier rows.
    Range(Option<i64>, i64),
    /// From so many rows before to so many before; without a beginning all earlier rows.
    Rows(Option<u64>, u64),
}

impl Frame {
    /// Whether the row at a place is in the window of the row at `place`, whose time is `time`, or was in an earlier
    /// one.
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

    /// Whether the retained rows are all that the row at `place` needs, apart from what `base` has counted.
    pub(super) fn is_whole(self, entries: &Entries, place: u64, time: i64, base: Option<&Base>) -> bool {
        let end = |upto| (place + 1).checked_sub(upto);
        match self {
            // Keys expire, and their rows with them, if all windows are of this kind.
            Self::Range(Some(reach), _) => entries.gone_time.is_none_or(|gone| gone < time.saturating_sub(reach)),
            _ if entries.gone == 0 => true,
            Self::Rows(Some(reach), _) => place.checked_sub(reach).is_some_and(|from| from >= entries.gone),
            Self::Rows(None, upto) => end(upto).is_some_and(|to| base.is_some_and(|base| to >= base.upto)),
            Self::Range(None, upto) => {
                let last = time.saturating_sub(upto);
                let to = entries.behind(last).min(place + 1);
                entries.gone_time.is_none_or(|gone| gone <= last) && base.is_some_and(|base| to >= base.upto)
            }
        }
    }

    /// Advances all windows of this frame to the row at `place`, the last one.
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
                    call.push(&mut count.counted, entries, to);
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
    /// The kind of its argument, and of its result.
    pub(crate) takes: Kind,
    pub(crate) gives: Kind,
}

/// The aggregate of a window for one key: the rows [from, to).
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Where the front of the stacks ends.
    pub(crate) middle: u64,
    counted: Counted,
    /// For a window without a beginning, the aggregate of the discarded rows: for rows that come late.
    base: Option<Box<Base>>,
}

impl Call {
    /// Whether its value may overflow: a sum of integers.
    pub(crate) fn may_fail(&self) -> bool {
        self.function == Function::Sum && self.takes == Kind::Int
    }

    pub(crate) fn start(&self) -> Count {
        Count { from: 0, to: 0, middle: 0, counted: self.empty(), base: None }
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

    /// The rows of the frame of the row at `place`; all up to it are present.
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
    fn push(&self, counted: &mut Counted, entries: &Entries, place: u64) {
        let (value, time) = (entries.value(place, self.lane), entries.time(place).unwrap_or(i64::MIN));
        self.push_value(counted, value, place, time);
    }

    fn push_value(&self, counted: &mut Counted, value: &Value, place: u64, time: i64) {
        match counted {
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
                    (Function::First | Function::Last, None) => true,
                    (Function::First, Some((_, first))) => time < *first,
                    (Function::Last, Some((_, last))) => time >= *last,
                    (_, None) => !value.is_null(),
                    (Function::Most, Some((held, _))) => value > held,
                    (_, Some((held, _))) => !value.is_null() && value < held,
                };
                if better {
                    *kept = Some((value.clone(), time));
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

    /// Recomputes the aggregate from the window's rows: after a load, or where a row was inserted. A window without a
    /// beginning has discarded its rows.
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
        (from..to).for_each(|place| self.push(&mut count.counted, entries, place));
    }

    /// Adds a row that came late and was inserted at `place`, before rows that are already counted.
    pub(crate) fn insert(&self, count: &mut Count, entries: &Entries, place: u64) {
        if let Some(base) = count.base.as_mut().filter(|base| place < base.upto) {
            self.push(&mut base.counted, entries, place);
            base.upto += 1;
        }
        if place >= count.to {
            return;
        }
        count.to += 1;
        if self.frame.is_running() {
            self.push(&mut count.counted, entries, place);
        } else {
            count.from += u64::from(place < count.from);
            count.middle = count.from;
            self.recount(count, entries);
        }
    }

    /// Adds a row that belongs among the discarded ones.
    pub(crate) fn insert_gone(&self, count: &mut Count, lanes: &[Value], time: i64) {
        if !self.frame.is_running() {
            return;
        }
        let value =
            if self.lane == ALWAYS { &Value::Boolean(true) } else { lanes.get(self.lane).unwrap_or(&Value::Null) };
        self.push_value(&mut count.counted, value, 0, time);
        if let Some(base) = &mut count.base {
            self.push_value(&mut base.counted, value, 0, time);
        }
    }

    /// Discards the rows before a place.
    pub(crate) fn forget(&self, count: &mut Count, entries: &Entries, before: u64) {
        if !self.frame.is_running() {
            return;
        }
        let base = count.base.get_or_insert_with(|| Box::new(Base { upto: 0, counted: self.empty() }));
        (base.upto.max(entries.gone)..before).for_each(|place| self.push(&mut base.counted, entries, place));
        base.upto = base.upto.max(before);
    }

    /// The value for a row that came late: its frame is counted on its own. None if not all of it is retained.
    pub(crate) fn late(
        &self,
        count: &Count,
        entries: &Entries,
        place: u64,
        time: i64,
    ) -> Option<Result<Value, Overflow>> {
        let base = count.base.as_deref();
        if !self.frame.is_whole(entries, place, time, base) {
            return None;
        }
        let (from, to) = self.frame_at(entries, place, time);
        let mut alone = Count { from, to, ..self.start() };
        if self.frame.is_running() {
            let from = base.map_or(from, |base| base.upto);
            alone.counted = base.map_or_else(|| self.empty(), |base| base.counted.clone());
            (from..to).for_each(|place| self.push(&mut alone.counted, entries, place));
        } else {
            alone.middle = from;
            self.recount(&mut alone, entries);
        }
        Some(self.value(&alone, entries, place))
    }

    /// The window's value for the row at `place`.
    pub(crate) fn value(&self, count: &Count, entries: &Entries, place: u64) -> Result<Value, Overflow> {
        let float = |number: Option<f64>| number.and_then(clean).map_or(Value::Null, Value::Float);
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
            (Counted::Kept(kept), _) => kept.as_ref().map(|(value, _)| value.clone()).unwrap_or_default(),
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

    /// Saves what cannot be recomputed, since its rows are gone: the whole aggregate of a window without a beginning.
    pub(crate) fn save(&self, count: &Count, to: &mut StateWriter) {
        if !self.frame.is_running() {
            return;
        }
        count.counted.save(to);
        to.u64(count.base.is_some().into());
        if let Some(base) = &count.base {
            to.u64(base.upto);
            base.counted.save(to);
        }
    }

    pub(crate) fn load(
        &self,
        count: &mut Count,
        from: &mut StateReader<'_>,
        (version, gone): (u16, u64),
    ) -> Result<(), StateError> {
        if !self.frame.is_running() {
            return Ok(());
        }
        count.counted.load(from, version)?;
        count.base = None;
        if version <= 2 && gone > 0 {
            // What of it belongs to discarded rows was not stored: from here on it is the base.
            count.base = Some(Box::new(Base { upto: count.to, counted: count.counted.clone() }));
        } else if version > 2 && from.u64()? == 1 {
            let mut base = Base { upto: from.u64()?, counted: self.empty() };
            base.counted.load(from, version)?;
            count.base = Some(Box::new(base));
        }
        Ok(())
    }
}

impl Count {
    /// A number that is near the window's next value in memory.
    pub(crate) fn look(&self) -> u64 {
        match &self.counted {
            Counted::Sum(stacks) => stacks.last().map_or(0, |sum| sum.count),
            Counted::Moments(stacks) => stacks.last().map_or(0, |moments| moments.count.to_bits()),
            Counted::Extreme(extreme) => extreme.0.front().map_or(0, |(place, _)| *place),
            _ => 0,
        }
    }

    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let base = self.base.as_ref().map_or(0, |base| size_of::<Base>() + base.counted.size());
        size_of::<Self>() + self.counted.size() + base
    }
}

/// A sum of integers exceeds 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;
