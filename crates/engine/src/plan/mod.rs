//! What a document means: every name resolved, every type known, every mistake found. It accesses nothing else.

mod apart;
pub(crate) mod check;
mod column;
pub(crate) mod definition;
mod output_schema;
mod show;

pub use crate::connect::{Connections, CreatePlan, InputPlan, LookupSource, Start, TargetPlan};
pub use crate::label::{LabelFrom, LabelInput, LabelPlan};
pub use column::{ColumnPlan, Need};
pub use definition::Definition;
pub use output_schema::{OutputSchema, Reading};

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gristmill_learn::{Component, MetricKind, Signature};
use gristmill_sql::{Item, Kind, Program};

use crate::augment::Augment;
use crate::clean::Cleaner;
use crate::connect::System;
use crate::document::{Document, Environment, Problems};
use crate::estimate::Estimate;
use crate::lookup::LookupPlan;
use crate::output_query::OutputQuery;
use crate::pretrained::{ModelFiles, Scoring};
use crate::rows::{Cell, Rows};
use crate::schema;
use crate::spec::{Batch, Commit, Format, Guarantee, Pipeline, Snapshot, State, Windows};
use crate::watch::WatchPlan;

/// A pipeline ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pipeline's name.
    pub name: Arc<str>,
    /// The consumer group's id; the names of everything that the pipeline keeps begin with it.
    pub group: String,
    /// Where a group without committed positions starts.
    pub start: Start,
    /// What the document says of the systems that it uses.
    pub connections: Connections,
    /// Where records come from.
    pub input: InputPlan,
    /// The names of a shard's inputs: topics, or a file. Its partition is named after the first.
    pub inputs: Vec<Arc<str>>,
    /// The format of a record.
    pub format: Format,
    /// The columns, in the order written.
    pub columns: Vec<ColumnPlan>,
    /// The column that identifies a record.
    pub id: Option<usize>,
    /// The column that is also the record key.
    pub key: Option<usize>,
    /// The column of event time.
    pub time: Option<usize>,
    /// How far event time must have advanced before a row is released, in microseconds; none: rows are processed as
    /// they arrive.
    pub grace: Option<i64>,
    /// After how much silence of a partition event time moves on by the clock; none: never.
    pub idle: Option<Duration>,
    /// The columns that rules of `clean` flag; they follow the columns of a record.
    pub flags: Vec<String>,
    /// The cleaning rules.
    pub clean: Vec<Cleaner>,
    /// How many of the rules process records on arrival, before they are buffered.
    pub on_arrival: usize,
    /// The lookup tables; their columns follow the flags.
    pub lookups: Vec<LookupPlan>,
    /// The columns that the model sees; those after the tables' are the computed ones, in their order.
    pub features: Vec<usize>,
    /// The columns that are computed.
    pub computed: Option<Computed>,
    /// The label.
    pub label: Option<LabelPlan>,
    /// Whether the positive class follows from the column's type, as the document does not name it.
    pub assumes_positive: bool,
    /// The augmentation rules.
    pub augment: Vec<Augment>,
    /// What the model sees: the kind of each feature.
    pub signature: Signature,
    /// The steps of the model.
    pub model: Vec<Component>,
    /// The pretrained model; any steps after it see its outputs after the features.
    pub scoring: Option<Scoring>,
    /// What it gives for a row.
    pub output: OutputSchema,
    /// The metrics.
    pub metrics: Vec<MetricKind>,
    /// The metrics shown by segment: which one, and the column.
    pub segments: Vec<(usize, usize)>,
    /// The metrics that are estimated before labels come.
    pub estimate: Option<Estimate>,
    /// What is watched.
    pub watch: Vec<WatchPlan>,
    /// Where decisions go.
    pub outputs: Vec<OutputPlan>,
    /// Where dead letters go.
    pub dead_letters: Option<TargetPlan>,
    /// The guarantee after a crash.
    pub guarantee: Guarantee,
    /// The reason for it, in words.
    pub guarantee_reason: String,
    /// When to commit.
    pub commit: Commit,
    /// How many rows a pretrained model scores at a time.
    pub batch: Batch,
    /// How state is kept.
    pub state: Option<State>,
    /// The memory limit of a shard's windows, and of its buffered rows.
    pub windows: Windows,
    /// Warnings: what is allowed but worth mentioning.
    pub warnings: Vec<String>,
    /// The result of [`Self::definition`], once computed.
    pub(crate) definition: OnceLock<Vec<Definition>>,
}

/// Columns that SQL expressions compute.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The names and the expressions, as written.
    pub items: Vec<Item>,
    /// The same, compiled: over the columns in their order.
    pub program: Program,
}

impl Computed {
    /// The type of a computed column, as documents name it.
    pub fn type_of(&self, item: usize) -> &'static str {
        kind_name(self.program.kinds().get(item).copied().unwrap_or(Kind::Float))
    }
}

/// A type of the SQL crate, as documents name it.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Int => "int64",
        Kind::Float => "float64",
        Kind::Text => "string",
        Kind::Time => "timestamp",
    }
}

/// Where decisions go.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// The name the document gives it.
    pub name: String,
    /// The target.
    pub target: TargetPlan,
    /// How decisions are written there.
    pub format: Format,
    /// Which decisions, and which of their fields; none: all decisions, whole.
    pub acting: Option<OutputQuery>,
    /// Which decisions, as written.
    pub when_text: Option<String>,
    /// Whether it takes events, and no decisions.
    pub events: bool,
}

impl OutputPlan {
    /// The fields that are selected; none: the whole decision.
    pub fn fields(&self) -> &[String] {
        self.acting.as_ref().map_or(&[], |acting| &acting.fields)
    }
}

impl Plan {
    /// Reads a document: the plan, or all its mistakes.
    pub fn read(name: &str, text: &str, environment: Environment<'_>) -> Result<Self, Problems> {
        Self::read_with(name, text, environment, &|_| Err("there are no files where this document is read".into()))
    }

    /// Reads a document that may name model files.
    pub fn read_with(
        name: &str,
        text: &str,
        environment: Environment<'_>,
        files: ModelFiles<'_>,
    ) -> Result<Self, Problems> {
        Self::read_changed(name, text, &[], environment, files)
    }

    /// Reads a document with overrides, each `key.path=value`.
    pub fn read_changed(
        name: &str,
        text: &str,
        changes: &[String],
        environment: Environment<'_>,
        files: ModelFiles<'_>,
    ) -> Result<Self, Problems> {
        let document = Document::parse(name, text, changes, environment, schema::value())?;
        let (pipeline, mut mistakes) = document.read::<Pipeline>();
        if let Some(pipeline) = pipeline {
            match check::plan(&document, &pipeline, files) {
                Ok(plan) if mistakes.is_empty() => return Ok(plan),
                Ok(_) => {}
                Err(more) => mistakes.add(more),
            }
        }
        Err(document.report(mistakes.into_list()))
    }

    /// The name of the topic or the file, after which partitions are named.
    pub fn input_name(&self) -> &str {
        self.input.name()
    }

    /// What is read: the input, then the labels that have records of their own.
    pub fn sources(&self) -> impl Iterator<Item = &InputPlan> {
        std::iter::once(&self.input).chain(self.labels().map(|labels| &labels.input))
    }

    /// The number of shards of a file.
    pub fn shards(&self) -> i32 {
        self.input.shards()
    }

    /// The name and the type of a column: of a record, flagged, or computed.
    pub fn column(&self, column: usize) -> Option<(&str, &'static str)> {
        if let Some(column) = self.columns.get(column) {
            return Some((&column.name, column.kind.name()));
        }
        let behind = column - self.columns.len();
        if let Some(flag) = self.flags.get(behind) {
            return Some((flag, "boolean"));
        }
        let mut item = behind - self.flags.len();
        for table in &self.lookups {
            match table.given().nth(item) {
                Some((name, column)) => return Some((name, column.kind.name())),
                None => item -= table.names.len(),
            }
        }
        let computed = self.computed.as_ref()?;
        Some((&computed.items.get(item)?.name, computed.type_of(item)))
    }

    /// Whether the state of shards is kept: of a group where there is any, else where there is a folder.
    pub fn journals(&self) -> bool {
        if self.input.shared() {
            return self.label.is_some() || self.learns() || self.remembers();
        }
        self.state.as_ref().is_some_and(|state| state.directory.is_some())
    }

    /// Whether the model learns here: from labels, or without.
    pub fn learns(&self) -> bool {
        let outside = self.scoring.as_ref().and_then(|scoring| scoring.python.as_ref()?.learn_batch);
        (!self.model.is_empty() || outside.is_some()) && (self.label.is_some() || self.output.task.is_unsupervised())
    }

    /// Whether anything besides the model depends on earlier rows.
    fn remembers(&self) -> bool {
        let windows = self.computed.as_ref().is_some_and(|computed| computed.program.has_windows());
        // The journal records which version of a model scored a row.
        windows
            || self.scoring.is_some()
            || self.grace.is_some()
            || !self.watch.is_empty()
            || !self.lookups.is_empty()
            || self.clean.iter().any(|rule| rule.written.settings().remembers())
    }

    /// The event time of a row.
    pub(crate) fn time_of(&self, rows: &Rows, row: usize) -> Option<i64> {
        match rows.columns.get(self.time?)?.cell(row) {
            Cell::Timestamp(micros) => Some(micros),
            _ => None,
        }
    }

    /// How many rules have looked at rows before they were buffered, if they are.
    pub(crate) fn on_arrival_with_grace(&self) -> usize {
        if self.grace.is_some() { self.on_arrival } else { 0 }
    }

    /// How much later than their rows labels are known, in microseconds of event time.
    pub fn delay(&self) -> Option<i64> {
        self.label.as_ref()?.delay()
    }

    /// The labels that have records of their own.
    pub fn labels(&self) -> Option<&LabelInput> {
        self.label.as_ref()?.input()
    }

    /// The labels that have records of their own, if this is the input that they come from.
    pub fn labels_in(&self, input: &str) -> Option<&LabelInput> {
        self.labels().filter(|labels| labels.input.name() == input)
    }

    /// The topic of the group's journal.
    pub fn journal_topic(&self) -> String {
        format!("{}.journal", self.group)
    }

    /// The topic of models that replace the document's own.
    pub fn models_topic(&self) -> String {
        format!("{}.models", self.group)
    }

    /// The topic of the group's snapshots.
    pub fn state_topic(&self) -> String {
        format!("{}.state", self.group)
    }

    /// When the state is saved.
    pub fn snapshot(&self) -> Snapshot {
        self.state.as_ref().map(|state| state.snapshot.clone()).unwrap_or_default()
    }

    /// A number for [`Self::definition`]: plans with the same number can use each other's state.
    pub fn fingerprint(&self) -> u64 {
        let parts = self.definition().iter().map(|Definition { name, text }| format!("{name} {text}\n"));
        xxhash_rust::xxh3::xxh3_64(parts.collect::<String>().as_bytes())
    }

    /// A group's outputs that are not exactly once: they cannot join a transaction, and are written before it.
    pub fn outside(&self) -> impl Iterator<Item = String> {
        let mixed = self.input.shared() && self.guarantee == Guarantee::ExactlyOnce;
        let outside = move |target: &TargetPlan| mixed && !self.input.transactional_with(target);
        let outputs = self.outputs.iter().filter(move |output| outside(&output.target));
        let letters = self.dead_letters.iter().filter(move |target| outside(target));
        outputs.map(|output| format!("`{}`", output.name)).chain(letters.map(|_| "`dead_letters`".to_string()))
    }

    /// Where something is written: the outputs in their order, then the dead letters.
    pub fn targets(&self) -> impl Iterator<Item = &TargetPlan> {
        self.outputs.iter().map(|output| &output.target).chain(&self.dead_letters)
    }

    /// The systems that it reads from or writes to.
    pub fn systems(&self) -> BTreeSet<System> {
        let tables = self.lookups.iter().map(|table| table.source.system());
        let targets = self.targets().map(|target| target.system());
        let labels = self.labels().map(|labels| labels.input.system());
        std::iter::once(self.input.system()).chain(labels).chain(targets).chain(tables).collect()
    }
}
