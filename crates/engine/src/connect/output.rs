//! Where decisions and dead letters go. Targets of dead letters keep a record byte for byte.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::{Choice, choice};
use super::{FileTarget, Format, Http, KafkaTarget, Stdout, TargetPlan, TargetSpec};
use crate::document::{Mistakes, Path};
use crate::spec::Feature;

/// How dead letters are asked for.
pub(crate) const ADD_DEAD_LETTERS: &str = "`dead_letters: {file: {path: dead.ndjson}}`, or `{kafka: {topic: …}}`";

/// Where decisions go: `kafka`, `file`, `stdout` or `http`, which ones, and what of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// To a topic, under the input record's key.
    pub kafka: Option<KafkaTarget>,
    /// To a file, one decision a line.
    pub file: Option<FileTarget>,
    /// To standard output, one decision a line.
    pub stdout: Option<Stdout>,
    /// To a web server, one request for each decision.
    pub http: Option<Http>,
    /// Only decisions that meet this condition: an SQL expression over columns, features, `score`, `prediction`, `model`
    /// and `probability['class']`. Where it is NULL, since a value is missing or cannot be computed, the decision is not
    /// taken. Default: all.
    pub when: Option<String>,
    /// How decisions are written: `json`, or `csv` with the fields of `select`, whose files begin with a line of their
    /// names. Default: `json`.
    pub format: Option<Format>,
    /// Whether it takes events, such as the alarms of `watch`, and no decisions: JSON objects, each under the name of its
    /// watch as key. Default false.
    pub events: bool,
    /// What is written: names as in `when`, or `{name: SQL expression}`. What is missing or cannot be computed is `null`, in
    /// CSV an empty field. Default: the whole decision.
    pub select: Vec<Feature>,
}

impl Output {
    pub(crate) fn written(&self) -> Choice<'_, dyn TargetSpec> {
        choice!(self as dyn TargetSpec: kafka, file, stdout, http)
    }
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

impl Target {
    pub(crate) fn written(&self) -> Choice<'_, dyn TargetSpec> {
        choice!(self as dyn TargetSpec: kafka, file)
    }
}

impl Choice<'_, dyn TargetSpec> {
    /// The one target that is written.
    pub(crate) fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<TargetPlan> {
        let plans: Vec<TargetPlan> = self.all(at).map(|(target, at)| target.plan(mistakes, &at)).collect();
        let keys = self.keys("");
        let several =
            |_: &str, _: &str| (at.clone(), format!("it is exactly one of {keys}; for two, write two outputs"));
        self.one(mistakes, at, ("it says not where to", format!("add one of {keys}")), several)?;
        plans.into_iter().next()
    }
}
