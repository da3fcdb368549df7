//! Why a file was not taken.

/// Why a model file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not what it says it is: cut off, or changed.
    #[error("damaged {format} file: {what}; save the model again")]
    Damaged {
        /// What the file seems to be.
        format: &'static str,
        /// What does not fit, and where.
        what: String,
    },
    /// It is sound as far as was read, and holds what is not supported.
    #[error("{what}; {instead}")]
    Unsupported {
        /// What it holds.
        what: String,
        /// What to do.
        instead: String,
    },
}

impl ReadError {
    pub(crate) fn unsupported(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), instead: instead.into() }
    }
}
