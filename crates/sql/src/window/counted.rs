//! The aggregate of a window, and how it is saved.

use gristmill_learn::{StateError, StateReader, StateWriter};

use super::aggregate::{Distinct, Extreme, Moments, Monoid, Sorted, Stacks, Sum};
use super::entries::{load_time, save_time};
use super::value::Value;

#[derive(Debug, Clone)]
pub(super) enum Counted {
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
    /// Without a beginning: the minimum, the maximum, the first or the last of all values, and the time of its row.
    Kept(Option<(Value, i64)>),
}

pub(super) fn sum_of(value: &Value) -> Sum {
    if let Value::Float(number) = value { Sum::of(*number) } else { Sum::default() }
}

pub(super) fn moments_of(value: &Value) -> Moments {
    if value.is_null() { Moments::default() } else { Moments::of(value.number()) }
}

/// The rows [0, upto) of a key.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) upto: u64,
    pub(super) counted: Counted,
}

impl Counted {
    pub(super) fn save(&self, to: &mut StateWriter) {
        match self {
            Self::Number(number) => to.u64(*number),
            Self::Whole { sum, count } => {
                [*sum as u64, (*sum >> 64) as u64, *count].iter().for_each(|part| to.u64(*part))
            }
            Self::Sum(stacks) => stacks.total().save(to),
            Self::Moments(stacks) => stacks.total().save(to),
            Self::Kept(kept) => {
                save_time(kept.as_ref().map(|(_, time)| *time), to);
                kept.iter().for_each(|(value, _)| value.save(to));
            }
            // These always have a beginning.
            Self::Extreme(_) | Self::Sorted(_) | Self::Distinct(_) | Self::Places => {}
        }
    }

    pub(super) fn load(&mut self, from: &mut StateReader<'_>, version: u16) -> Result<(), StateError> {
        match self {
            Self::Number(number) => *number = from.u64()?,
            Self::Whole { sum, count } => {
                let (low, high) = (from.u64()?, from.u64()?);
                (*sum, *count) = ((i128::from(high as i64) << 64) | i128::from(low), from.u64()?);
            }
            Self::Sum(stacks) => *stacks = Stacks::running(Sum::load(from)?),
            Self::Moments(stacks) => *stacks = Stacks::running(Moments::load(from)?),
            Self::Kept(kept) => {
                // Earlier versions did not store its time: no row comes before it, and any after it.
                let time = if version > 2 { load_time(from)? } else { (from.u64()? == 1).then_some(i64::MIN) };
                *kept = time.map(|time| Ok((Value::load(from)?, time))).transpose()?;
            }
            Self::Extreme(_) | Self::Sorted(_) | Self::Distinct(_) | Self::Places => {}
        }
        Ok(())
    }

    /// Bytes beyond those of the enum itself, computed without visiting every row.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Sum(stacks) => stacks.size(),
            Self::Moments(stacks) => stacks.size(),
            Self::Extreme(extreme) => extreme.size(),
            Self::Sorted(sorted) => sorted.0.len() * 8,
            Self::Distinct(distinct) => distinct.size(),
            Self::Kept(kept) => kept.as_ref().map_or(0, |(value, _)| value.size()),
            Self::Number(_) | Self::Whole { .. } | Self::Places => 0,
        }
    }
}
