//! Checks or creates topics before the start.

use std::collections::BTreeMap;
use std::time::Duration;

use gristmill::connect::{CreatePlan, LookupTopicPlan, TopicPlan};
use gristmill::plan::Plan;
use gristmill::spec::Guarantee;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::clients::{administrator, reader};
use super::connection::hung_up;
use super::topic_administrator::{ATTEMPT, TopicAdministrator};
use super::{failure_of, leaderless, rights};
use crate::broker::{BrokerError, Kind};

/// How long the events of a refused client are taken from its queue.
const EVENTS: Duration = Duration::from_millis(50);
/// How often in a row a broker may disconnect.
const HANDSHAKES: u32 = 3;
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// Headers that a dead letter gains must fit beside a record of the largest size.
const HEADROOM: i64 = 64 << 10;

/// What was found out about the input.
#[derive(Debug, Clone, Default)]
pub(super) struct Topics {
    /// The number of partitions of the input topic; 0 if the input is not Kafka.
    pub(super) partitions: i32,
    /// The first existing offset and the next one, for each partition of the input, then of the labels.
    pub(super) bounds: Vec<BTreeMap<i32, (i64, i64)>>,
}

/// Waits for a broker, reporting each failure, then checks or creates every topic. `stopped` ends the wait.
pub(super) fn prepare(plan: &Plan, stopped: &dyn Fn() -> bool, once: bool) -> Result<Topics, BrokerError> {
    let client = reader(&plan.connections.kafka)?;
    let (mut backoff, mut hung_up, mut waited) = (Duration::from_secs(1), 0, false);
    loop {
        let administrator = TopicAdministrator::new(plan, &client);
        let failure = match administrator.run() {
            Ok(topics) => {
                if waited {
                    tracing::info!(name: "brokers_back", "the brokers at {} answer", plan.connections.kafka.brokers());
                }
                return Ok(topics);
            }
            Err(failure) => failure,
        };
        // A broker that disconnects repeatedly is not shutting down: the settings do not match.
        hung_up = if failure.kind == Kind::Handshake { hung_up + 1 } else { 0 };
        let passes = failure.kind == Kind::Unreachable || (1..HANDSHAKES).contains(&hung_up);
        if !passes || once || stopped() {
            return Err(rights::named(plan, &failure).unwrap_or(failure));
        }
        waited = true;
        tracing::warn!(name: "brokers_away", "{failure}; trying again in {} s", backoff.as_secs());
        sleep(backoff, stopped);
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

fn sleep(time: Duration, stopped: &dyn Fn() -> bool) {
    let step = Duration::from_millis(50);
    let mut left = time;
    while !left.is_zero() && !stopped() {
        std::thread::sleep(step.min(left));
        left = left.saturating_sub(step);
    }
}

impl TopicAdministrator<'_> {
    fn run(&self) -> Result<Topics, BrokerError> {
        self.reach()?;
        let mut topics = Topics::default();
        if let Some(TopicPlan { topic, create }) = self.plan.input.of() {
            topics.partitions = self.topic(topic, *create, "the input", None)?;
            topics.bounds.push(self.bounds(topic, topics.partitions)?);
            self.not_compacted("input", topic)?;
        }
        if let Some(TopicPlan { topic, create }) = self.plan.labels().and_then(|labels| labels.input.of()) {
            let partitions = self.topic(topic, *create, "the labels", None)?;
            self.same_partitions(topic, partitions, topics.partitions)?;
            topics.bounds.push(self.bounds(topic, partitions)?);
            self.not_compacted("labels'", topic)?;
        }
        for table in &self.plan.lookups {
            if let Some(LookupTopicPlan { topic }) = table.source.of() {
                self.topic(topic, None, &format!("table `{}`", table.name), None)?;
            }
        }
        for output in &self.plan.outputs {
            if let Some(TopicPlan { topic, create }) = output.target.of() {
                self.topic(topic, *create, &format!("output `{}`", output.name), None)?;
            }
        }
        if let Some(TopicPlan { topic, create }) = self.plan.dead_letters.as_ref().and_then(|target| target.of()) {
            let largest = match self.plan.input.of() {
                Some(TopicPlan { topic, .. }) => self.largest(topic),
                None => i64::try_from(self.plan.input.framing().max_record).ok(),
            };
            self.topic(topic, *create, "the dead letters", largest)?;
            self.headroom(topic, largest);
        }
        if self.plan.journals() && topics.partitions > 0 {
            self.internal_topics(topics.partitions)?;
        }
        Ok(topics)
    }

    /// The group's internal topics: created if they are missing, checked if they exist.
    fn internal_topics(&self, partitions: i32) -> Result<(), BrokerError> {
        let (journal, state) = (self.plan.journal_topic(), self.plan.state_topic());
        let replication = self.plan.state.as_ref().and_then(|state| state.replication);
        let create = CreatePlan { partitions, replication: replication.and_then(|count| i32::try_from(count).ok()) };
        // What was consumed must be known as long as it can be read again.
        let week = 7 * 24 * 3_600_000_i64;
        let retention = |input| self.setting(input, "retention.ms").and_then(|text| text.parse::<i64>().ok());
        let kept = self.plan.inputs.iter().map(|input| retention(input).filter(|time| *time >= 0));
        let retention = kept.collect::<Option<Vec<i64>>>().and_then(|all| all.into_iter().max());
        let retention = retention.map_or(-1, |time| time.max(week));
        let delete = [
            ("cleanup.policy", "delete".to_string()),
            ("retention.ms", retention.to_string()),
            ("retention.bytes", "-1".to_string()),
        ];
        let compact = [("cleanup.policy", "compact".to_string()), ("segment.bytes", (16 << 20).to_string())];
        let mut topics = vec![(&journal, &delete[..], "delete", create), (&state, &compact[..], "compact", create)];
        let models = self.plan.models_topic();
        if self.plan.scoring.is_some() {
            topics.push((&models, &compact[..], "compact", CreatePlan { partitions: 1, ..create }));
        }
        for (topic, settings, policy, create) in topics {
            match self.partitions(topic)? {
                None => {
                    self.create(topic, create, settings)?;
                    self.await_topic(topic)?;
                }
                Some(count) => {
                    let found = self.setting(topic, "cleanup.policy").filter(|found| found != policy);
                    if let Some(found) = found {
                        let message = format!(
                            "topic {topic} has cleanup.policy={found}, it needs {policy}: what was learned would be \
                             lost. kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config \
                             cleanup.policy={policy}"
                        );
                        return Err(BrokerError::new(Kind::Topic, message));
                    }
                    if count < create.partitions {
                        self.extend(topic, create.partitions)?;
                    }
                }
            }
        }
        self.write_origin(&state, partitions)
    }

    /// Records the initial number of partitions, once.
    fn write_origin(&self, state: &str, partitions: i32) -> Result<(), BrokerError> {
        use rdkafka::producer::{BaseRecord, Producer as _};
        let plan = std::sync::Arc::new(self.plan.clone());
        let internal = super::InternalTopics::open(&plan)?;
        let began = std::time::Instant::now();
        let known = loop {
            match internal.origin() {
                // A topic created a moment ago may still be without a leader.
                Err(_) if began.elapsed() < ATTEMPT => std::thread::sleep(Duration::from_millis(100)),
                other => break other?,
            }
        };
        if known.is_some() {
            return Ok(());
        }
        let producer = super::producer(&self.plan.connections.kafka)?;
        let value = partitions.to_string();
        let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(state, 0)
            .partition(0)
            .key(super::internal_topics::ORIGIN.as_bytes())
            .payload(value.as_bytes());
        let failed = |error: &KafkaError| self.failure(&format!("writing to topic {state}"), error);
        producer.send(record).map_err(|(error, _)| failed(&error))?;
        producer.flush(ATTEMPT).map_err(|error| failed(&error))
    }

    /// A compacted topic deletes records that a replay would need.
    /// A label is looked for in the shard of its row: both topics are cut alike.
    fn same_partitions(&self, topic: &str, partitions: i32, rows: i32) -> Result<(), BrokerError> {
        if partitions == rows {
            return Ok(());
        }
        let input = self.plan.input_name();
        let message = format!(
            "the labels' topic {topic} has {partitions} partitions, and the input's, {input}, has {rows}: a label would not \
             be found where its row is. Both need as many, and the same key"
        );
        Err(BrokerError::new(Kind::Topic, message))
    }

    fn not_compacted(&self, what: &str, topic: &str) -> Result<(), BrokerError> {
        let policy = self.setting(topic, "cleanup.policy").filter(|policy| policy.contains("compact"));
        let once = self.plan.guarantee == Guarantee::ExactlyOnce && self.plan.outside().next().is_none();
        match policy.filter(|_| self.plan.journals() && once) {
            None => Ok(()),
            Some(policy) => {
                let message = format!(
                    "the {what} topic {topic} is compacted (cleanup.policy={policy}): records that were learned from \
                     would be missing when they must be replayed. Read a topic that is not, or ask for \
                     `guarantee: at_least_once`"
                );
                Err(BrokerError::new(Kind::Topic, message))
            }
        }
    }

    /// Any broker at all. Reasons arrive on the client's queue, so it is served before an error is worded.
    fn reach(&self) -> Result<(), BrokerError> {
        let began = std::time::Instant::now();
        loop {
            let answer = self.client.fetch_metadata(Some(rights::NOWHERE), Duration::from_millis(500));
            // A poll without a wait takes one event, and the reason is behind many that say only that all are down.
            while answer.is_err() && self.client.poll(EVENTS).is_some() {}
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if self.client.client().context().refused() || began.elapsed() > ATTEMPT => {
                    let doing = "connecting to Kafka";
                    let how = self.client.client().context().hung_up();
                    let how = how.and_then(|how| hung_up(doing, &self.plan.connections.kafka, &how));
                    return Err(how.unwrap_or_else(|| self.failure(doing, &error)));
                }
                Err(_) => {}
            }
        }
    }

    /// The number of partitions of a topic that must exist.
    fn topic(
        &self,
        topic: &str,
        create: Option<CreatePlan>,
        role: &str,
        largest: Option<i64>,
    ) -> Result<i32, BrokerError> {
        if let Some(count) = self.partitions(topic)? {
            return Ok(count);
        }
        let Some(create) = create else {
            let message = format!(
                "the topic `{topic}` of {role} does not exist; create it with `kafka-topics.sh --create --topic \
                 {topic} --partitions 4 --bootstrap-server {}`, or let gristmill do it with `create: {{partitions: 4}}` \
                 beside it",
                self.plan.connections.kafka.brokers()
            );
            return Err(BrokerError::new(Kind::Topic, message));
        };
        let limit = largest.map(|largest| ("max.message.bytes", (largest + HEADROOM).to_string()));
        self.create(topic, create, limit.as_slice())?;
        self.await_topic(topic)
    }

    fn bounds(&self, topic: &str, partitions: i32) -> Result<BTreeMap<i32, (i64, i64)>, BrokerError> {
        let mut bounds = BTreeMap::new();
        for partition in 0..partitions {
            bounds.insert(partition, self.ends(topic, partition)?);
        }
        Ok(bounds)
    }

    /// The first offset of a partition and the next one. A partition created a moment ago may still be without a
    /// leader.
    fn ends(&self, topic: &str, partition: i32) -> Result<(i64, i64), BrokerError> {
        let began = std::time::Instant::now();
        loop {
            match self.client.fetch_watermarks(topic, partition, ATTEMPT) {
                Ok(found) => return Ok(found),
                Err(error) if leaderless(&error) && began.elapsed() < ATTEMPT => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => {
                    let failure = self.failure(&format!("asking for the ends of {topic}-{partition}"), &error);
                    // A broker that has just returned may need longer than that to find its partitions.
                    let kind = if leaderless(&error) { Kind::Unreachable } else { failure.kind };
                    return Err(BrokerError { kind, ..failure });
                }
            }
        }
    }

    /// The largest record that a topic accepts, if the broker shows it.
    fn largest(&self, topic: &str) -> Option<i64> {
        self.setting(topic, "max.message.bytes")?.parse().ok()
    }

    /// A dead-letter topic with the input's limit may one day refuse a dead letter: warn early.
    fn headroom(&self, topic: &str, largest: Option<i64>) {
        let Some(input) = largest else { return };
        let needed = input + HEADROOM;
        if self.largest(topic).is_some_and(|limit| limit < needed) {
            tracing::warn!(
                name: "dead_letter_topic_small", topic = %topic, "topic {topic} takes smaller records than a dead letter of the input's largest record needs; raise it: \
                 kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config \
                 max.message.bytes={needed}"
            );
        }
    }
}

/// Deletes what a group stores: its journal, its snapshots, its offsets.
pub(super) fn forget_group(plan: &Plan) -> Result<(), BrokerError> {
    let client = administrator(&plan.connections.kafka)?;
    let options = AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT));
    let (journal, state, models) = (plan.journal_topic(), plan.state_topic(), plan.models_topic());
    let brokers = plan.connections.kafka.brokers();
    let failed = |doing: &str, code| failure_of(doing, &KafkaError::AdminOp(code), brokers, None);
    let doing = format!("deleting group {}", plan.group);
    let answers = pollster::block_on(client.delete_groups(&[&plan.group], &options));
    for answer in answers.map_err(|error| failure_of(&doing, &error, brokers, None))? {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
            Err((_, RDKafkaErrorCode::NonEmptyGroup)) => {
                let message = format!("group {} is at work: stop its members first", plan.group);
                return Err(BrokerError::new(Kind::Other, message));
            }
            Err((_, code)) => return Err(failed(&doing, code)),
        }
    }
    let doing = format!("deleting topics {journal} and {state}");
    let answers = pollster::block_on(client.delete_topics(&[&journal, &state, &models], &options));
    for answer in answers.map_err(|error| failure_of(&doing, &error, brokers, None))? {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {}
            Err((_, code)) => return Err(failed(&doing, code)),
        }
    }
    Ok(())
}
