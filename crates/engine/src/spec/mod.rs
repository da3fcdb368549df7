//! What a document says, as written: closed enums, no key unknown. Nothing is resolved here; see [`crate::plan`].
//!
//! The doc comments of these types are the reference: the JSON Schema, the reference pages and
//! `gristmill describe` are generated from them.

mod columns;
mod entries;
mod feature;
mod model;
mod rounds;
mod units;
mod windows;

pub use columns::{ColumnSettings, ColumnType, EpochUnit, TimestampSettings};
pub use entries::Entries;
pub use feature::Feature;
pub use model::{GraphRuntime, ModelFile, PythonModel, PythonOutput, Step};
pub use rounds::BoostingRounds;
pub(crate) use units::settings_line;
pub use units::{Size, Span};
pub use windows::{OnLimit, Windows};

use gristmill_learn::MetricKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::clean::Clean;
pub use crate::connect::{
    Create, FileInput, FileTarget, Format, Http, Input, KafkaInput, KafkaTarget, Lookup, LookupFile, LookupTopic,
    Output, Shards, Stdout, Target,
};
pub use crate::estimate::Estimate;
pub use crate::label::Label;
use crate::watch::Watch;

/// A pipeline: where records come from, what they mean, what learns from them and where the answers go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name: the consumer group's id, unless `kafka` sets `group.id`, and part of every decision.
    /// Letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Properties of every Kafka client of this pipeline, under librdkafka's own names. `auto.offset.reset` says
    /// where a group without offsets starts: `earliest` (default) or `latest`.
    #[serde(default)]
    pub kafka: Entries<String>,
    /// Where records come from and what is in them.
    pub input: Input,
    /// Rules that records must meet, or that mend them, one after the other, before anything is computed of them.
    #[serde(default)]
    pub clean: Vec<Clean>,
    /// Tables to look rows up in, by a name of your choice.
    #[serde(default)]
    pub lookup: Entries<Lookup>,
    /// What the model sees, in this order: columns, and SQL expressions over columns and the features above them.
    /// Windows (`… OVER (PARTITION BY … ORDER BY …)`) are in the order of event time; a missing value, NaN and
    /// infinities reach the model as missing.
    #[schemars(length(min = 1))]
    pub features: Vec<Feature>,
    /// The truth to learn from. Without it nothing is learned or evaluated.
    #[serde(default)]
    pub label: Option<Label>,
    /// Rules for what the model learns from besides the rows as they are, or in their place. They are for learning alone:
    /// rows are scored and measured as they are, and probabilities are corrected for the shares of classes that were
    /// learned from.
    #[serde(default)]
    pub augment: Vec<Augment>,
    /// Transformers, then one learner; or a model from a file alone.
    #[schemars(length(min = 1))]
    pub model: Vec<Step>,
    /// Metrics over the labelled rows, each predicted before it is learned. Baselines are always shown beside them.
    #[serde(default)]
    pub evaluate: Vec<MetricKind>,
    /// Metrics estimated before labels come. Default: none.
    #[serde(default)]
    pub estimate: Option<Estimate>,
    /// What is watched for a change: inputs, scores, errors and rules, each with what an alarm does. Alarms are events, which
    /// an output with `events: true` takes.
    #[serde(default)]
    pub watch: Vec<Watch>,
    /// Where decisions go, by a name of your choice. Each row's decision goes to every output whose `when` it meets.
    #[serde(default)]
    pub outputs: Entries<Output>,
    /// Where records go that cannot be read, byte for byte, with the reason. Without it the run stops at the first.
    #[serde(default)]
    pub dead_letters: Option<Target>,
    /// What holds after a crash. Default `exactly_once` where every output can keep it, else `at_least_once`. A group that
    /// writes to topics keeps them exactly once by default, whatever its other outputs are: those are told before each
    /// commit, so at least once. Where `exactly_once` is written, every output must keep it.
    #[serde(default)]
    pub guarantee: Option<Guarantee>,
    /// How often outputs are flushed and positions committed.
    #[serde(default)]
    pub commit: Commit,
    /// How many rows a model from outside scores together.
    #[serde(default)]
    pub batch: Batch,
    /// How what was learned is kept, so that a run that was killed, or a partition that moves, goes on where it was.
    #[serde(default)]
    pub state: Option<State>,
    /// How much memory windows may take.
    #[serde(default)]
    pub windows: Windows,
}

impl Pipeline {
    /// The label's column, if it is one of the row.
    pub(crate) fn label_in_row(&self) -> Option<&str> {
        let label = self.label.as_ref().filter(|label| label.source().is_empty())?;
        Some(&label.column)
    }

    /// The type of the label's column, wherever it is.
    pub(crate) fn label_type(&self) -> Option<&ColumnType> {
        let label = self.label.as_ref()?;
        let columns = if label.source().is_empty() { &self.input.columns } else { label.columns.as_ref()? };
        columns.get(&label.column)
    }

    /// The properties that are passed on to the clients of a system.
    pub(crate) fn client_properties(&self) -> &Entries<String> {
        &self.kafka
    }
}

/// What holds after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Every record is answered at least once: outputs are flushed before positions are committed, so after a
    /// crash some answers may be written twice. What was learned counts once.
    AtLeastOnce,
    /// Every record is answered once and learned once.
    ExactlyOnce,
}

/// How the state is kept. A group on Kafka keeps it in topics beside its input, `<group>.journal` and `<group>.state`,
/// which are made when they are missing; a pipeline over a file keeps it in a folder. A run that is killed at any moment
/// and started again ends with the same model as one that was never killed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// For a file as input: the folder, made if it is missing. One pipeline, one folder. Without it nothing is kept.
    pub directory: Option<String>,
    /// For Kafka: the number of copies of the topics that are made. Default: the broker's.
    #[schemars(range(min = 1, max = 100))]
    pub replication: Option<u32>,
    /// How often the whole state is saved; what came since is replayed after a crash.
    pub snapshot: Snapshot,
}

/// When to save the whole state: whichever comes first, and at the end of every run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// The longest time between snapshots while records come in. Default `10 s`.
    pub every: Span,
    /// The most rows of a partition between snapshots, at least 1. Default 1000000.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub rows: u64,
    /// How many snapshots are kept, at least 2: the newest, and those before it that `gristmill state as-of` can go
    /// back to. Default 2.
    #[schemars(range(min = 2, max = 1000))]
    pub keep: u32,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { every: Span::milliseconds(10_000), rows: 1_000_000, keep: 2 }
    }
}

/// How many rows a model from outside scores together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    /// Whatever has arrived is scored together, up to so many rows, at least 1. A row's answer does not depend on it. Default
    /// 2000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { rows: 2_000 }
    }
}

/// When to commit: whichever comes first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Commit {
    /// The longest time between commits while records come in. Default `100 ms`.
    pub every: Span,
    /// The most rows between commits, at least 1. Default 20000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub rows: u64,
}

impl Default for Commit {
    fn default() -> Self {
        Self { every: Span::milliseconds(100), rows: 20_000 }
    }
}
