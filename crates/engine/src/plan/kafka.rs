//! The `kafka:` section: librdkafka's names, those that belong to us refused.

use crate::document::{Document, Problem, path, with_nearest};
use crate::spec::Entries;

/// Where a group without committed offsets starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the first record there is.
    #[default]
    Earliest,
    /// At the end.
    Latest,
}

/// Checked properties of the Kafka clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaPlan {
    /// librdkafka's properties, as written.
    pub properties: Vec<(String, String)>,
    /// The consumer group's id.
    pub group: String,
    /// Where a group without committed offsets starts.
    pub start: Start,
    /// Whether the group runs the protocol of KIP-848; none: where the broker offers it.
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

/// Names and, where cheap, values.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROPERTIES.lines().filter_map(|line| line.split_once(' '))
}

/// The role of a property: `C` for consumers, `P` for producers, `*` for both.
pub(super) fn role(name: &str) -> Option<&'static str> {
    known().find(|(known, _)| *known == name).map(|(_, role)| role)
}

impl KafkaPlan {
    /// The properties that a client of this role may be given.
    pub fn properties_for(&self, role_wanted: &str) -> impl Iterator<Item = (&str, &str)> {
        let fits = move |name: &str| matches!(role(name), Some(role) if role == "*" || role == role_wanted);
        let pairs = self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, _)| fits(name))
    }

    /// The brokers as written.
    pub fn brokers(&self) -> &str {
        let brokers = |name: &str| name == "bootstrap.servers" || name == "metadata.broker.list";
        self.properties.iter().find(|(name, _)| brokers(name)).map_or("", |(_, value)| value)
    }

    pub(super) fn read(
        document: &Document,
        name: &str,
        written: &Entries<String>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut plan = Self { group: name.into(), ..Self::default() };
        let classic = written.keys().find(|key| CLASSIC_ONLY.contains(key));
        for (key, value) in &written.0 {
            let place = document.place(&path(["kafka", key]));
            if let Some((_, why)) = OURS.iter().find(|(ours, _)| ours == key) {
                problems.push(Problem::at(place, format!("`{key}` belongs to gristmill: {why}")).help("leave it out"));
            } else if role(key).is_none() {
                let names = known().map(|(name, _)| name);
                let message = with_nearest(format!("librdkafka has no property `{key}`"), key, names);
                problems.push(Problem::at(place, message));
            } else {
                match (key.as_str(), value.as_str()) {
                    ("group.id", group) => plan.group = group.into(),
                    ("auto.offset.reset", "earliest" | "beginning" | "smallest") => plan.start = Start::Earliest,
                    ("auto.offset.reset", "latest" | "end" | "largest") => plan.start = Start::Latest,
                    ("auto.offset.reset", other) => problems.push(Problem::at(
                        place,
                        format!("`auto.offset.reset` is `earliest` or `latest`, not `{other}`"),
                    )),
                    ("group.protocol", "classic") => plan.consumer_protocol = Some(false),
                    ("group.protocol", "consumer") => plan.consumer_protocol = Some(true),
                    ("group.protocol", other) => problems.push(Problem::at(
                        place,
                        format!("`group.protocol` is `classic` or `consumer`, not `{other}`"),
                    )),
                    _ => plan.properties.push((key.clone(), value.clone())),
                }
            }
        }
        match (plan.consumer_protocol, classic) {
            (Some(true), Some(key)) => problems.push(
                Problem::at(
                    document.place(&path(["kafka", key])),
                    format!("`{key}` is for `group.protocol: classic`; with `consumer` the broker sets it"),
                )
                .help("leave it out, or set `group.protocol: classic`"),
            ),
            (None, Some(_)) => plan.consumer_protocol = Some(false),
            _ => {}
        }
        plan
    }
}
