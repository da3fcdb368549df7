//! Topics before the start: there, created, or missed with words.

use std::collections::BTreeMap;
use std::time::Duration;

use gristmill::plan::{CreatePlan, InputPlan, Plan, TargetPlan};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use super::clients::{administrator, reader};
use super::{KafkaFailure, Kind, PlainContext};

/// How long one attempt to reach the brokers takes; then there is a message.
const ATTEMPT: Duration = Duration::from_secs(5);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// Headers that a dead letter gains must fit beside a record of the largest size.
const HEADROOM: i64 = 64 << 10;

/// Where the partitions of the input ended when the run started: the next offsets.
pub type Ends = BTreeMap<i32, i64>;

/// What was found out about the input.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    /// The number of partitions of the input topic; 0 where the input is not Kafka.
    pub partitions: i32,
    /// The first offset that is there and the next one, for each partition.
    pub bounds: BTreeMap<i32, (i64, i64)>,
}

/// Waits for a broker, telling about each failure, then checks or creates every topic. `stopped` ends the waiting.
pub fn prepare(plan: &Plan, stopped: &dyn Fn() -> bool, once: bool) -> Result<Topics, KafkaFailure> {
    let client = reader(&plan.kafka)?;
    let mut backoff = Duration::from_secs(1);
    loop {
        let preparation = Preparation { plan, client: &client };
        match preparation.run() {
            Err(failure) if failure.kind == Kind::Unreachable && !once && !stopped() => {
                tracing::warn!("{failure}; trying again in {} s", backoff.as_secs());
                sleep(backoff, stopped);
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
            }
            other => return other,
        }
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

struct Preparation<'a> {
    plan: &'a Plan,
    client: &'a BaseConsumer<PlainContext>,
}

impl Preparation<'_> {
    fn run(&self) -> Result<Topics, KafkaFailure> {
        self.reach()?;
        let mut topics = Topics::default();
        if let InputPlan::Kafka { topic, create } = &self.plan.input {
            topics.partitions = self.topic(topic, *create, "the input", None)?;
            topics.bounds = self.bounds(topic, topics.partitions)?;
        }
        for output in &self.plan.outputs {
            if let TargetPlan::Kafka { topic, create } = &output.target {
                self.topic(topic, *create, &format!("output `{}`", output.name), None)?;
            }
        }
        if let Some(TargetPlan::Kafka { topic, create }) = &self.plan.dead_letters {
            let largest = match &self.plan.input {
                InputPlan::Kafka { topic, .. } => self.largest(topic),
                InputPlan::File { max_record, .. } => i64::try_from(max_record.0).ok(),
            };
            self.topic(topic, *create, "the dead letters", largest)?;
            self.headroom(topic, largest);
        }
        Ok(topics)
    }

    fn failure(&self, doing: &str, error: &rdkafka::error::KafkaError) -> KafkaFailure {
        let context = self.client.client().context();
        let brokers = self.plan.kafka.brokers();
        match context.reason() {
            Some(reason) if context.refused() => KafkaFailure::refused(brokers, &reason),
            reason => KafkaFailure::of(doing, error, brokers, reason.as_deref()),
        }
    }

    /// Any broker at all. Reasons arrive on the client's queue, so it is served before an error is worded.
    fn reach(&self) -> Result<(), KafkaFailure> {
        let began = std::time::Instant::now();
        loop {
            let answer = self.client.fetch_metadata(Some("__gristmill_probe"), Duration::from_millis(500));
            while self.client.poll(Duration::ZERO).is_some() {}
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if self.client.client().context().refused() || began.elapsed() > ATTEMPT => {
                    return Err(self.failure("connecting to Kafka", &error));
                }
                Err(_) => {}
            }
        }
    }

    /// The number of partitions of a topic that must be there.
    fn topic(
        &self,
        topic: &str,
        create: Option<CreatePlan>,
        role: &str,
        largest: Option<i64>,
    ) -> Result<i32, KafkaFailure> {
        if let Some(count) = self.partitions(topic)? {
            return Ok(count);
        }
        let Some(create) = create else {
            let message = format!(
                "the topic `{topic}` of {role} does not exist; create it with `kafka-topics.sh --create --topic \
                 {topic} --partitions 4 --bootstrap-server {}`, or let gristmill do it with `create: {{partitions: 4}}` \
                 beside it",
                self.plan.kafka.brokers()
            );
            return Err(KafkaFailure::new(Kind::Topic, message));
        };
        self.create(topic, create, largest)?;
        for _ in 0..100 {
            if let Some(count) = self.partitions(topic)? {
                tracing::info!("created topic {topic} with {count} partitions");
                return Ok(count);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(KafkaFailure::new(Kind::Topic, format!("the topic `{topic}` was created but has no leader yet; try again")))
    }

    fn partitions(&self, topic: &str) -> Result<Option<i32>, KafkaFailure> {
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
                let error = rdkafka::error::KafkaError::MetadataFetch(code);
                Err(KafkaFailure::of(&doing, &error, self.plan.kafka.brokers(), None))
            }
        }
    }

    fn create(&self, topic: &str, create: CreatePlan, largest: Option<i64>) -> Result<(), KafkaFailure> {
        let client = administrator(&self.plan.kafka)?;
        let limit = largest.map(|largest| (largest + HEADROOM).to_string());
        let replication = TopicReplication::Fixed(create.replication.unwrap_or(-1));
        let mut new = NewTopic::new(topic, create.partitions, replication);
        if let Some(limit) = &limit {
            new = new.set("max.message.bytes", limit);
        }
        let options = AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT));
        let doing = format!("creating topic `{topic}`");
        let answers = pollster::block_on(client.create_topics([&new], &options));
        match answers.map_err(|error| self.failure(&doing, &error))?.into_iter().next() {
            Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
                let error = rdkafka::error::KafkaError::AdminOp(code);
                Err(KafkaFailure::of(&doing, &error, self.plan.kafka.brokers(), None))
            }
            _ => Ok(()),
        }
    }

    fn bounds(&self, topic: &str, partitions: i32) -> Result<BTreeMap<i32, (i64, i64)>, KafkaFailure> {
        let mut bounds = BTreeMap::new();
        for partition in 0..partitions {
            bounds.insert(partition, self.ends(topic, partition)?);
        }
        Ok(bounds)
    }

    /// The first offset of a partition and the next one. A partition that was created a moment ago may still be
    /// without its leader.
    fn ends(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaFailure> {
        let began = std::time::Instant::now();
        loop {
            match self.client.fetch_watermarks(topic, partition, ATTEMPT) {
                Ok(found) => return Ok(found),
                Err(error) if leaderless(&error) && began.elapsed() < ATTEMPT => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(self.failure(&format!("asking for the ends of {topic}-{partition}"), &error)),
            }
        }
    }

    /// The largest record a topic takes, where the broker lets us see it.
    fn largest(&self, topic: &str) -> Option<i64> {
        let client = administrator(&self.plan.kafka).ok()?;
        largest_message(&client, topic)
    }

    /// A dead-letter topic that takes no more than the input's may one day refuse a letter: say so early.
    fn headroom(&self, topic: &str, largest: Option<i64>) {
        let Some(input) = largest else { return };
        let needed = input + HEADROOM;
        if self.largest(topic).is_some_and(|limit| limit < needed) {
            tracing::warn!(
                "topic {topic} takes smaller records than a dead letter of the input's largest record needs; raise it: \
                 kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config \
                 max.message.bytes={needed}"
            );
        }
    }
}

fn leaderless(error: &rdkafka::error::KafkaError) -> bool {
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

fn largest_message(client: &AdminClient<PlainContext>, topic: &str) -> Option<i64> {
    let options = AdminOptions::new().request_timeout(Some(ATTEMPT));
    let answers = pollster::block_on(client.describe_configs([&ResourceSpecifier::Topic(topic)], &options)).ok()?;
    let resource = answers.into_iter().next()?.ok()?;
    resource.get("max.message.bytes")?.value.as_deref()?.parse().ok()
}
