//! Positions in logs: only connectors do more than compare and store them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gristmill_learn::{StateError, StateReader, StateWriter};

/// Set if a position has three parts.
const IN_PARTS: u64 = 1 << 63;
/// The bits of the last of three parts, and of the one before it.
const INDEX_BITS: u32 = 24;
const ENTRY_BITS: u32 = 64 - INDEX_BITS;

/// A place in a log, 16 bytes, in the log's order: a number, as the offsets of Kafka and the records of a file are, or
/// a segment, an entry and an index in that, as the message ids of Pulsar are. Places need not be consecutive.
///
/// ```
/// use gristmill::rows::Position;
///
/// let (one, other) = (Position::in_parts(3, 7, 0).unwrap(), Position::in_parts(4, 0, 0).unwrap());
/// assert!(one < one.next() && one.next() < other);
/// assert_eq!(one.to_string(), "3:7:0");
/// assert_eq!("3:7:0".parse(), Ok(one));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    high: u64,
    low: u64,
}

impl Position {
    /// Before everything, in a log whose places are numbers.
    pub const START: Self = Self::number(0);
    /// After everything.
    pub const END: Self = Self { high: u64::MAX, low: u64::MAX };

    /// A number.
    pub const fn number(number: u64) -> Self {
        Self { high: 0, low: number }
    }

    /// Three parts: a segment below 2^63, an entry below 2^40, an index below 2^24; none if one is larger.
    pub const fn in_parts(segment: u64, entry: u64, index: u32) -> Option<Self> {
        if segment >= IN_PARTS || entry >> ENTRY_BITS > 0 || index >> INDEX_BITS > 0 {
            return None;
        }
        Some(Self { high: IN_PARTS | segment, low: entry << INDEX_BITS | index as u64 })
    }

    /// Its number; none if it has three parts.
    pub const fn as_number(self) -> Option<u64> {
        if self.high == 0 { Some(self.low) } else { None }
    }

    /// Its three parts; none if it is a number.
    pub const fn parts(self) -> Option<(u64, u64, u32)> {
        let index = (self.low & ((1 << INDEX_BITS) - 1)) as u32;
        if self.high == 0 { None } else { Some((self.high & !IN_PARTS, self.low >> INDEX_BITS, index)) }
    }

    /// The first place after it: that of the next record, or before that.
    pub const fn next(self) -> Self {
        match self.low.checked_add(1) {
            Some(low) => Self { low, ..self },
            None => Self { high: self.high.saturating_add(1), low: 0 },
        }
    }

    /// The number of places between it and a later one, if they can be counted.
    pub fn distance(self, later: Self) -> Option<u64> {
        Some(later.as_number()?.saturating_sub(self.as_number()?))
    }

    /// Its contribution to a checksum of records.
    pub(crate) fn mixed(self, checksum: u64, mix: impl Fn(u64, u64) -> u64) -> u64 {
        let checksum = if self.high == 0 { checksum } else { mix(checksum, self.high) };
        mix(checksum, self.low)
    }

    /// Writes its 16 bytes.
    pub fn save(self, to: &mut StateWriter) {
        to.u64(self.high);
        to.u64(self.low);
    }

    /// Reads its bytes.
    pub fn load(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { high: from.u64()?, low: from.u64()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((segment, entry, index)) => write!(f, "{segment}:{entry}:{index}"),
            None => self.low.fmt(f),
        }
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no position: write a number, or three with colons between them, as in 12:0:3");
        let numbers = text.split(':').map(str::parse::<u64>).collect::<Result<Vec<u64>, _>>().map_err(|_| wrong())?;
        match *numbers.as_slice() {
            [number] => Ok(Self::number(number)),
            [segment, entry, index] => {
                let index = u32::try_from(index).map_err(|_| wrong())?;
                Self::in_parts(segment, entry, index).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

/// A position that one thread moves and others read. They may see one half of it sooner than the other, which is good
/// enough to show where a step is.
#[derive(Debug, Default)]
pub struct SharedPosition {
    high: AtomicU64,
    low: AtomicU64,
}

impl SharedPosition {
    /// Moves it.
    pub fn set(&self, position: Position) {
        self.high.store(position.high, Ordering::Relaxed);
        self.low.store(position.low, Ordering::Relaxed);
    }

    /// Its current value.
    pub fn get(&self) -> Position {
        Position { high: self.high.load(Ordering::Relaxed), low: self.low.load(Ordering::Relaxed) }
    }
}

/// A position for each input of a shard, by the input's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Positions(Vec<(Arc<str>, Position)>);

impl Positions {
    /// The position of one input.
    pub fn of(name: &str, position: Position) -> Self {
        Self(vec![(name.into(), position)])
    }

    /// A position that was saved when shards had one input, without its name: it is the position of whichever is asked
    /// for.
    pub fn unnamed(position: Position) -> Self {
        Self::of("", position)
    }

    /// The position of an input.
    pub fn get(&self, name: &str) -> Option<Position> {
        let found = self.0.iter().find(|(known, _)| **known == *name);
        found.or(self.0.first().filter(|(known, _)| known.is_empty())).map(|(_, position)| *position)
    }

    /// Moves an input to a position.
    pub fn set(&mut self, name: &Arc<str>, position: Position) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = position,
            None => {
                let place = self.0.partition_point(|(known, _)| known < name);
                self.0.insert(place, (Arc::clone(name), position));
            }
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Position)> {
        self.0.iter().map(|(name, position)| (name, *position))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with another name for one of the inputs.
    pub fn renamed(&self, from: &str, to: &str) -> Self {
        let named = |name: &Arc<str>| if **name == *from { to.into() } else { Arc::clone(name) };
        self.iter().map(|(name, position)| (named(name), position)).collect()
    }

    /// The positions of these inputs.
    pub fn among(&self, names: &[Arc<str>]) -> Self {
        names.iter().filter_map(|name| Some((Arc::clone(name), self.get(name)?))).collect()
    }

    /// Whether every input that both contain has the same position in both.
    pub fn agree(&self, other: &Self) -> bool {
        let agrees = |one: &Self, other: &Self| {
            one.iter().all(|(name, position)| other.get(name).is_none_or(|there| there == position))
        };
        agrees(self, other) && agrees(other, self)
    }

    /// Writes them.
    pub fn save(&self, to: &mut StateWriter) {
        to.u64(self.0.len() as u64);
        for (name, position) in self.iter() {
            to.text(name);
            position.save(to);
        }
    }

    /// Reads what was written.
    pub fn load(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let count = from.length(24)?;
        (0..count).map(|_| Ok((from.text()?.into(), Position::load(from)?))).collect::<Result<_, _>>().map(Self)
    }
}

/// Of several positions of one input the last counts.
impl FromIterator<(Arc<str>, Position)> for Positions {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Position)>>(positions: I) -> Self {
        let mut all = Self::default();
        positions.into_iter().for_each(|(name, position)| all.set(&name, position));
        all
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(_, position)] = self.0.as_slice() {
            return position.fmt(f);
        }
        for (index, (name, position)) in self.iter().enumerate() {
            write!(f, "{}{name} {position}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_their_log() {
        let at = |segment, entry, index| Position::in_parts(segment, entry, index).unwrap();
        let places = [at(0, 0, 0), at(0, 0, 1), at(0, 1, 0), at(0, (1 << 40) - 1, 5), at(1, 0, 0), at(1 << 62, 2, 3)];
        for pair in places.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].next() <= pair[1] && pair[1] < Position::END, "{pair:?}");
        }
        let numbers = [0, 1, 7, u64::from(u32::MAX), i64::MAX as u64].map(Position::number);
        assert!(numbers.windows(2).all(|pair| pair[0].next() <= pair[1]));
        for place in places.into_iter().chain(numbers) {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert_eq!(Position::in_parts(1 << 63, 0, 0), None);
        assert_eq!((Position::in_parts(0, 1 << 40, 0), Position::in_parts(0, 0, 1 << 24)), (None, None));
        for wrong in ["", "a", "1:2", "1:2:3:4", "-1", "1:2:16777216", "9223372036854775808:0:0"] {
            assert!(wrong.parse::<Position>().unwrap_err().contains("is no position"), "{wrong}");
        }
    }

    #[test]
    fn positions_come_back() {
        let mut all = Positions::of("b", Position::number(7));
        all.set(&"a".into(), Position::in_parts(1, 2, 3).unwrap());
        all.set(&"b".into(), Position::number(8));
        let mut to = StateWriter::default();
        all.save(&mut to);
        let bytes = to.into_bytes();
        let mut from = StateReader::new(&bytes);
        assert_eq!(Positions::load(&mut from).unwrap(), all);
        from.end().unwrap();
        assert_eq!((all.get("b"), all.get("c")), (Some(Position::number(8)), None));
        assert_eq!(all.to_string(), "a 1:2:3, b 8");
        assert_eq!(Positions::unnamed(Position::START).get("whichever"), Some(Position::START));
        assert!(!all.agree(&Positions::of("b", Position::START)) && all.agree(&Positions::of("c", Position::START)));
        let old = Positions::unnamed(Position::number(8));
        assert!(
            old.agree(&Positions::of("b", Position::number(8))) && !old.agree(&Positions::of("b", Position::START))
        );
        assert_eq!(old.among(&["b".into()]), Positions::of("b", Position::number(8)));
    }
}
