//! Looks at topics and changes them.

use std::cell::Cell;
use std::time::Duration;

use gristmill::connect::CreatePlan;
use gristmill::plan::Plan;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::clients::{Reader, administrator, reader};
use super::failure::is_forbidden;
use super::rights::{self, Operation, Resource, Right};
use super::{PlainContext, connection_refused, failure_of};
use crate::broker::{BrokerError, Kind};

/// The duration of one attempt to reach the brokers.
pub(super) const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a broker has for answers that are useful but not required.
const GLANCE: Duration = Duration::from_secs(2);

/// Looks at topics and changes them, for a pipeline.
pub(super) struct TopicAdministrator<'a> {
    pub(super) plan: &'a Plan,
    pub(super) client: &'a Reader,
    /// Whether the broker does not show us the settings of topics.
    mute: Cell<bool>,
}

impl<'a> TopicAdministrator<'a> {
    pub(super) fn new(plan: &'a Plan, client: &'a Reader) -> Self {
        Self { plan, client, mute: Cell::default() }
    }

    /// More partitions for a topic.
    pub(super) fn extend(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let client = administrator(&self.plan.connections.kafka)?;
        let options = AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT));
        let count = usize::try_from(partitions).unwrap_or_default();
        let doing = format!("giving topic {topic} {partitions} partitions");
        let answers = pollster::block_on(client.create_partitions([&NewPartitions::new(topic, count)], &options));
        match answers.map_err(|error| self.failure(&doing, &error))?.into_iter().next() {
            // Another member was faster.
            Some(Err((_, RDKafkaErrorCode::InvalidPartitions))) | Some(Ok(_)) | None => Ok(()),
            Some(Err((_, code))) => Err(self.refused(&doing, Operation::Alter, topic, code)),
        }
    }

    /// A change of a topic that the broker refuses.
    pub(super) fn refused(
        &self,
        doing: &str,
        operation: Operation,
        topic: &str,
        code: RDKafkaErrorCode,
    ) -> BrokerError {
        if is_forbidden(code) {
            let right = Right::new(operation, Resource::Topic(topic.to_string()));
            return rights::refused(self.plan, Some(doing), &[right]);
        }
        failure_of(doing, &KafkaError::AdminOp(code), self.plan.connections.kafka.brokers(), None)
    }

    /// A topic's setting, if the broker shows it.
    pub(super) fn setting(&self, topic: &str, name: &str) -> Option<String> {
        if self.mute.get() {
            return None;
        }
        let found = settings(&administrator(&self.plan.connections.kafka).ok()?, topic);
        // A broker that does not show it once will not show it the next time, either.
        self.mute.set(found.is_none());
        found?.get(name)?.value.clone()
    }

    pub(super) fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        let context = self.client.client().context();
        let brokers = self.plan.connections.kafka.brokers();
        match context.reason() {
            Some(reason) if context.refused() => connection_refused(brokers, &reason),
            reason => failure_of(doing, error, brokers, reason.as_deref()),
        }
    }

    pub(super) fn await_topic(&self, topic: &str) -> Result<i32, BrokerError> {
        for _ in 0..100 {
            if let Some(count) = self.partitions(topic)? {
                tracing::info!(name: "topic_created", topic = %topic, "created topic {topic} with {count} partitions");
                return Ok(count);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(BrokerError::new(Kind::Topic, format!("the topic `{topic}` was created but has no leader yet; try again")))
    }

    pub(super) fn partitions(&self, topic: &str) -> Result<Option<i32>, BrokerError> {
        let doing = format!("asking for topic `{topic}`");
        let answer = self.client.fetch_metadata(Some(topic), ATTEMPT);
        let metadata = answer.map_err(|error| self.failure(&doing, &error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(i32::try_from(found.partitions().len()).ok().filter(|count| *count > 0)),
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::LeaderNotAvailable,
            ) => Ok(None),
            Some(code) => {
                let error = KafkaError::MetadataFetch(code);
                Err(failure_of(&doing, &error, self.plan.connections.kafka.brokers(), None))
            }
        }
    }

    pub(super) fn create(
        &self,
        topic: &str,
        create: CreatePlan,
        settings: &[(&str, String)],
    ) -> Result<(), BrokerError> {
        let client = administrator(&self.plan.connections.kafka)?;
        let replication = TopicReplication::Fixed(create.replication.unwrap_or(-1));
        let mut new = NewTopic::new(topic, create.partitions, replication);
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let options = AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT));
        let doing = format!("creating topic `{topic}`");
        let answers = pollster::block_on(client.create_topics([&new], &options));
        match answers.map_err(|error| self.failure(&doing, &error))?.into_iter().next() {
            Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
                Err(self.refused(&doing, Operation::Create, topic, code))
            }
            _ => Ok(()),
        }
    }
}

fn settings(client: &AdminClient<PlainContext>, topic: &str) -> Option<ConfigResource> {
    let options = AdminOptions::new().request_timeout(Some(GLANCE));
    let answers = pollster::block_on(client.describe_configs([&ResourceSpecifier::Topic(topic)], &options)).ok()?;
    answers.into_iter().next()?.ok()
}

/// Ensures that the group's topics have this partition, too.
pub(super) fn grow(plan: &Plan, partition: i32) -> Result<(), BrokerError> {
    let client = reader(&plan.connections.kafka)?;
    let administrator = TopicAdministrator::new(plan, &client);
    for topic in [plan.journal_topic(), plan.state_topic()] {
        if administrator.partitions(&topic)?.is_some_and(|count| count <= partition) {
            administrator.extend(&topic, partition + 1)?;
        }
    }
    Ok(())
}
