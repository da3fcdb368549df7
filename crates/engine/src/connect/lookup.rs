//! Where tables are that rows are looked up in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::{Choice, choice};
use super::{Format, LookupFile, LookupSource, LookupSpec, LookupTopic};
use crate::document::{Mistakes, Path};
use crate::spec::{ColumnType, Entries};

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

impl Lookup {
    /// The one place that is written.
    pub(crate) fn source(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<LookupSource> {
        let choice = choice!(self as dyn LookupSpec: file, kafka);
        let none = ("the table says not where from", format!("add {}", choice.keys(":")));
        let several = |first: &str, second: &str| {
            (at.clone(), format!("a table is in a `{first}` or in `{second}`, not in both"))
        };
        let (source, at) = choice.one(mistakes, at, none, several)?;
        Some(source.plan(mistakes, &at))
    }
}
