//! Where decisions and dead letters go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entries, Feature, Span};

/// Where decisions go: `kafka`, `file`, `stdout` or `http`, which ones, and what of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// To a topic, under the input record's key.
    pub kafka: Option<KafkaTarget>,
    /// To a file, one JSON object a line.
    pub file: Option<FileTarget>,
    /// To standard output, one JSON object a line.
    pub stdout: Option<Stdout>,
    /// To a web server, one request for each decision.
    pub http: Option<Http>,
    /// Only decisions that meet this condition: an SQL expression over columns, features, `score`, `prediction`, `model`
    /// and `probability['class']`. Where it is NULL, since a value is missing or cannot be computed, the decision is not
    /// taken. Default: all.
    pub when: Option<String>,
    /// What is written: names as in `when`, or `{name: SQL expression}`. What is missing or cannot be computed is `null`.
    /// Default: the whole decision.
    pub select: Vec<Feature>,
}

/// A web server that is told of decisions: `POST`, the decision as JSON.
///
/// Each request carries an `Idempotency-Key` made of the record's place, the same whenever it is sent again: a server that
/// knows it already answers without acting twice. What is not answered with 2xx is tried again, after waits that double
/// from 100 ms to 30 s: no connection, no answer in time, 408, 425, 429 and 5xx. Any other answer stops the run, as does the
/// last try. Delivery is at least once: nothing is committed before the server has answered. Outputs in topics are exactly
/// once all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address, `http://` or `https://`.
    pub url: String,
    /// Headers of each request, besides `Content-Type: application/json`.
    #[serde(default)]
    pub headers: Entries<String>,
    /// How long one try may take. Default: 10 s.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// How many times a request is tried again. Default: 10, which takes about two minutes.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub retries: u32,
}

fn ten_seconds() -> Span {
    Span(std::time::Duration::from_secs(10))
}

fn ten() -> u32 {
    10
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
