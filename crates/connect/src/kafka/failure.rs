//! Kafka errors as messages: what happened, where, and what to do.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::connection::meaning;
use crate::broker::{BrokerError, Kind};

/// librdkafka's error for an operation.
pub(crate) fn failure_of(doing: &str, error: &KafkaError, brokers: &str, reason: Option<&str>) -> BrokerError {
    let code = error.rdkafka_error_code();
    let detail = reason.map_or_else(|| error.to_string(), |reason| shorten(reason).to_string());
    match code {
        Some(code) if is_refusal(code) => connection_refused(brokers, &detail),
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
                BrokerError::new(Kind::Handshake, format!("{doing}: no connection to {brokers}: {advice} ({detail})"))
            }
            Some(_) => connection_refused(brokers, &detail),
            None => BrokerError::new(Kind::Unreachable, format!("{doing}: no broker answers at {brokers}: {detail}")),
        },
        Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
            BrokerError::new(Kind::Protocol, format!("{doing}: {detail}"))
        }
        Some(code) if is_forbidden(code) => BrokerError::new(
            Kind::Forbidden,
            format!("{doing}: {detail}; `gristmill check FILE --connect` names the right that is missing"),
        ),
        Some(RDKafkaErrorCode::FencedInstanceId) => BrokerError::new(
            Kind::Other,
            format!(
                "{doing}: another member has taken this one's place, since it has the same `group.instance.id` \
                 ({detail}); give each process an id of its own"
            ),
        ),
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => BrokerError::new(
            Kind::Other,
            format!(
                "{doing}: the group's next record is no longer in the topic ({detail}): records were deleted before \
                 they were read. `gristmill state adopt FILE` goes on without them, from where the topic begins now"
            ),
        ),
        _ => BrokerError::new(Kind::Other, format!("{doing}: {detail}")),
    }
}

/// The broker refuses our credentials.
pub(crate) fn connection_refused(brokers: &str, detail: &str) -> BrokerError {
    let advice = match meaning(detail) {
        Some((_, advice)) => advice,
        None if detail.contains("SSL") => {
            "check security.protocol and the ssl.* settings under `kafka:`: the certificate of the authority \
             (ssl.ca.location), and this client's own, if the broker asks for one"
        }
        None => "check security.protocol, sasl.mechanism, sasl.username and sasl.password under `kafka:`",
    };
    let message = format!("the broker at {brokers} refuses the connection: {detail}; {advice}");
    BrokerError::new(Kind::Refused, message)
}

/// Whether a retry with the same credentials is pointless.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL
    )
}

/// Whether the broker knows this user, who lacks a right.
pub(super) fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Whether an error is transient: the group changes, a coordinator or leader moves, no broker answers now.
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

/// librdkafka's reasons without the name of its thread and the elapsed time, which do not help.
fn shorten(reason: &str) -> &str {
    let reason = reason.split(" (after ").next().unwrap_or(reason);
    reason.strip_prefix("sasl_plaintext://").unwrap_or(reason)
}

/// Whether a partition has no leader, as one that was created a moment ago.
pub(super) fn leaderless(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}
