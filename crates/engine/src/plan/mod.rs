//! What a document means: every name resolved, every type known, every mistake found. Touches nothing else.

mod apart;
mod check;
pub(crate) mod definition;
mod kafka;
mod reading;
mod show;

pub use definition::Definition;
pub use kafka::{KafkaPlan, Start};
pub use reading::Reading;

use std::sync::{Arc, OnceLock};

use gristmill_learn::{Component, MetricKind, Signature, Task};
use gristmill_sql::{Item, Kind, Program};

use crate::augment::Augment;
use crate::clean::Cleaner;
use crate::document::{Document, Environment, Problems};
use crate::lookup::{LookupPlan, LookupSource};
use crate::output_query::OutputQuery;
use crate::pretrained::{ModelFiles, Scoring};
use crate::spec::{Batch, ColumnType, Commit, Create, Format, Guarantee, Http, Size, Snapshot, State, Windows};

/// A pipeline ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pipeline's name.
    pub name: Arc<str>,
    /// The Kafka clients' properties.
    pub kafka: KafkaPlan,
    /// Where records come from.
    pub input: InputPlan,
    /// The names of a shard's inputs: topics, or a file. Its partition is named after the first.
    pub inputs: Vec<Arc<str>>,
    /// How a record is written.
    pub format: Format,
    /// The columns, in the order written.
    pub columns: Vec<ColumnPlan>,
    /// The column that identifies a record.
    pub id: Option<usize>,
    /// The column that is also the record key.
    pub key: Option<usize>,
    /// The column of event time.
    pub time: Option<usize>,
    /// How far event time must have moved on before a row is taken, in microseconds; none: rows are taken as they come.
    pub grace: Option<i64>,
    /// The columns that rules of `clean` flag; they come behind the columns of a record.
    pub flags: Vec<String>,
    /// The rules that clean.
    pub clean: Vec<Cleaner>,
    /// How many of the rules look at records as they arrive, before they wait.
    pub on_arrival: usize,
    /// The tables that rows are looked up in; their columns come behind the flags.
    pub lookups: Vec<LookupPlan>,
    /// The columns that the model sees; those behind the tables' are the computed ones, in their order.
    pub features: Vec<usize>,
    /// The columns that are computed.
    pub computed: Option<Computed>,
    /// Where the truth is.
    pub label: Option<LabelPlan>,
    /// Whether the document leaves it to the column's type which class is the positive one.
    pub assumes_positive: bool,
    /// What it learns from besides the rows as they are, or in their place.
    pub augment: Vec<Augment>,
    /// What the model sees: the kind of each feature.
    pub signature: Signature,
    /// The steps of the model.
    pub model: Vec<Component>,
    /// The model that was trained elsewhere; where there are steps besides, they see what it says behind the features.
    pub scoring: Option<Scoring>,
    /// What it predicts.
    pub task: Task,
    /// How the numbers are read that decide.
    pub reading: Reading,
    /// What is measured.
    pub metrics: Vec<MetricKind>,
    /// The metrics shown by segment: which one, and the column.
    pub segments: Vec<(usize, usize)>,
    /// Where decisions go.
    pub outputs: Vec<OutputPlan>,
    /// Where dead letters go.
    pub dead_letters: Option<TargetPlan>,
    /// What holds after a crash.
    pub guarantee: Guarantee,
    /// Why, in words.
    pub guarantee_reason: String,
    /// When to commit.
    pub commit: Commit,
    /// How many rows a model from outside scores together.
    pub batch: Batch,
    /// How state is kept.
    pub state: Option<State>,
    /// How many bytes the windows of a shard may take, and the rows of it that wait.
    pub windows: Windows,
    /// What is allowed but worth a word.
    pub warnings: Vec<String>,
    /// What [`Self::definition`] says, once it was asked.
    pub(crate) definition: OnceLock<Vec<Definition>>,
}

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPlan {
    /// A file, or `-`.
    File {
        /// The path as written.
        path: String,
        /// The largest record.
        max_record: Size,
        /// Whether the first line of a CSV file names the columns.
        header: bool,
        /// The character between CSV fields.
        delimiter: u8,
        /// How many shards it is cut into, by the record key.
        shards: i32,
    },
    /// A topic.
    Kafka {
        /// The topic.
        topic: String,
        /// How to create it if it is missing.
        create: Option<CreatePlan>,
    },
}

impl InputPlan {
    /// The topic or the file's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Kafka { topic, .. } => topic,
            Self::File { path, .. } if path == "-" => "stdin",
            Self::File { path, .. } => path.rsplit(['/', '\\']).next().unwrap_or(path),
        }
    }
}

/// How to create a missing topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatePlan {
    /// The number of partitions.
    pub partitions: i32,
    /// The number of copies; none is the broker's default.
    pub replication: Option<i32>,
}

impl From<&Create> for CreatePlan {
    fn from(create: &Create) -> Self {
        // The schema keeps both far below the limit of i32.
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        Self { partitions: number(create.partitions), replication: create.replication.map(number) }
    }
}

/// A column of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPlan {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// What a record must have of it.
    pub need: Need,
}

/// What a record must have of a column, or else it is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: it may be absent.
    Nothing,
    /// It must be there, if only as `null`: a missing value that the model can take.
    Presence,
    /// It must have a value: nothing can be done without an identity or a time.
    Value,
}

/// Columns that SQL expressions make.
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

/// How a label is read.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelPlan {
    /// The column.
    pub column: usize,
    /// The positive class as text; empty for regression and for any number of classes.
    pub positive: String,
    /// The other class, where the document fixes it.
    pub negative: Option<String>,
    /// How much later than its row it is known, in microseconds of event time.
    pub delay: Option<i64>,
}

/// Where decisions go.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// The name the document gives it.
    pub name: String,
    /// The target.
    pub target: TargetPlan,
    /// Which decisions, and what of them; none: all of all.
    pub acting: Option<OutputQuery>,
    /// Which decisions, as written.
    pub when_text: Option<String>,
}

/// Something to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPlan {
    /// A topic.
    Kafka {
        /// The topic.
        topic: String,
        /// How to create it if it is missing.
        create: Option<CreatePlan>,
    },
    /// A file.
    File {
        /// The path as written.
        path: String,
    },
    /// Standard output.
    Stdout,
    /// A web server.
    Http(Http),
}

impl Plan {
    /// Whether a model from outside decides alone, and its numbers are decision values: they are no probabilities, and of
    /// one number 0 decides.
    pub(crate) fn decides_at_zero(&self) -> bool {
        self.model.is_empty() && self.scoring.as_ref().is_some_and(|scoring| scoring.written().decides_at_zero())
    }

    /// Reads a document: all its mistakes, or the plan.
    pub fn read(name: &str, text: &str, environment: Environment<'_>) -> Result<Self, Problems> {
        Self::read_with(name, text, environment, &|_| Err("there are no files where this document is read".into()))
    }

    /// Reads a document that may name files of models.
    pub fn read_with(
        name: &str,
        text: &str,
        environment: Environment<'_>,
        files: ModelFiles<'_>,
    ) -> Result<Self, Problems> {
        Self::read_changed(name, text, &[], environment, files)
    }

    /// Reads a document with some of its values changed, each by `key.path=value`.
    pub fn read_changed(
        name: &str,
        text: &str,
        changes: &[String],
        environment: Environment<'_>,
        files: ModelFiles<'_>,
    ) -> Result<Self, Problems> {
        let document = Document::parse(name, text, changes, environment)?;
        let (pipeline, mut mistakes) = document.read();
        if let Some(pipeline) = pipeline {
            match check::plan(&document, &pipeline, files) {
                Ok(plan) if mistakes.is_empty() => return Ok(plan),
                Ok(_) => {}
                Err(more) => mistakes.add(more),
            }
        }
        Err(document.report(mistakes.into_list()))
    }

    /// The topic or the file's name, as partitions are named after it.
    pub fn input_name(&self) -> &str {
        self.input.name()
    }

    /// How many shards a file is cut into.
    pub fn shards(&self) -> i32 {
        match self.input {
            InputPlan::File { shards, .. } => shards,
            InputPlan::Kafka { .. } => 1,
        }
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

    /// The same with this model in the place of the one from outside.
    #[must_use]
    pub fn scoring_by(&self, scoring: Scoring) -> Self {
        Self { scoring: Some(scoring), definition: OnceLock::new(), ..self.clone() }
    }

    /// Whether the state of shards is kept: on Kafka where there is any, over a file where there is a folder.
    pub fn journals(&self) -> bool {
        match self.input {
            InputPlan::Kafka { .. } => self.label.is_some() || self.learns() || self.remembers(),
            InputPlan::File { .. } => self.state.as_ref().is_some_and(|state| state.directory.is_some()),
        }
    }

    /// Whether the model learns here: from labels, or without.
    pub fn learns(&self) -> bool {
        let outside = self.scoring.as_ref().and_then(|scoring| scoring.python.as_ref()?.learn_batch);
        (!self.model.is_empty() || outside.is_some()) && (self.label.is_some() || self.task.is_unsupervised())
    }

    /// Whether something besides the model depends on the rows before.
    fn remembers(&self) -> bool {
        let windows = self.computed.as_ref().is_some_and(|computed| computed.program.has_windows());
        // Which version of a model scored a row is in the journal.
        windows
            || self.scoring.is_some()
            || self.grace.is_some()
            || !self.lookups.is_empty()
            || self.clean.iter().any(|rule| rule.written.remembers())
    }

    /// How much later than their rows labels are known, in microseconds of event time.
    pub fn delay(&self) -> Option<i64> {
        self.label.as_ref()?.delay
    }

    /// The topic of the group's journal.
    pub fn journal_topic(&self) -> String {
        format!("{}.journal", self.kafka.group)
    }

    /// The topic of models that are put in the place of the document's own.
    pub fn models_topic(&self) -> String {
        format!("{}.models", self.kafka.group)
    }

    /// The topic of the group's snapshots.
    pub fn state_topic(&self) -> String {
        format!("{}.state", self.kafka.group)
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

    /// The topics that outputs and dead letters go to.
    pub fn output_topics(&self) -> impl Iterator<Item = (&str, Option<CreatePlan>)> {
        let targets = self.outputs.iter().map(|output| &output.target).chain(&self.dead_letters);
        targets.filter_map(|target| match target {
            TargetPlan::Kafka { topic, create } => Some((topic.as_str(), *create)),
            _ => None,
        })
    }

    /// Where a group's answers go, exactly once in topics, besides: what cannot be in a transaction is told before it.
    pub fn outside(&self) -> impl Iterator<Item = String> {
        let mixed = matches!(self.input, InputPlan::Kafka { .. }) && self.guarantee == Guarantee::ExactlyOnce;
        let outside = move |target: &TargetPlan| mixed && !matches!(target, TargetPlan::Kafka { .. });
        let outputs = self.outputs.iter().filter(move |output| outside(&output.target));
        let letters = self.dead_letters.iter().filter(move |target| outside(target));
        outputs.map(|output| format!("`{}`", output.name)).chain(letters.map(|_| "`dead_letters`".to_string()))
    }

    /// Whether any client of Kafka is needed.
    pub fn uses_kafka(&self) -> bool {
        let table = |table: &LookupPlan| matches!(table.source, LookupSource::Topic(_));
        let input = matches!(self.input, InputPlan::Kafka { .. });
        input || self.output_topics().next().is_some() || self.lookups.iter().any(table)
    }
}
