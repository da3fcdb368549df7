//! Why a command failed, and its exit code.

use gristmill::document::Problems;
use gristmill_connect::broker::BrokerError;
use gristmill_connect::committer::CommitterError;
use gristmill_connect::sink::SinkError;
use gristmill_runtime::dead_letters::DeadLetterError;
use gristmill_runtime::member::MemberError;
use gristmill_runtime::run::RunError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The document is wrong.
    Document(Problems),
    /// The arguments are wrong.
    Usage(String),
    /// It failed while running.
    Run(String),
    /// The reader closed standard output.
    Closed,
}

impl Failure {
    /// The process's exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Document(_) | Self::Usage(_) => 2,
            Self::Run(_) => 1,
            Self::Closed => 0,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Document(problems) => problems.fmt(f),
            Self::Usage(message) | Self::Run(message) => f.write_str(message),
            Self::Closed => f.write_str("standard output was closed"),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Usage(message) => Self::Usage(message),
            RunError::Member(MemberError::Committer(CommitterError::Sink(SinkError::Closed))) => Self::Closed,
            other => Self::Run(other.to_string()),
        }
    }
}

impl From<MemberError> for Failure {
    fn from(error: MemberError) -> Self {
        Self::Run(error.to_string())
    }
}

impl From<BrokerError> for Failure {
    fn from(failure: BrokerError) -> Self {
        Self::Run(failure.to_string())
    }
}

impl From<DeadLetterError> for Failure {
    fn from(error: DeadLetterError) -> Self {
        Self::Run(error.to_string())
    }
}
