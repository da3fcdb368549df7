//! Errors of Kafka in words: what happened, where, and what to do.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::connection::meaning;

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
            ) => match meaning(&detail) {
                Some((Kind::Handshake, advice)) => {
                    Self::new(Kind::Handshake, format!("{doing}: no connection to {brokers}: {advice} ({detail})"))
                }
                Some(_) => Self::refused(brokers, &detail),
                None => Self::new(Kind::Unreachable, format!("{doing}: no broker answers at {brokers}: {detail}")),
            },
            Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
                Self::new(Kind::Protocol, format!("{doing}: {detail}"))
            }
            Some(code) if is_forbidden(code) => Self::new(
                Kind::Forbidden,
                format!("{doing}: {detail}; `gristmill check FILE --connect` names the right that is missing"),
            ),
            Some(RDKafkaErrorCode::FencedInstanceId) => Self::new(
                Kind::Other,
                format!(
                    "{doing}: another member has taken this one's place, since it has the same `group.instance.id` \
                     ({detail}); give each process an id of its own"
                ),
            ),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Self::new(
                Kind::Other,
                format!(
                    "{doing}: the group's next record is no longer in the topic ({detail}): records were deleted before \
                     they were read. `gristmill state adopt FILE` goes on without them, from where the topic begins now"
                ),
            ),
            _ => Self::new(Kind::Other, format!("{doing}: {detail}")),
        }
    }

    /// The broker does not let us in.
    pub fn refused(brokers: &str, detail: &str) -> Self {
        let advice = match meaning(detail) {
            Some((_, advice)) => advice,
            None if detail.contains("SSL") => {
                "check security.protocol and the ssl.* settings under `kafka:`: the certificate of the authority \
                 (ssl.ca.location), and this client's own, if the broker asks for one"
            }
            None => "check security.protocol, sasl.mechanism, sasl.username and sasl.password under `kafka:`",
        };
        let message = format!("the broker at {brokers} refuses the connection: {detail}; {advice}");
        Self::new(Kind::Refused, message)
    }
}

/// Whether trying again with the same credentials is pointless.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL
    )
}

/// Whether the broker knows this user, who may not do this.
pub(super) fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Whether an error passes by itself: the group changes, a coordinator or leader moves, no broker answers now.
pub(crate) fn is_transient(error: &KafkaError) -> bool {
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
