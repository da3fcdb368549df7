//! The bytes of a key.

/// Keys up to this length are stored inline.
const SHORT: usize = 22;

/// The bytes of a key: most are short, and are stored with the key's state rather than elsewhere in memory.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Short(bytes.len() as u8, short)
            }
            None => Self::Long(bytes.into()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    /// Bytes beyond those of the enum itself.
    pub(crate) fn size(&self) -> usize {
        if let Self::Long(bytes) = self { bytes.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long() {
        for length in [0, 1, SHORT, SHORT + 1, 300] {
            let bytes: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            assert_eq!(Key::new(&bytes).bytes(), bytes);
        }
        assert!(size_of::<Key>() <= 24);
    }
}
