//! What a broker has to say against something, in words: what happened, where, and what to do.

/// What kind of failure it is, for those who must act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No broker answers; trying again may help.
    Unreachable,
    /// A broker is there, but hangs up at once: what the two sides have set does not fit, or it is just going down.
    Handshake,
    /// The broker does not let us in; trying again will not help.
    Refused,
    /// The broker lets us in, and does not let us do this; trying again will not help.
    Forbidden,
    /// A topic is missing or unfit.
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
