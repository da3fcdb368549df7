//! What a document means: every name resolved, every type known, every mistake found. Touches nothing else.

mod check;
mod kafka;
mod show;

pub use kafka::{KafkaPlan, Start};

use std::sync::Arc;

use gristmill_learn::{Component, MetricKind, Task};

use crate::condition::Condition;
use crate::document::{Document, Environment, Problems};
use crate::spec::{ColumnType, Commit, Create, Format, Guarantee, Size, State};

/// A pipeline ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pipeline's name.
    pub name: Arc<str>,
    /// The Kafka clients' properties.
    pub kafka: KafkaPlan,
    /// Where records come from.
    pub input: InputPlan,
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
    /// The columns that the model sees.
    pub features: Vec<usize>,
    /// Where the truth is.
    pub label: Option<LabelPlan>,
    /// The steps of the model.
    pub model: Vec<Component>,
    /// What it predicts.
    pub task: Task,
    /// What is measured.
    pub metrics: Vec<MetricKind>,
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
    /// Where a pipeline over a file keeps its state.
    pub state: Option<State>,
    /// What is allowed but worth a word.
    pub warnings: Vec<String>,
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
    },
    /// A topic.
    Kafka {
        /// The topic.
        topic: String,
        /// How to create it if it is missing.
        create: Option<CreatePlan>,
    },
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

/// How a label is read.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelPlan {
    /// The column.
    pub column: usize,
    /// The positive class as text; empty for regression.
    pub positive: String,
    /// The other class, where the document fixes it.
    pub negative: Option<String>,
}

/// Where decisions go.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputPlan {
    /// The name the document gives it.
    pub name: String,
    /// The target.
    pub target: TargetPlan,
    /// Which decisions.
    pub when: Option<Condition>,
    /// The same as written.
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
}

/// The slot of `score` in a condition; `prediction` follows, then the columns.
pub const SCORE: usize = 0;
/// The slot of `prediction` in a condition.
pub const PREDICTION: usize = 1;
/// The slot of the first column in a condition.
pub const FIRST_COLUMN: usize = 2;

impl Plan {
    /// Reads a document: all its mistakes, or the plan.
    pub fn read(name: &str, text: &str, environment: Environment<'_>) -> Result<Self, Problems> {
        let document = Document::parse(name, text, environment)?;
        let (pipeline, mut mistakes) = document.read();
        if let Some(pipeline) = pipeline {
            match check::plan(&document, &pipeline) {
                Ok(plan) if mistakes.is_empty() => return Ok(plan),
                Ok(_) => {}
                Err(more) => mistakes.add(more),
            }
        }
        Err(document.report(mistakes.into_list()))
    }

    /// The topic or the file's name, as partitions are named after it.
    pub fn input_name(&self) -> &str {
        match &self.input {
            InputPlan::Kafka { topic, .. } => topic,
            InputPlan::File { path, .. } if path == "-" => "stdin",
            InputPlan::File { path, .. } => path.rsplit(['/', '\\']).next().unwrap_or(path),
        }
    }

    /// What saved state depends on, part by part: another definition needs other state.
    pub fn definition(&self) -> Vec<(&'static str, String)> {
        let features: Vec<&ColumnPlan> = self.features.iter().filter_map(|index| self.columns.get(*index)).collect();
        let label = self.label.as_ref().map(|label| (self.columns.get(label.column), label));
        let outputs: Vec<_> = self.outputs.iter().map(|output| (&output.name, &output.target)).collect();
        vec![
            ("features", format!("{features:?}")),
            ("label", format!("{label:?}")),
            ("model", format!("{:?}", self.model)),
            ("evaluate", format!("{:?}", self.metrics)),
            ("outputs", format!("{outputs:?}")),
            ("dead_letters", format!("{:?}", self.dead_letters)),
        ]
    }

    /// The topics that outputs and dead letters go to.
    pub fn output_topics(&self) -> impl Iterator<Item = (&str, Option<CreatePlan>)> {
        let targets = self.outputs.iter().map(|output| &output.target).chain(&self.dead_letters);
        targets.filter_map(|target| match target {
            TargetPlan::Kafka { topic, create } => Some((topic.as_str(), *create)),
            _ => None,
        })
    }

    /// Whether any client of Kafka is needed.
    pub fn uses_kafka(&self) -> bool {
        matches!(self.input, InputPlan::Kafka { .. }) || self.output_topics().next().is_some()
    }
}
