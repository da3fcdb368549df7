//! Where records come from, and what is in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::{Choice, choice};
use super::{Around, FileInput, Format, InputPlan, InputSpec, KafkaInput};
use crate::document::{Mistakes, path};
use crate::spec::{ColumnType, Entries, Span};

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
    /// After how much silence of a partition time moves on by the clock: as far as the silence has lasted, so that the
    /// last rows before it do not wait for the next record (`grace`, and `delay` and `wait` under `label`). It is recorded
    /// with the positions, so a replay does the same; a record that comes after it with an earlier time is late. Default:
    /// time moves on with records alone.
    #[serde(default)]
    pub idle: Option<Span>,
}

impl Input {
    /// The one input that is written.
    pub(crate) fn plan(&self, around: Around<'_>, mistakes: &mut Mistakes<'_>) -> Option<InputPlan> {
        let choice = choice!(self as dyn InputSpec: file, kafka);
        let none = ("the input says not where from", format!("add {}", choice.keys(":")));
        let several = |first: &str, second: &str| {
            (path(["input", second]), format!("the input is `{first}` or `{second}`, not both"))
        };
        let (input, at) = choice.one(mistakes, &path(["input"]), none, several)?;
        input.plan(around, mistakes, &at)
    }
}
