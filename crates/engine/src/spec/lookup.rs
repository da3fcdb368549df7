//! Tables that rows are looked up in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColumnType, Entries, Format};

/// A table: `file` or `kafka`, and its columns. Each row gains its columns as `NAME.COLUMN`, for features and conditions;
/// they are missing where the table has no row for it. It is read whole before the first record. A change of it is taken
/// when a run begins; what was computed before keeps the values that it had.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// A table in a file.
    #[serde(default)]
    pub file: Option<LookupFile>,
    /// A table in a topic: of each key the last record, as a compacted topic keeps it. A record without a value takes its
    /// key out.
    #[serde(default)]
    pub kafka: Option<LookupTopic>,
    /// How a row is written. Default for a file: by its name's ending.
    #[serde(default)]
    pub format: Option<Format>,
    /// The columns and their types.
    pub columns: Entries<ColumnType>,
    /// The column of the table that is its key. Default for a file: the column named as `on`; for a topic: the record's
    /// key.
    #[serde(default)]
    pub key: Option<String>,
    /// The column of the input that is looked up: it matches where both are the same as text.
    pub on: String,
    /// The column of the table that says from when a row holds: each record finds the row that held at its event time.
    /// Default: the last row of a key holds always.
    #[serde(default)]
    pub time: Option<String>,
}

/// A table in a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupFile {
    /// The file: `.csv`, `.ndjson` or `.jsonl`, plain or compressed (`.gz`, `.zst`).
    pub path: String,
    /// For CSV: whether the first line names the columns; without it fields are `columns` in their order. Default true.
    #[serde(default = "yes")]
    pub header: bool,
    /// For CSV: the character between fields. Default `,`.
    #[serde(default)]
    pub delimiter: Option<String>,
}

fn yes() -> bool {
    true
}

/// A table in a topic.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupTopic {
    /// The topic, read from its beginning.
    pub topic: String,
}
