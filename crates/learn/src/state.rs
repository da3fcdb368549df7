//! Saved state: canonical, versioned bytes.
//!
//! Numbers are little-endian; a float is its bits, with one NaN; a sequence begins with its length. The same
//! state always gives the same bytes, so equality of states is equality of bytes.

use std::collections::{BTreeMap, VecDeque};

/// What survives a crash.
pub trait Stateful {
    /// Appends the whole state.
    fn save(&self, to: &mut StateWriter);
    /// Replaces the state by a saved one. After an error the component must not be used.
    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError>;
    /// Bytes held in memory, counted against the budget.
    fn size(&self) -> usize;
}

/// Why saved state could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The bytes end before the state does.
    #[error("the saved state ends early, at byte {0}")]
    Ends(usize),
    /// Bytes are left over.
    #[error("{0} bytes are left over after the saved state")]
    Left(usize),
    /// Another component's state.
    #[error("expected the state of `{expected}`, found `{found}`")]
    Component {
        /// The component that reads.
        expected: String,
        /// The component that wrote.
        found: String,
    },
    /// A version this program does not know.
    #[error("version {found} of `{component}`'s state is newer than this program knows ({known})")]
    Version {
        /// The component.
        component: String,
        /// The version in the bytes.
        found: u16,
        /// The newest version known.
        known: u16,
    },
    /// An invalid value.
    #[error("the saved state of `{component}` does not fit: {why}")]
    Unfit {
        /// The component.
        component: String,
        /// What is invalid.
        why: String,
    },
}

/// Collects the bytes of a state.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// The bytes of one component alone.
    pub fn of(component: &(impl Stateful + ?Sized)) -> Vec<u8> {
        // A saved state is about as large as the state in memory: large states need not grow in steps.
        let mut writer = Self { bytes: Vec::with_capacity(component.size()) };
        component.save(&mut writer);
        writer.bytes
    }

    /// All bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Opens a component's state: its name and the version of its layout.
    pub fn begin(&mut self, component: &str, version: u16) {
        self.text(component);
        self.bytes.extend_from_slice(&version.to_le_bytes());
    }

    /// Writes an integer.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A float, to the bit; every NaN is written as the same one.
    pub fn f64(&mut self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Floats, with their number.
    pub fn f64s(&mut self, values: &[f64]) {
        self.u64(values.len() as u64);
        values.iter().for_each(|value| self.f64(*value));
    }

    /// Bytes, with their number.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// A component's own bytes, with their number.
    pub fn part(&mut self, component: &(impl Stateful + ?Sized)) {
        let start = self.bytes.len();
        self.u64(0);
        let begins = self.bytes.len();
        component.save(self);
        let length = (self.bytes.len() - begins) as u64;
        if let Some(place) = self.bytes.get_mut(start..begins) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Text, with its length in bytes.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Reads what a [`StateWriter`] wrote. It never reads past the end and never allocates more than it was given.
#[derive(Debug, Clone)]
pub struct StateReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> StateReader<'a> {
    /// Reads from the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Loads one component that occupies the bytes exactly.
    pub fn into(bytes: &'a [u8], component: &mut (impl Stateful + ?Sized)) -> Result<(), StateError> {
        let mut reader = Self::new(bytes);
        component.load(&mut reader)?;
        reader.end()
    }

    /// Checks that nothing is left.
    pub fn end(&self) -> Result<(), StateError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(StateError::Left(left)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StateError> {
        let end = self.at.checked_add(length).ok_or(StateError::Ends(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(StateError::Ends(self.bytes.len()))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let end = self.bytes.len();
        self.take(N)?.try_into().map_err(|_| StateError::Ends(end))
    }

    /// Opens a component's state and returns the version of its layout.
    pub fn begin(&mut self, component: &str, known: u16) -> Result<u16, StateError> {
        let found = self.text()?;
        if found != component {
            return Err(StateError::Component { expected: component.into(), found: found.into() });
        }
        let found = u16::from_le_bytes(self.array()?);
        if found > known {
            return Err(StateError::Version { component: component.into(), found, known });
        }
        Ok(found)
    }

    /// Reads an integer.
    pub fn u64(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A float.
    pub fn f64(&mut self) -> Result<f64, StateError> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// The length of what follows, which cannot exceed the remaining bytes.
    pub fn length(&mut self, each: usize) -> Result<usize, StateError> {
        let length = self.u64()?;
        let left = (self.bytes.len() - self.at) as u64;
        if length.saturating_mul(each as u64) > left {
            return Err(StateError::Ends(self.bytes.len()));
        }
        usize::try_from(length).map_err(|_| StateError::Ends(self.bytes.len()))
    }

    /// Exactly `values.len()` floats into `values`.
    pub fn f64s_into(&mut self, component: &str, values: &mut [f64]) -> Result<(), StateError> {
        let length = self.length(8)?;
        if length != values.len() {
            let why = format!("it has {length} columns, this model has {}", values.len());
            return Err(StateError::Unfit { component: component.into(), why });
        }
        for value in values {
            *value = self.f64()?;
        }
        Ok(())
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let length = self.length(1)?;
        self.take(length)
    }

    /// Text.
    pub fn text(&mut self) -> Result<&'a str, StateError> {
        let at = self.at;
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| StateError::Unfit { component: "text".into(), why: format!("not UTF-8 at byte {at}") })
    }
}

/// Numbers and collections of what can be saved can be saved: a component lists its fields with [`stateful!`].
macro_rules! plain {
    ($($kind:ty: |$value:ident| $save:expr, |$saved:ident| $load:expr;)*) => {$(
        impl Stateful for $kind {
            fn save(&self, to: &mut StateWriter) {
                let $value = *self;
                to.u64($save);
            }

            fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
                let $saved = from.u64()?;
                *self = $load;
                Ok(())
            }

            fn size(&self) -> usize {
                size_of::<Self>()
            }
        }
    )*};
}

plain! {
    u64: |value| value, |saved| saved;
    usize: |value| value as u64, |saved| saved as usize;
    u32: |value| u64::from(value), |saved| saved as u32;
    bool: |value| u64::from(value), |saved| saved != 0;
    f64: |value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }, |saved| f64::from_bits(saved);
}

impl Stateful for String {
    fn save(&self, to: &mut StateWriter) {
        to.text(self);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = from.text()?.to_string();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

/// A list that grows during learning.
impl<T: Stateful + Default> Stateful for Vec<T> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.len() as u64);
        self.iter().for_each(|item| item.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let length = from.length(1)?;
        self.clear();
        for _ in 0..length {
            let mut item = T::default();
            item.load(from)?;
            self.push(item);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().map(Stateful::size).sum::<usize>()
    }
}

impl<T: Stateful + Default> Stateful for VecDeque<T> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.len() as u64);
        self.iter().for_each(|item| item.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut items = Vec::new();
        items.load(from)?;
        *self = items.into();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().map(Stateful::size).sum::<usize>()
    }
}

/// A list whose length its settings determine: another length is another model.
impl<T: Stateful> Stateful for Box<[T]> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.len() as u64);
        self.iter().for_each(|item| item.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let length = from.length(1)?;
        if length != self.len() {
            let why = format!("it holds {length} of what this model has {} of", self.len());
            return Err(StateError::Unfit { component: "list".into(), why });
        }
        self.iter_mut().try_for_each(|item| item.load(from))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().map(Stateful::size).sum::<usize>()
    }
}

impl<T: Stateful + Default> Stateful for Option<T> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(u64::from(self.is_some()));
        self.iter().for_each(|item| item.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = (from.u64()? != 0).then(T::default);
        self.iter_mut().try_for_each(|item| item.load(from))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.as_ref().map_or(0, Stateful::size)
    }
}

impl<A: Stateful, B: Stateful> Stateful for (A, B) {
    fn save(&self, to: &mut StateWriter) {
        self.0.save(to);
        self.1.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.load(from)?;
        self.1.load(from)
    }

    fn size(&self) -> usize {
        self.0.size() + self.1.size()
    }
}

impl<K: Stateful + Default + Ord, V: Stateful + Default> Stateful for BTreeMap<K, V> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.len() as u64);
        for (key, value) in self {
            key.save(to);
            value.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        for _ in 0..from.length(1)? {
            let (mut key, mut value) = (K::default(), V::default());
            key.load(from)?;
            value.load(from)?;
            self.insert(key, value);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().map(|(key, value)| key.size() + value.size()).sum::<usize>()
    }
}

/// Implements [`Stateful`] by fields. With a name and a version of the layout it is a component's own state, without
/// it a part of one. What is not listed is settings, or can be computed again. Its size is that of the fields, or given.
macro_rules! stateful {
    ($(where [$($generic:tt)*])? $kind:ty, $name:expr, $version:literal: $($field:tt),* $(,)?) => {
        $crate::state::stateful!(
            $(where [$($generic)*])? $kind, $name, $version, |all| 0 $(+ all.$field.size())*; $($field),*
        );
    };
    ($(where [$($generic:tt)*])? $kind:ty, $name:expr, $version:literal, |$all:ident| $size:expr; $($field:tt),*) => {
        impl$(<$($generic)*>)? $crate::Stateful for $kind {
            fn save(&self, to: &mut $crate::StateWriter) {
                to.begin($name, $version);
                $(self.$field.save(to);)*
            }

            fn load(&mut self, from: &mut $crate::StateReader<'_>) -> Result<(), $crate::StateError> {
                from.begin($name, $version)?;
                $(self.$field.load(from)?;)*
                Ok(())
            }

            fn size(&self) -> usize {
                #[allow(unused_variables, reason = "not every component keeps something")]
                let $all = self;
                $size
            }
        }
    };
    ($kind:ty: $($field:tt),* $(,)?) => {
        impl $crate::Stateful for $kind {
            fn save(&self, to: &mut $crate::StateWriter) {
                $(self.$field.save(to);)*
            }

            fn load(&mut self, from: &mut $crate::StateReader<'_>) -> Result<(), $crate::StateError> {
                $(self.$field.load(from)?;)*
                Ok(())
            }

            fn size(&self) -> usize {
                0 $(+ self.$field.size())*
            }
        }
    };
}
pub(crate) use stateful;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back() {
        let mut writer = StateWriter::default();
        writer.begin("thing", 3);
        writer.u64(7);
        writer.f64s(&[1.5, -f64::NAN, f64::INFINITY]);
        writer.text("é");
        let bytes = writer.into_bytes();
        let mut reader = StateReader::new(&bytes);
        assert_eq!(reader.begin("thing", 3), Ok(3));
        assert_eq!(reader.u64(), Ok(7));
        let mut values = [0.0; 3];
        reader.f64s_into("thing", &mut values).unwrap();
        assert_eq!(values[0], 1.5);
        assert_eq!(values[1].to_bits(), f64::NAN.to_bits());
        assert_eq!(reader.text(), Ok("é"));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_wrong_name_a_newer_version_and_a_cut_are_refused() {
        let mut writer = StateWriter::default();
        writer.begin("thing", 2);
        writer.f64s(&[1.0, 2.0]);
        let bytes = writer.into_bytes();
        assert!(matches!(StateReader::new(&bytes).begin("other", 2), Err(StateError::Component { .. })));
        assert!(matches!(StateReader::new(&bytes).begin("thing", 1), Err(StateError::Version { found: 2, .. })));
        for cut in 0..bytes.len() {
            let mut reader = StateReader::new(&bytes[..cut]);
            let read = reader.begin("thing", 2).and_then(|_| reader.f64s_into("thing", &mut [0.0; 2]));
            assert!(matches!(read, Err(StateError::Ends(_))), "cut at {cut}: {read:?}");
        }
    }

    #[test]
    fn a_length_that_lies_does_not_allocate() {
        let mut writer = StateWriter::default();
        writer.u64(u64::MAX);
        assert_eq!(StateReader::new(&writer.into_bytes()).bytes(), Err(StateError::Ends(8)));
    }
}
