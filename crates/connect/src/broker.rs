//! What a broker has to say against something, in words: what happened, where, and what to do.

/// The kind of a failure, for callers that act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No broker answers; a retry may help.
    Unreachable,
    /// A broker exists, but disconnects at once: the settings of the two sides do not match, or it is shutting down.
    Handshake,
    /// The broker refuses our credentials; a retry will not help.
    Refused,
    /// The broker accepts our credentials, and denies a right; a retry will not help.
    Forbidden,
    /// A topic is missing or unsuitable.
    Topic,
    /// The broker does not know the group protocol that was asked for.
    Protocol,
    /// Anything else.
    Other,
}

/// A failure of a broker, or of a client of one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct BrokerError {
    /// Its kind.
    pub kind: Kind,
    /// What happened and what to do.
    pub message: String,
}

impl BrokerError {
    /// A failure of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
