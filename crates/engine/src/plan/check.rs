//! From what was written to what was meant.

use gristmill_learn::{Chain, Component, LearnError, Model, Task};

use super::{ColumnPlan, InputPlan, KafkaPlan, LabelPlan, Need, OutputPlan, Plan, TargetPlan};
use crate::condition::{self, Condition};
use crate::document::{Document, Path, Problem, nearest, path};
use crate::spec::{ColumnType, Format, Guarantee, KafkaTarget, Pipeline, Size};

/// Above this, a dead letter no longer fits in one record of any reasonable broker.
const LARGEST_RECORD: Size = Size(64 << 20);

/// The plan, or every mistake of sense.
pub(super) fn plan(document: &Document, pipeline: &Pipeline) -> Result<Plan, Vec<Problem>> {
    let mut checker = Checker { document, pipeline, problems: Vec::new(), warnings: Vec::new() };
    let plan = checker.plan();
    match plan {
        Some(plan) if checker.problems.is_empty() => Ok(plan),
        _ => Err(checker.problems),
    }
}

struct Checker<'a> {
    document: &'a Document,
    pipeline: &'a Pipeline,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Checker<'_> {
    fn plan(&mut self) -> Option<Plan> {
        let pipeline = self.pipeline;
        self.name();
        let kafka = KafkaPlan::read(self.document, &pipeline.name, &pipeline.kafka, &mut self.problems);
        let input = self.input();
        let format = self.format();
        self.columns();
        let features = self.features();
        let (id, key, time) = (
            self.column(pipeline.input.id.as_deref(), path(["input", "id"])),
            self.column(pipeline.input.key.as_deref(), path(["input", "key"])),
            self.column(pipeline.input.time.as_deref(), path(["input", "time"])),
        );
        self.time_is_a_time(time);
        let task = self.model(features.len());
        let label = self.label(task);
        self.metrics(task);
        let outputs = self.outputs(task);
        let dead_letters = self.dead_letters();
        let columns = self.column_plans(&features, [id, time]);
        let guarantee = self.guarantee();
        let plan = Plan {
            name: pipeline.name.as_str().into(),
            kafka,
            input: input?,
            format: format?,
            columns,
            id,
            key,
            time,
            features,
            label,
            model: pipeline.model.clone(),
            task: task?,
            metrics: pipeline.evaluate.clone(),
            outputs,
            dead_letters,
            guarantee,
            guarantee_reason: String::new(),
            commit: pipeline.commit.clone(),
            warnings: Vec::new(),
        };
        self.brokers(&plan);
        self.loops(&plan);
        Some(Plan { guarantee_reason: reason(&plan), warnings: std::mem::take(&mut self.warnings), ..plan })
    }

    fn wrong(&mut self, at: Path, message: impl Into<String>) -> &mut Problem {
        let place = self.document.place(&at);
        self.problems.push(Problem::at(place, message));
        let last = self.problems.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "pushed just now")]
        &mut self.problems[last]
    }

    fn wrong_with_help(&mut self, at: Path, message: impl Into<String>, help: impl Into<String>) {
        self.wrong(at, message).help = Some(help.into());
    }

    fn name(&mut self) {
        let name = &self.pipeline.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 200 || !name.chars().all(fits) {
            let message = format!("`{name}` cannot name a pipeline: use letters, digits, `.`, `_` and `-`");
            self.wrong_with_help(path(["name"]), message, "topics and the consumer group are named after it");
        }
    }

    fn input(&mut self) -> Option<InputPlan> {
        let input = &self.pipeline.input;
        match (&input.file, &input.kafka) {
            (Some(file), None) => {
                if file.max_record > LARGEST_RECORD || file.max_record == Size(0) {
                    let message = format!("`max_record` must be at least 1 B and at most {LARGEST_RECORD}");
                    self.wrong(path(["input", "file", "max_record"]), message);
                }
                let delimiter = match file.delimiter.as_deref().map(str::as_bytes) {
                    None => b',',
                    Some([one]) if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => *one,
                    Some(_) => {
                        self.wrong(path(["input", "file", "delimiter"]), "`delimiter` must be one ASCII character");
                        b','
                    }
                };
                Some(InputPlan::File {
                    path: file.path.clone(),
                    max_record: file.max_record,
                    header: file.header,
                    delimiter,
                })
            }
            (None, Some(kafka)) => match kafka.topics.as_slice() {
                [topic] => {
                    self.topic(topic, path(["input", "kafka", "topics", "0"]));
                    let create = kafka.create.as_ref().map(Into::into);
                    Some(InputPlan::Kafka { topic: topic.clone(), create })
                }
                _ => {
                    let message = "a pipeline reads exactly one topic for now";
                    self.wrong_with_help(
                        path(["input", "kafka", "topics"]),
                        message,
                        "run one pipeline for each topic, or merge the topics",
                    );
                    None
                }
            },
            (None, None) => {
                self.wrong_with_help(path(["input"]), "the input says not where from", "add `file:` or `kafka:`");
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(path(["input", "kafka"]), "the input is `file` or `kafka`, not both");
                None
            }
        }
    }

    fn topic(&mut self, topic: &str, at: Path) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > 249 || !topic.chars().all(fits) || topic == "." || topic == ".." {
            let message = format!("`{topic}` cannot name a topic: use letters, digits, `.`, `_` and `-`");
            self.wrong(at, message);
        }
    }

    fn format(&mut self) -> Option<Format> {
        let input = &self.pipeline.input;
        if input.format.is_some() {
            return input.format;
        }
        let help = "add `format: json` or `format: csv` beside it";
        let Some(file) = &input.file else {
            if input.kafka.is_some() {
                self.wrong_with_help(path(["input"]), "`format` is missing", help);
            }
            return None;
        };
        let name = file.path.to_lowercase();
        let bare = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
        if bare.ends_with(".csv") {
            Some(Format::Csv)
        } else if [".ndjson", ".jsonl", ".json"].iter().any(|ending| bare.ends_with(ending)) {
            Some(Format::Json)
        } else {
            let message = format!("the name `{}` does not say how its records are written", file.path);
            self.wrong_with_help(path(["input", "file", "path"]), message, help);
            None
        }
    }

    fn columns(&mut self) {
        for reserved in ["score", "prediction"] {
            if self.pipeline.input.columns.get(reserved).is_some() {
                let message = format!("a column cannot be named `{reserved}`: conditions mean the model's by it");
                self.wrong(path(["input", "columns", reserved]), message);
            }
        }
        if self.pipeline.input.columns.0.is_empty() {
            self.wrong(path(["input", "columns"]), "`columns` names no column");
        }
    }

    /// The column of this name; a problem where there is none.
    fn column(&mut self, name: Option<&str>, at: Path) -> Option<usize> {
        let name = name?;
        let columns = &self.pipeline.input.columns;
        let found = columns.keys().position(|column| column == name);
        if found.is_none() {
            let known: Vec<&str> = columns.keys().collect();
            let message = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("no column `{name}`; did you mean `{meant}`?"),
                None => format!("no column `{name}`"),
            };
            let help = format!("columns of the input: {}", known.join(", "));
            self.wrong_with_help(at, message, help);
        }
        found
    }

    fn kind(&self, column: usize) -> Option<&ColumnType> {
        self.pipeline.input.columns.0.get(column).map(|(_, kind)| kind)
    }

    fn features(&mut self) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for (index, name) in self.pipeline.features.iter().enumerate() {
            let at = path(["features", &index.to_string()]);
            let Some(column) = self.column(Some(name), at.clone()) else { continue };
            if found.contains(&column) {
                self.wrong(at, format!("the feature `{name}` is listed twice"));
            } else if Some(name) == self.pipeline.label.as_ref().map(|label| &label.column) {
                let help = "a model that sees the answer learns nothing";
                self.wrong_with_help(at, format!("the label `{name}` cannot be a feature"), help);
            } else if let Some(ColumnType::String(_)) = self.kind(column) {
                let message = format!("the feature `{name}` is a string; the model takes numbers");
                self.wrong_with_help(at, message, "use a column of type float64, int64, boolean or timestamp");
            } else {
                found.push(column);
            }
        }
        found
    }

    fn time_is_a_time(&mut self, time: Option<usize>) {
        let kind = time.and_then(|time| self.kind(time)).filter(|kind| !matches!(kind, ColumnType::Timestamp(_)));
        if let Some(kind) = kind.map(ColumnType::name) {
            let message = format!("event time must be a `timestamp` column, this one is `{kind}`");
            let help = "declare it as `timestamp`, or `{timestamp: {unit: ms}}` for a number";
            self.wrong_with_help(path(["input", "time"]), message, help);
        }
    }

    fn model(&mut self, width: usize) -> Option<Task> {
        for (index, component) in self.pipeline.model.iter().enumerate() {
            if let Err(message) = component.check() {
                self.wrong(path(["model", &index.to_string()]), message);
            }
        }
        match Chain::new(&self.pipeline.model, width) {
            Ok(chain) => Some(chain.task()),
            Err(LearnError::Chain(message)) => {
                let learners: Vec<String> =
                    Component::every().iter().filter(|c| c.is_learner()).map(crate::describe::name_of).collect();
                self.wrong_with_help(path(["model"]), message, format!("learners: {}", learners.join(", ")));
                None
            }
            Err(error) => {
                self.wrong(path(["model"]), error.to_string());
                None
            }
        }
    }

    fn label(&mut self, task: Option<Task>) -> Option<LabelPlan> {
        let Some(label) = &self.pipeline.label else {
            self.warnings
                .push("there is no `label`: the model is never trained, every score is its start value".into());
            return None;
        };
        let column = self.column(Some(&label.column), path(["label", "column"]))?;
        let kind = self.kind(column)?.clone();
        let class_given = label.positive.is_some() || label.negative.is_some();
        match (task?, &kind) {
            (Task::Regression, ColumnType::Int64(_) | ColumnType::Float64(_)) if class_given => {
                let message = "`positive` and `negative` are for classes; this model predicts a number";
                self.wrong(path(["label"]), message);
                None
            }
            (Task::Regression, ColumnType::Int64(_) | ColumnType::Float64(_)) => {
                Some(LabelPlan { column, positive: String::new(), negative: None })
            }
            (Task::Regression, kind) => {
                let message =
                    format!("a regression needs a number as its label; `{}` is `{}`", label.column, kind.name());
                self.wrong_with_help(path(["label", "column"]), message, "for classes use logistic_regression");
                None
            }
            (Task::BinaryClassification, ColumnType::Timestamp(_)) => {
                self.wrong(path(["label", "column"]), "a time cannot be a class");
                None
            }
            (Task::BinaryClassification, kind) => self.classes(column, kind),
        }
    }

    fn classes(&mut self, column: usize, kind: &ColumnType) -> Option<LabelPlan> {
        let label = self.pipeline.label.as_ref()?;
        let default = match kind {
            ColumnType::Boolean(_) => Some("true"),
            ColumnType::Int64(_) | ColumnType::Float64(_) => Some("1"),
            _ => None,
        };
        let Some(positive) = label.positive.as_deref().or(default) else {
            let message = format!("which value of `{}` is the positive class?", label.column);
            self.wrong_with_help(path(["label"]), message, "add `positive: …` to the label");
            return None;
        };
        for (key, value) in [("positive", Some(positive)), ("negative", label.negative.as_deref())] {
            let Some(value) = value else { continue };
            let fits = match kind {
                ColumnType::Boolean(_) => matches!(value, "true" | "false"),
                ColumnType::Int64(_) => value.parse::<i64>().is_ok(),
                ColumnType::Float64(_) => value.parse::<f64>().is_ok(),
                _ => true,
            };
            if !fits {
                let message = format!("`{value}` cannot be in `{}`, a column of type `{}`", label.column, kind.name());
                self.wrong(path(["label", key]), message);
            }
        }
        if label.negative.as_deref() == Some(positive) {
            self.wrong(path(["label", "negative"]), "`negative` and `positive` are the same");
        }
        let implied = matches!(kind, ColumnType::Boolean(_)).then(|| (positive != "true").to_string());
        Some(LabelPlan { column, positive: positive.into(), negative: label.negative.clone().or(implied) })
    }

    fn metrics(&mut self, task: Option<Task>) {
        let Some(task) = task else { return };
        let mut keys: Vec<String> = Vec::new();
        for (index, kind) in self.pipeline.evaluate.iter().enumerate() {
            let at = path(["evaluate", &index.to_string()]);
            let key = kind.key();
            if !kind.build().accepts(task) {
                let fitting: Vec<String> = gristmill_learn::MetricKind::every()
                    .iter()
                    .filter(|other| other.build().accepts(task))
                    .map(gristmill_learn::MetricKind::key)
                    .collect();
                let what = match task {
                    Task::BinaryClassification => "predicts classes",
                    Task::Regression => "predicts a number",
                };
                let help = format!("metrics for it: {}", fitting.join(", "));
                self.wrong_with_help(at, format!("`{key}` does not fit a model that {what}"), help);
            } else if keys.contains(&key) {
                self.wrong(at, format!("`{key}` is listed twice"));
            }
            keys.push(key);
        }
        if self.pipeline.label.is_none() && !self.pipeline.evaluate.is_empty() {
            self.wrong_with_help(
                path(["evaluate"]),
                "nothing can be evaluated without a `label`",
                "add `label: {column: …}`",
            );
        }
    }

    fn outputs(&mut self, task: Option<Task>) -> Vec<OutputPlan> {
        let mut plans: Vec<OutputPlan> = Vec::new();
        for (name, output) in &self.pipeline.outputs.0 {
            let at = path(["outputs", name]);
            let stdout = output.stdout.as_ref().map(|_| TargetPlan::Stdout);
            let target = self.target(&at, &output.kafka, output.file.as_ref().map(|file| &file.path), stdout);
            let when = output.when.as_ref().and_then(|text| self.condition(text, name, task));
            if let Some(target) = target {
                let same_file =
                    plans.iter().any(|other| other.target == target && matches!(target, TargetPlan::File { .. }));
                if same_file {
                    self.wrong(at, "two outputs cannot write the same file");
                }
                plans.push(OutputPlan { name: name.clone(), target, when, when_text: output.when.clone() });
            }
        }
        plans
    }

    fn target(
        &mut self,
        at: &Path,
        kafka: &Option<KafkaTarget>,
        file: Option<&String>,
        stdout: Option<TargetPlan>,
    ) -> Option<TargetPlan> {
        let allowed = if at.first().is_some_and(|key| key == "outputs") {
            "`kafka`, `file` or `stdout`"
        } else {
            "`kafka` or `file`"
        };
        let kafka = kafka.as_ref().map(|kafka| {
            self.topic(&kafka.topic, [at.as_slice(), &path(["kafka", "topic"])].concat());
            TargetPlan::Kafka { topic: kafka.topic.clone(), create: kafka.create.as_ref().map(Into::into) }
        });
        let file = file.map(|path| TargetPlan::File { path: path.clone() });
        let mut given = [kafka, file, stdout].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(target), None) => Some(target),
            (None, _) => {
                self.wrong_with_help(at.clone(), "it says not where to", format!("add one of {allowed}"));
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(at.clone(), format!("it is exactly one of {allowed}; for two, write two outputs"));
                None
            }
        }
    }

    fn condition(&mut self, text: &str, output: &str, task: Option<Task>) -> Option<Condition> {
        let prediction = if task == Some(Task::Regression) { "float64" } else { "string" };
        let mut names = vec![("score", "float64"), ("prediction", prediction)];
        names.extend(self.pipeline.input.columns.0.iter().map(|(name, kind)| (name.as_str(), kind.name())));
        match condition::parse(text, &names) {
            Ok(condition) => Some(condition),
            Err(wrong) => {
                let mut place = self.document.place(&path(["outputs", output, "when"]));
                // Plain text on one line: the byte in the condition is a byte in the document.
                if place.end - place.start == text.len() {
                    place.start = (place.start + wrong.at).min(place.end);
                }
                let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                let help = format!("a condition compares {}, as in `score > 0.5 AND NOT flagged`", known.join(", "));
                self.problems.push(Problem::at(place, wrong.message).help(help));
                None
            }
        }
    }

    fn dead_letters(&mut self) -> Option<TargetPlan> {
        let target = self.pipeline.dead_letters.as_ref()?;
        self.target(&path(["dead_letters"]), &target.kafka, target.file.as_ref().map(|file| &file.path), None)
    }

    fn column_plans(&self, features: &[usize], identity: [Option<usize>; 2]) -> Vec<ColumnPlan> {
        let need = |index: usize, kind: &ColumnType| match index {
            index if identity.contains(&Some(index)) => Need::Value,
            index if features.contains(&index) && !kind.optional() => Need::Presence,
            _ => Need::Nothing,
        };
        let columns = self.pipeline.input.columns.0.iter().enumerate();
        columns
            .map(|(index, (name, kind))| ColumnPlan { name: name.clone(), kind: kind.clone(), need: need(index, kind) })
            .collect()
    }

    fn guarantee(&mut self) -> Guarantee {
        if self.pipeline.guarantee == Some(Guarantee::ExactlyOnce) {
            let message = "`exactly_once` is not offered yet: this version keeps `at_least_once`";
            let help = "leave `guarantee` out; after a crash some answers may be written twice";
            self.wrong_with_help(path(["guarantee"]), message, help);
        }
        Guarantee::AtLeastOnce
    }

    fn brokers(&mut self, plan: &Plan) {
        if plan.uses_kafka() && plan.kafka.brokers().is_empty() {
            let message = "this pipeline uses Kafka, but no broker is named";
            self.wrong_with_help(
                path(["input"]),
                message,
                "add `kafka: {bootstrap.servers: \"localhost:9092\"}` at the top",
            );
        }
    }

    fn loops(&mut self, plan: &Plan) {
        let InputPlan::Kafka { topic: input, .. } = &plan.input else { return };
        for output in &plan.outputs {
            if matches!(&output.target, TargetPlan::Kafka { topic, .. } if topic == input) {
                let message = format!("writing decisions to the input's topic `{input}` would feed them back for ever");
                self.wrong(path(["outputs", &output.name, "kafka", "topic"]), message);
            }
        }
        if matches!(&plan.dead_letters, Some(TargetPlan::Kafka { topic, .. }) if topic == input) {
            let message = format!("writing dead letters to the input's topic `{input}` would feed them back for ever");
            self.wrong(path(["dead_letters", "kafka", "topic"]), message);
        }
    }
}

fn reason(plan: &Plan) -> String {
    match plan.input {
        InputPlan::Kafka { .. } => {
            "outputs are flushed before offsets are committed, so after a crash some records are answered again; \
             a model that moves to another member starts untrained"
        }
        InputPlan::File { .. } => "a file is read from its beginning by every run",
    }
    .into()
}
