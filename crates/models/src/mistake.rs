//! Why a file was refused.

/// Why a model file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not what it claims to be: truncated, or changed.
    #[error("damaged {format} file: {what}; save the model again")]
    Damaged {
        /// The apparent format of the file.
        format: &'static str,
        /// What is inconsistent, and where.
        what: String,
    },
    /// It is sound as far as it was read, and contains something unsupported.
    #[error("{what}; {instead}")]
    Unsupported {
        /// What it contains.
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
