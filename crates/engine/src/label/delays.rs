//! How long labels take: a histogram of times on a logarithmic scale.

use gristmill_learn::{StateError, StateReader, StateWriter};

/// A power of two is cut into 2^3 parts: a time is known to an eighth.
const BITS: u32 = 3;

/// Times in microseconds by their size, without a limit of their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delays {
    /// The number of times in each part; times that are not above 0 are in the first.
    parts: Vec<u64>,
    count: u64,
    longest: i64,
}

/// The number of the part that a time is in.
fn part(time: i64) -> usize {
    let time = time.max(0) as u64;
    let power = (time | 1).ilog2();
    if power < BITS {
        time as usize
    } else {
        ((power - BITS + 1) << BITS) as usize + (time >> (power - BITS)) as usize - (1 << BITS)
    }
}

/// The first time that is beyond a part.
fn end(part: usize) -> i64 {
    let (power, place) = (part >> BITS, (part & ((1 << BITS) - 1)) as i64);
    if power == 0 { place + 1 } else { ((1_i64 << BITS) + place + 1).checked_shl(power as u32 - 1).unwrap_or(i64::MAX) }
}

impl Delays {
    pub(super) fn add(&mut self, time: i64) {
        let part = part(time);
        if self.parts.len() <= part {
            self.parts.resize(part + 1, 0);
        }
        if let Some(times) = self.parts.get_mut(part) {
            *times += 1;
        }
        self.longest = if self.count == 0 { time } else { self.longest.max(time) };
        self.count += 1;
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest time, exactly.
    pub fn longest(&self) -> i64 {
        self.longest
    }

    /// The time that this share of all times is not above, at most an eighth more than it is; 0 without times.
    pub fn quantile(&self, share: f64) -> i64 {
        let wanted = ((share * self.count as f64).ceil() as u64).max(1);
        let mut below = 0;
        for (number, times) in self.parts.iter().enumerate() {
            below += times;
            if below >= wanted {
                return (end(number) - 1).min(self.longest);
            }
        }
        self.longest
    }

    /// Adds the times of another shard.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.parts.resize(self.parts.len().max(other.parts.len()), 0);
        self.parts.iter_mut().zip(&other.parts).for_each(|(mine, theirs)| *mine += theirs);
        self.longest = match (self.count, other.count) {
            (0, _) => other.longest,
            (_, 0) => self.longest,
            _ => self.longest.max(other.longest),
        };
        self.count += other.count;
    }

    pub(super) fn save(&self, to: &mut StateWriter) {
        to.u64(self.parts.len() as u64);
        self.parts.iter().for_each(|times| to.u64(*times));
        to.u64(self.longest as u64);
    }

    pub(super) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.parts = (0..from.length(8)?).map(|_| from.u64()).collect::<Result<_, _>>()?;
        self.count = self.parts.iter().sum();
        self.longest = from.u64()? as i64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_known_to_an_eighth() {
        for time in (0..2_000).chain((11..62).flat_map(|power| [(1_i64 << power) - 1, 1 << power, (1 << power) + 1])) {
            let mut delays = Delays::default();
            delays.add(time);
            delays.add(i64::MAX >> 1);
            let found = delays.quantile(0.5);
            assert!(found >= time && found - time <= time / 8, "{time}: {found}");
        }
    }

    #[test]
    fn quantiles_of_many_times() {
        let mut delays = Delays::default();
        (1..=1_000).for_each(|second| delays.add(second * 1_000_000));
        for (share, exact) in [(0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1_000)] {
            let found = delays.quantile(share) as f64 / 1e6;
            assert!((f64::from(exact)..=f64::from(exact) * 1.125).contains(&found), "{share}: {found}");
        }
        assert_eq!((delays.longest(), delays.count()), (1_000_000_000, 1_000));
        let mut before = Delays::default();
        before.add(-5);
        assert_eq!((before.quantile(0.5), before.longest()), (-5, -5));
        before.absorb(&delays);
        assert_eq!((before.count(), before.longest()), (1_001, 1_000_000_000));
        let mut to = StateWriter::default();
        before.save(&mut to);
        let (bytes, mut loaded) = (to.into_bytes(), Delays::default());
        loaded.load(&mut StateReader::new(&bytes)).unwrap();
        assert_eq!(loaded, before);
    }
}
