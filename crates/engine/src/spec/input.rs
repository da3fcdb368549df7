//! Where records come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColumnType, Create, Entries, Size, Span};

/// Where records come from and what is in them: `file` or `kafka`, and the columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Records from a file or standard input.
    #[serde(default)]
    pub file: Option<FileInput>,
    /// Records from Kafka, as a member of a consumer group.
    #[serde(default)]
    pub kafka: Option<KafkaInput>,
    /// How a record is written. Default for a file: by its name's ending.
    #[serde(default)]
    pub format: Option<Format>,
    /// The columns of a record and their types; what else a record holds is passed over.
    pub columns: Entries<ColumnType>,
    /// The column that identifies a record; decisions carry it. Default: `topic-partition-offset`.
    #[serde(default)]
    pub id: Option<String>,
    /// The column that is also the record key, by which the input is partitioned.
    #[serde(default)]
    pub key: Option<String>,
    /// The column of event time; decisions carry it. Nothing reads the wall clock.
    #[serde(default)]
    pub time: Option<String>,
    /// How long rows wait for those that come out of order: a row is taken when event time has moved on by so much, and
    /// rows are taken in the order of their time, those with the same time as they arrived. What comes later than that
    /// is taken at once; see `late` under `clean`. At the end of a bounded run nothing waits any longer. Default `0 s`:
    /// every row is answered at once, in the order of arrival.
    #[serde(default)]
    pub grace: Option<Span>,
}

/// Records from a file: one line, one record (a quoted CSV field may hold line breaks).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInput {
    /// The file: `.csv`, `.ndjson` or `.jsonl`, plain or compressed (`.gz`, `.zst`); `-` is standard input.
    pub path: String,
    /// The largest record; a larger one is a dead letter. At most 64 MB. Default `1 MB`, as Kafka brokers allow.
    #[serde(default = "one_megabyte")]
    pub max_record: Size,
    /// For CSV: whether the first line names the columns; without it fields are `columns` in their order. Default true.
    #[serde(default = "yes")]
    pub header: bool,
    /// For CSV: the character between fields. Default `,`.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Cuts the file into shards by a key, as a topic is cut into partitions: each has a model and windows of its own.
    /// Default: the file is one shard.
    #[serde(default)]
    pub shards: Option<Shards>,
}

/// How a file is cut into shards: by the same hash (murmur2) by which Kafka's producers choose a partition, so that a
/// file and a topic with as many partitions have the same rows in each. Records without a key are in the first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    /// The column of the record key.
    pub key: String,
    /// How many shards.
    #[schemars(range(min = 1, max = 1024))]
    pub count: i32,
}

fn yes() -> bool {
    true
}

fn one_megabyte() -> Size {
    Size(1 << 20)
}

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

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object.
    Json,
    /// Comma-separated values (RFC 4180). A file begins with a line of column names, unless `header: false`; a Kafka
    /// record holds the values of `columns` in their order.
    Csv,
}
