//! Kafka: its topics, and the `kafka:` section: librdkafka's names, those that belong to us refused.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Around, InputKind, InputPlan, InputSpec, KAFKA, LookupKind, LookupSource, LookupSpec, Start, System, TargetKind,
    TargetPlan, TargetSpec,
};
use crate::document::{Mistakes, Path, Problem, path, with_nearest};
use crate::spec::Entries;

/// Records from Kafka.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaInput {
    /// The topics; for now exactly one.
    #[schemars(length(min = 1))]
    pub topics: Vec<String>,
    /// Create the topic if it is missing.
    #[serde(default)]
    pub create: Option<Create>,
}

/// A topic to write to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaTarget {
    /// The topic.
    pub topic: String,
    /// Create the topic if it is missing.
    #[serde(default)]
    pub create: Option<Create>,
}

/// How to create a topic that is missing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The number of partitions, at least 1.
    #[schemars(range(min = 1, max = 100_000))]
    pub partitions: u32,
    /// The number of copies of each partition. Default: the broker's.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub replication: Option<u32>,
}

/// A table in a topic.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupTopic {
    /// The topic, read from its beginning.
    pub topic: String,
}

/// A topic of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupTopicPlan {
    /// The topic.
    pub topic: String,
}

impl LookupSpec for LookupTopic {
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> LookupSource {
        mistakes.topic(&self.topic, [at.as_slice(), &path(["topic"])].concat());
        LookupSource::new(LookupTopicPlan { topic: self.topic.clone() })
    }
}

impl fmt::Display for LookupTopicPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {}, read whole at the start", self.topic)
    }
}

impl LookupKind for LookupTopicPlan {
    fn system(&self) -> System {
        KAFKA
    }

    fn keyed(&self) -> bool {
        true
    }

    fn stays(&self) -> bool {
        false
    }
}

/// How to create a missing topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatePlan {
    /// The number of partitions.
    pub partitions: i32,
    /// The replication factor; none is the broker's default.
    pub replication: Option<i32>,
}

impl From<&Create> for CreatePlan {
    fn from(create: &Create) -> Self {
        // The schema keeps both far below the limit of i32.
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        Self { partitions: number(create.partitions), replication: create.replication.map(number) }
    }
}

/// A topic, to read or to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// The topic.
    pub topic: String,
    /// How to create it if it is missing.
    pub create: Option<CreatePlan>,
}

impl InputSpec for KafkaInput {
    fn plan(&self, _: Around<'_>, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<InputPlan> {
        let topics = [at.as_slice(), &path(["topics"])].concat();
        let [topic] = self.topics.as_slice() else {
            let message = "a pipeline reads exactly one topic for now";
            mistakes.wrong_with_help(topics, message, "run one pipeline for each topic, or merge the topics");
            return None;
        };
        mistakes.topic(topic, [topics.as_slice(), &path(["0"])].concat());
        Some(InputPlan::new(TopicPlan { topic: topic.clone(), create: self.create.as_ref().map(Into::into) }))
    }
}

impl InputKind for TopicPlan {
    fn system(&self) -> System {
        KAFKA
    }

    fn name(&self) -> &str {
        &self.topic
    }

    fn shared(&self) -> bool {
        true
    }

    fn shards_in_words(&self) -> String {
        "one shard for each partition".into()
    }

    fn commits_where(&self) -> &'static str {
        "`exactly_once` needs every answer in a topic of the same cluster"
    }
}

impl TargetSpec for KafkaTarget {
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> TargetPlan {
        mistakes.topic(&self.topic, [at.as_slice(), &path(["topic"])].concat());
        TargetPlan::new(TopicPlan { topic: self.topic.clone(), create: self.create.as_ref().map(Into::into) })
    }
}

impl fmt::Display for TopicPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {}", self.topic)
    }
}

impl TargetKind for TopicPlan {
    fn system(&self) -> System {
        KAFKA
    }

    fn transactional(&self) -> bool {
        true
    }

    fn topic(&self) -> Option<(&str, [&'static str; 2])> {
        Some((&self.topic, ["kafka", "topic"]))
    }
}

/// Checked properties of the Kafka clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaPlan {
    /// librdkafka's properties, as written.
    pub properties: Vec<(String, String)>,
    /// The consumer group's id.
    pub group: String,
    /// Whether the group uses the protocol of KIP-848; none: if the broker offers it.
    pub consumer_protocol: Option<bool>,
}

/// librdkafka's property names and whether each is for producers (P), consumers (C) or both (*).
const PROPERTIES: &str = include_str!("kafka_properties.txt");

const OURS: [(&str, &str); 6] = [
    ("enable.auto.commit", "positions are committed after the outputs are flushed"),
    ("enable.auto.offset.store", "positions are committed after the outputs are flushed"),
    ("isolation.level", "aborted records are never read"),
    ("transactional.id", "each member has its own"),
    ("enable.idempotence", "it is always on"),
    ("enable.partition.eof", "it is always on"),
];

/// Properties that only the classic group protocol knows; librdkafka refuses them under KIP-848.
const CLASSIC_ONLY: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"];

/// Properties that say which member gets which partition.
const ASSIGNORS: [&str; 2] = ["partition.assignment.strategy", "group.remote.assignor"];

/// Names and, where cheap, values.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROPERTIES.lines().filter_map(|line| line.split_once(' '))
}

/// The role of a property: `C` for consumers, `P` for producers, `*` for both.
pub(super) fn role(name: &str) -> Option<&'static str> {
    known().find(|(known, _)| *known == name).map(|(_, role)| role)
}

impl KafkaPlan {
    /// The properties for a client of this role.
    pub fn properties_for(&self, role_wanted: &str) -> impl Iterator<Item = (&str, &str)> {
        let fits = move |name: &str| matches!(role(name), Some(role) if role == "*" || role == role_wanted);
        let pairs = self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, _)| fits(name))
    }

    /// A pipeline that uses Kafka names its brokers.
    pub(super) fn check(&self, used: &BTreeSet<System>, inputs: usize, mistakes: &mut Mistakes<'_>) {
        let assigns = |name: &str| ASSIGNORS.contains(&name);
        let other = self.properties.iter().find(|(name, value)| assigns(name) && value != "range");
        if let Some((name, value)) = other.filter(|_| used.contains(KAFKA) && inputs > 1) {
            let message =
                format!("labels have a topic of their own, and `{name}: {value}` gives its partitions to any member");
            mistakes.wrong_with_help(path(["kafka", name]), message, "leave it out, or write `range`");
        }
        if used.contains(KAFKA) && self.brokers().is_empty() {
            let message = "this pipeline uses Kafka, but no broker is named";
            let help = "add `kafka: {bootstrap.servers: \"localhost:9092\"}` at the top";
            mistakes.wrong_with_help(path(["input"]), message, help);
        }
    }

    /// The protocol of the group, where the input is a topic.
    pub(super) fn line(&self, input: &InputPlan) -> Option<(&'static str, String)> {
        let protocol = match self.consumer_protocol {
            Some(true) => "consumer (KIP-848)",
            Some(false) => "classic",
            None => "consumer (KIP-848) where the broker offers it, else classic",
        };
        (input.system() == KAFKA).then(|| ("protocol", protocol.into()))
    }

    /// The brokers as written.
    pub fn brokers(&self) -> &str {
        let brokers = |name: &str| name == "bootstrap.servers" || name == "metadata.broker.list";
        self.properties.iter().find(|(name, _)| brokers(name)).map_or("", |(_, value)| value)
    }

    pub(super) fn read(name: &str, written: &Entries<String>, mistakes: &mut Mistakes<'_>) -> (Self, Start) {
        let (mut plan, mut start) = (Self { group: name.into(), ..Self::default() }, Start::default());
        let classic = written.keys().find(|key| CLASSIC_ONLY.contains(key));
        for (key, value) in &written.0 {
            let place = mistakes.document.place(&path(["kafka", key]));
            if let Some((_, why)) = OURS.iter().find(|(ours, _)| ours == key) {
                mistakes
                    .problems
                    .push(Problem::at(place, format!("`{key}` belongs to gristmill: {why}")).help("leave it out"));
            } else if role(key).is_none() {
                let names = known().map(|(name, _)| name);
                let message = with_nearest(format!("librdkafka has no property `{key}`"), key, names);
                mistakes.problems.push(Problem::at(place, message));
            } else {
                match (key.as_str(), value.as_str()) {
                    ("group.id", group) => plan.group = group.into(),
                    ("auto.offset.reset", "earliest" | "beginning" | "smallest") => start = Start::Earliest,
                    ("auto.offset.reset", "latest" | "end" | "largest") => start = Start::Latest,
                    ("auto.offset.reset", other) => mistakes.problems.push(Problem::at(
                        place,
                        format!("`auto.offset.reset` is `earliest` or `latest`, not `{other}`"),
                    )),
                    ("group.protocol", "classic") => plan.consumer_protocol = Some(false),
                    ("group.protocol", "consumer") => plan.consumer_protocol = Some(true),
                    ("group.protocol", other) => mistakes.problems.push(Problem::at(
                        place,
                        format!("`group.protocol` is `classic` or `consumer`, not `{other}`"),
                    )),
                    _ => plan.properties.push((key.clone(), value.clone())),
                }
            }
        }
        match (plan.consumer_protocol, classic) {
            (Some(true), Some(key)) => mistakes.problems.push(
                Problem::at(
                    mistakes.document.place(&path(["kafka", key])),
                    format!("`{key}` is for `group.protocol: classic`; with `consumer` the broker sets it"),
                )
                .help("leave it out, or set `group.protocol: classic`"),
            ),
            (None, Some(_)) => plan.consumer_protocol = Some(false),
            _ => {}
        }
        (plan, start)
    }
}
