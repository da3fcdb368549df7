//! Where decisions and dead letters go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where decisions go: `kafka`, `file` or `stdout`, and which ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// To a topic, under the input record's key.
    pub kafka: Option<KafkaTarget>,
    /// To a file, one JSON object a line.
    pub file: Option<FileTarget>,
    /// To standard output, one JSON object a line.
    pub stdout: Option<Stdout>,
    /// Only decisions that meet this condition: comparisons of `score`, `prediction` and columns, joined by AND,
    /// OR, NOT (a subset of SQL). Default: all.
    pub when: Option<String>,
}

/// Where dead letters go: `kafka` or `file`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// To a topic, byte for byte, with Kafka Connect's `__connect.errors.*` headers.
    pub kafka: Option<KafkaTarget>,
    /// To a file, one JSON object a line, bytes in base64.
    pub file: Option<FileTarget>,
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

/// A file to write to. Where the input is a file, each run makes it anew; where it is a topic, each run goes on with it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTarget {
    /// The file; its folder must exist.
    pub path: String,
}

/// Standard output; it has no settings: `stdout: {}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stdout {}
