//! Errors of Kafka in words: what happened, where, and what to do.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What kind of failure it is, for those who must act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No broker answers; trying again may help.
    Unreachable,
    /// The broker does not let us in; trying again will not help.
    Refused,
    /// A topic is missing or unfit.
    Topic,
    /// The broker does not know the group protocol of KIP-848.
    Protocol,
    /// Anything else.
    Other,
}

/// A failure of Kafka.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct KafkaFailure {
    /// Its kind.
    pub kind: Kind,
    /// What happened and what to do.
    pub message: String,
}

impl KafkaFailure {
    /// A failure of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What librdkafka said while doing something.
    pub fn of(doing: &str, error: &KafkaError, brokers: &str, reason: Option<&str>) -> Self {
        let code = error.rdkafka_error_code();
        let detail = reason.map_or_else(|| error.to_string(), |reason| shorten(reason).to_string());
        match code {
            Some(code) if is_refusal(code) => Self::refused(brokers, &detail),
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::BrokerNotAvailable
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::Resolve,
            ) => Self::new(Kind::Unreachable, format!("{doing}: no broker answers at {brokers}: {detail}")),
            Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
                Self::new(Kind::Protocol, format!("{doing}: {detail}"))
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Self::new(Kind::Refused, format!("{doing}: this user may not use the topic; ask for an ACL on it"))
            }
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                Self::new(Kind::Refused, format!("{doing}: this user may not use the group; ask for an ACL on it"))
            }
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Self::new(
                Kind::Other,
                format!(
                    "{doing}: the group's committed offset is no longer in the topic ({detail}): records were deleted \
                     before they were read. To go on from where the topic begins now, reset the group: \
                     kafka-consumer-groups.sh --reset-offsets --to-earliest"
                ),
            ),
            _ => Self::new(Kind::Other, format!("{doing}: {detail}")),
        }
    }

    /// The broker does not let us in.
    pub fn refused(brokers: &str, detail: &str) -> Self {
        let message = format!(
            "the broker at {brokers} refuses the connection: {detail}; check security.protocol, sasl.mechanism, \
             sasl.username and sasl.password under `kafka:`"
        );
        Self::new(Kind::Refused, message)
    }
}

/// Whether trying again with the same credentials is pointless.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Whether an error passes by itself: the group changes, a coordinator or leader moves, no broker answers now.
pub(crate) fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnstableOffsetCommit
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::BrokerNotAvailable
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// librdkafka's reasons without the name of its thread and the time spent, which help nobody.
fn shorten(reason: &str) -> &str {
    let reason = reason.split(" (after ").next().unwrap_or(reason);
    reason.strip_prefix("sasl_plaintext://").unwrap_or(reason)
}
