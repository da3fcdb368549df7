//! Why a member stopped.

use gristmill::protocol::JournalError;
use gristmill::rows::Partition;
use gristmill::shard::ShardError;

use crate::lookup::LookupError;
use gristmill_connect::broker::BrokerError;
use gristmill_connect::committer::CommitterError;
use gristmill_connect::source::SourceError;
use gristmill_connect::state::StateFailure;

/// Why a member stopped.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Records cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Results cannot be committed or restored.
    #[error(transparent)]
    Committer(#[from] CommitterError),
    /// A lookup table cannot be read.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A shard cannot continue.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A file's header lacks what the pipeline needs.
    #[error("{partition}: {why}")]
    Header {
        /// The file.
        partition: Partition,
        /// What is missing.
        why: String,
    },
    /// The run was stopped, and the brokers do not accept the last commit.
    #[error(
        "member {member}: the run was stopped while no broker took what was done last; it will be read again at the \
         next start"
    )]
    Stopped {
        /// The number of the member.
        member: usize,
    },
    /// The input no longer exists.
    #[error(
        "the input topic `{topic}` is gone: it was deleted while the group was reading it. What was committed before is \
         reported and stands; what was read of it since then has no decisions. To go on with a new topic of this name, \
         create it, then start over with `gristmill state reset FILE`, since what was learned and the group's offsets \
         belong to the topic before"
    )]
    Gone {
        /// The topic.
        topic: String,
    },
    /// A record cannot be read and there are no dead letters.
    #[error(
        "{place}: {reason}: {message}\nthe run stops here, since the pipeline has no `dead_letters`; everything before \
         this record is done and committed. Add `dead_letters: {{file: {{path: dead.ndjson}}}}` to go on past such records"
    )]
    Refused {
        /// Topic, partition and offset, or file and row.
        place: String,
        /// The code of the reason.
        reason: String,
        /// The reason in words.
        message: String,
    },
}

impl From<JournalError> for MemberError {
    fn from(error: JournalError) -> Self {
        Self::Committer(StateFailure::from(error).into())
    }
}

impl MemberError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Source(error) => error.broker(),
            Self::Committer(error) => error.broker(),
            Self::Lookup(error) => error.broker(),
            _ => None,
        }
    }
}
