//! From what was written to what was meant.

mod cleaning;
mod features;
mod files;
mod learning;
mod lookups;
mod outputs;
mod pretrained;

use std::sync::OnceLock;

use super::{ColumnPlan, InputPlan, KafkaPlan, Need, Plan, Reading};
use crate::clean::Clean;
use crate::document::{Document, Path, Place, Problem, path, with_nearest};
use crate::pretrained::{ModelFiles, Scoring};
use crate::spec::{ColumnType, Format, Pipeline, Size, Step};
use gristmill_learn::{Component, Signature, Task};

/// Above this, a dead letter no longer fits in one record of any reasonable broker.
const LARGEST_RECORD: Size = Size(64 << 20);

/// The plan, or every mistake of sense.
pub(super) fn plan(document: &Document, pipeline: &Pipeline, files: ModelFiles<'_>) -> Result<Plan, Vec<Problem>> {
    let known = pipeline.input.columns.0.clone();
    let mut checker = Checker { document, pipeline, known, problems: Vec::new(), warnings: Vec::new() };
    let plan = checker.plan(files);
    match plan {
        Some(plan) if checker.problems.is_empty() => Ok(plan),
        _ => Err(checker.problems),
    }
}

struct Checker<'a> {
    document: &'a Document,
    pipeline: &'a Pipeline,
    /// The columns that there are: those of the input, then those that rules of `clean` flag, then those of tables.
    known: Vec<(String, ColumnType)>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Checker<'_> {
    fn plan(&mut self, files: ModelFiles<'_>) -> Option<Plan> {
        let pipeline = self.pipeline;
        self.name();
        let kafka = KafkaPlan::read(self.document, &pipeline.name, &pipeline.kafka, &mut self.problems);
        let input = self.input();
        let format = self.format();
        self.columns();
        let (id, key, time) = (
            self.column(pipeline.input.id.as_deref(), path(["input", "id"])),
            self.key(),
            self.column(pipeline.input.time.as_deref(), path(["input", "time"])),
        );
        self.time_is_a_time(time);
        let grace = self.grace(time);
        let clean = self.clean([id, key, time], grace);
        let on_arrival = if grace.is_some() { self.on_arrival() } else { 0 };
        let flags = self.known.len() - pipeline.input.columns.0.len();
        let lookups = self.lookups();
        let (features, computed) = self.features(key, time);
        let scoring = if features.len() == pipeline.features.len() { self.scoring(files) } else { None };
        let mut signature = self.signature(&features, computed.as_ref());
        let steps: Vec<Component> = pipeline.model.iter().filter_map(Step::component).cloned().collect();
        let model = self.model_task(scoring.as_ref(), &steps, &mut signature, &features);
        let task = model.map(|task| self.task(task));
        let label = self.label(task);
        let alone = scoring.as_ref().filter(|_| steps.is_empty());
        let positive = alone.map_or(1, |scoring| self.positive_class(scoring.written(), label.as_ref()));
        let reading = model.zip(task).map(|(model, task)| Reading::of(model, task, positive));
        let written = pipeline.label.as_ref().and_then(|label| label.positive.as_ref());
        let assumes_positive = label.as_ref().is_some_and(|label| !label.positive.is_empty() && written.is_none());
        self.augment(task);
        let at_zero = steps.is_empty() && scoring.as_ref().is_some_and(|scoring| scoring.written().decides_at_zero());
        let segments = self.metrics(task, at_zero);
        let outputs = self.outputs(task, at_zero, computed.as_ref());
        let dead_letters = self.dead_letters();
        let used = computed.as_ref().map(|computed| computed.program.reads()).unwrap_or_default();
        let columns = self.column_plans(&[features.as_slice(), &used].concat(), [id, time]);
        self.state();
        let guarantee = self.guarantee(&outputs, dead_letters.as_ref());
        let plan = Plan {
            name: pipeline.name.as_str().into(),
            kafka,
            inputs: vec![input.as_ref()?.name().into()],
            input: input?,
            format: format?,
            id,
            key,
            time,
            flags: self.known.iter().skip(columns.len()).take(flags).map(|(name, _)| name.clone()).collect(),
            lookups,
            columns,
            clean,
            on_arrival,
            grace,
            features,
            computed,
            label,
            assumes_positive,
            augment: pipeline.augment.clone(),
            signature,
            model: steps,
            scoring,
            task: task?,
            reading: reading?,
            metrics: pipeline.evaluate.clone(),
            segments,
            outputs,
            dead_letters,
            guarantee,
            guarantee_reason: String::new(),
            commit: pipeline.commit.clone(),
            batch: pipeline.batch.clone(),
            state: pipeline.state.clone(),
            windows: pipeline.windows.clone(),
            warnings: Vec::new(),
            definition: OnceLock::new(),
        };
        self.brokers(&plan);
        self.loops(&plan);
        self.files(&plan);
        Some(Plan { guarantee_reason: outputs::reason(&plan), warnings: std::mem::take(&mut self.warnings), ..plan })
    }

    /// What the model is for: what scores, and what learns behind it.
    fn model_task(
        &mut self,
        scoring: Option<&Scoring>,
        steps: &[Component],
        signature: &mut Signature,
        features: &[usize],
    ) -> Option<Task> {
        if let Some(scoring) = scoring {
            self.inputs_fit(scoring, signature);
        }
        match scoring {
            Some(scoring) if steps.is_empty() => self.pretrained_task(scoring.written()),
            Some(scoring) => {
                *signature = Self::behind(scoring, signature);
                self.model(steps, signature, features)
            }
            // What is wrong with its file was said.
            None if steps.len() < self.pipeline.model.len() => None,
            None => self.model(steps, signature, features),
        }
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

    /// The place of a text in the document; of a part of it, where the text is written plainly or in quotes on one line,
    /// so that its bytes are bytes of the document.
    fn within(&self, at: &Path, length: usize, part: Option<(usize, usize)>) -> Place {
        let mut place = self.document.place(at);
        let around = (place.end - place.start).checked_sub(length).filter(|around| matches!(around, 0 | 2));
        if let (Some(around), Some((from, to))) = (around, part) {
            (place.start, place.end) = (place.start + around / 2 + from, place.start + around / 2 + to);
        }
        place
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
                let delimiter = self.delimiter(file.delimiter.as_deref(), path(["input", "file", "delimiter"]));
                Some(InputPlan::File {
                    path: file.path.clone(),
                    max_record: file.max_record,
                    header: file.header,
                    delimiter,
                    shards: file.shards.as_ref().map_or(1, |shards| shards.count),
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

    /// The column of the record key: a file that is cut into shards says so where it says how.
    fn key(&mut self) -> Option<usize> {
        let input = &self.pipeline.input;
        let key = self.column(input.key.as_deref(), path(["input", "key"]));
        let Some((file, shards)) = input.file.as_ref().and_then(|file| Some((file, file.shards.as_ref()?))) else {
            return key;
        };
        let at = |name: &str| path(["input", "file", "shards", name]);
        if input.key.as_ref().is_some_and(|key| *key != shards.key) {
            let message = format!("the file is cut by `{}`, so that is the record key", shards.key);
            self.wrong_with_help(path(["input", "key"]), message, "leave `key` out, or name the same column");
        }
        if file.path == "-" && self.pipeline.state.as_ref().is_some_and(|state| state.directory.is_some()) {
            let message = "standard input cannot be read again shard by shard, as a kept state may need";
            self.wrong_with_help(at("count"), message, "write it to a file first, or leave `shards` out");
        }
        self.column(Some(&shards.key), at("key"))
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
        self.format_of(&file.path, path(["input", "file", "path"]))
    }

    /// The character between the fields of a CSV file.
    fn delimiter(&mut self, written: Option<&str>, at: Path) -> u8 {
        match written.map(str::as_bytes) {
            None => b',',
            Some([one]) if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => *one,
            Some(_) => {
                self.wrong(at, "`delimiter` must be one ASCII character");
                b','
            }
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
        let found = self.known.iter().position(|(column, _)| column == name);
        if found.is_none() {
            let known: Vec<&str> = self.known.iter().map(|(name, _)| name.as_str()).collect();
            let message = with_nearest(format!("no column `{name}`"), name, known.iter().copied());
            let help = format!("columns of the input: {}", known.join(", "));
            self.wrong_with_help(at, message, help);
        }
        found
    }

    fn kind(&self, column: usize) -> Option<&ColumnType> {
        self.known.get(column).map(|(_, kind)| kind)
    }

    fn time_is_a_time(&mut self, time: Option<usize>) {
        let kind = time.and_then(|time| self.kind(time)).filter(|kind| !matches!(kind, ColumnType::Timestamp(_)));
        if let Some(kind) = kind.map(ColumnType::name) {
            let message = format!("event time must be a `timestamp` column, this one is `{kind}`");
            let help = "declare it as `timestamp`, or `{timestamp: {unit: ms}}` for a number";
            self.wrong_with_help(path(["input", "time"]), message, help);
        }
    }

    fn column_plans(&self, features: &[usize], identity: [Option<usize>; 2]) -> Vec<ColumnPlan> {
        let takes_absence: Vec<&String> = self.pipeline.clean.iter().flat_map(Clean::takes_absence).collect();
        let need = |index: usize, name: &String, kind: &ColumnType| match index {
            index if identity.contains(&Some(index)) => Need::Value,
            _ if takes_absence.contains(&name) => Need::Nothing,
            index if features.contains(&index) && !kind.optional() => Need::Presence,
            _ => Need::Nothing,
        };
        let columns = self.pipeline.input.columns.0.iter().enumerate();
        columns
            .map(|(index, (name, kind))| ColumnPlan {
                name: name.clone(),
                kind: kind.clone(),
                need: need(index, name, kind),
            })
            .collect()
    }
}
