//! Turns what was written into what was meant.

mod cleaning;
mod features;
mod files;
mod label;
mod learning;
mod lookups;
mod outputs;
mod pretrained;
mod watching;

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use super::{
    ColumnPlan, Computed, InputPlan, LabelPlan, Need, OutputPlan, OutputSchema, Plan, Reading, Start, TargetPlan,
};
use crate::clean::Cleaner;
use crate::connect::{Around, Connections};
use crate::document::{Document, Mistakes, Path, Place, Problem, path, with_nearest};
use crate::lookup::LookupPlan;
use crate::pretrained::{ModelFiles, Scoring};
use crate::spec::{ColumnType, Format, Guarantee, Pipeline, Step};
use crate::watch::WatchPlan;
use gristmill_learn::{Component, Signature, Task};

/// The plan, or every semantic mistake.
pub(super) fn plan(document: &Document, pipeline: &Pipeline, files: ModelFiles<'_>) -> Result<Plan, Vec<Problem>> {
    let known = pipeline.input.columns.0.clone();
    let mut checker = Checker { document, pipeline, known, mistakes: Mistakes::of(document), warnings: Vec::new() };
    let plan = checker.plan(files);
    match plan {
        Some(plan) if checker.mistakes.problems.is_empty() => Ok(plan),
        _ => Err(checker.mistakes.problems),
    }
}

/// Where rows come from and decisions go.
struct Surroundings {
    connections: Connections,
    group: String,
    start: Start,
    input: InputPlan,
    format: Format,
    watch: Vec<WatchPlan>,
    outputs: Vec<OutputPlan>,
    dead_letters: Option<TargetPlan>,
}

/// What happens to rows before the model sees them.
struct RowsPlan {
    id: Option<usize>,
    key: Option<usize>,
    time: Option<usize>,
    grace: Option<i64>,
    clean: Vec<Cleaner>,
    on_arrival: usize,
    flags: Vec<String>,
    lookups: Vec<LookupPlan>,
    features: Vec<usize>,
    computed: Option<Computed>,
}

/// What predicts, what it learns from, and how it is measured.
struct ModelPlan {
    signature: Signature,
    steps: Vec<Component>,
    scoring: Option<Scoring>,
    task: Option<Task>,
    reading: Option<Reading>,
    decision_values: bool,
    label: Option<LabelPlan>,
    segments: Vec<(usize, usize)>,
}

/// The names of a shard's inputs: that of its rows, and that of labels in records of their own.
fn inputs_of(input: &InputPlan, label: Option<&LabelPlan>) -> Vec<Arc<str>> {
    let labels = label.and_then(LabelPlan::input).map(|labels| labels.input.name());
    std::iter::once(input.name()).chain(labels).map(Into::into).collect()
}

struct Checker<'a> {
    document: &'a Document,
    pipeline: &'a Pipeline,
    /// The known columns: those of the input, then those that rules of `clean` flag, then those of tables.
    known: Vec<(String, ColumnType)>,
    mistakes: Mistakes<'a>,
    warnings: Vec<String>,
}

impl<'a> Deref for Checker<'a> {
    type Target = Mistakes<'a>;

    fn deref(&self) -> &Self::Target {
        &self.mistakes
    }
}

impl DerefMut for Checker<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.mistakes
    }
}

impl Checker<'_> {
    fn plan(&mut self, files: ModelFiles<'_>) -> Option<Plan> {
        let pipeline = self.pipeline;
        self.name();
        let (connections, group, start) =
            Connections::read(&pipeline.name, pipeline.client_properties(), &mut self.mistakes);
        let input = self.input();
        let input = input.as_ref();
        let format = self.format(input);
        self.columns();
        let mut rows = self.rows(input);
        let model = self.model_of(files, input, &rows);
        let watch = self.watch(&watching::Sight::new(files, &rows, &model, input));
        watch.iter().filter_map(WatchPlan::rule).for_each(|rule| {
            rows.clean.iter_mut().skip(rule).take(1).for_each(Cleaner::watch);
        });
        let outputs = self.outputs(model.task, model.decision_values, rows.computed.as_ref());
        self.alarms_are_told(&outputs);
        let dead_letters = self.dead_letters();
        self.state(input);
        let guarantee = input.map(|input| self.guarantee(input, &outputs, dead_letters.as_ref()));
        let (input, format) = (input?.clone(), format?);
        let around = Surroundings { connections, group, start, input, format, watch, outputs, dead_letters };
        let plan = Plan { guarantee: guarantee?, ..self.put_together(around, rows, model)? };
        plan.connections.check(&plan.systems(), plan.inputs.len(), &mut self.mistakes);
        self.loops(&plan);
        self.files(&plan);
        Some(Plan { guarantee_reason: outputs::reason(&plan), warnings: std::mem::take(&mut self.warnings), ..plan })
    }

    /// What happens to rows before the model sees them.
    fn rows(&mut self, input: Option<&InputPlan>) -> RowsPlan {
        let written = &self.pipeline.input;
        let (id, key, time) = (self.column(written.id.as_deref(), path(["input", "id"])), self.key(input), self.time());
        let grace = self.grace(time);
        let clean = self.clean([id, key, time], grace);
        let on_arrival = if grace.is_some() { self.on_arrival() } else { 0 };
        let flags = self.known.iter().skip(written.columns.0.len()).map(|(name, _)| name.clone()).collect();
        let lookups = self.lookups();
        let (features, computed) = self.features(input, [key, time]);
        RowsPlan { id, key, time, grace, clean, on_arrival, flags, lookups, features, computed }
    }

    /// What predicts, what it learns from, and how it is measured.
    fn model_of(&mut self, files: ModelFiles<'_>, input: Option<&InputPlan>, rows: &RowsPlan) -> ModelPlan {
        let RowsPlan { features, computed, .. } = rows;
        let scoring = if features.len() == self.pipeline.features.len() { self.scoring(files) } else { None };
        let mut signature = self.signature(features, computed.as_ref());
        let steps: Vec<Component> = self.pipeline.model.iter().filter_map(Step::component).cloned().collect();
        let model = self.model_task(scoring.as_ref(), &steps, &mut signature, features);
        let task = model.map(|task| self.task(task));
        let label = self.label(task, input);
        let alone = scoring.as_ref().filter(|_| steps.is_empty());
        let positive = alone.map_or(1, |scoring| self.positive_class(&scoring.model, label.as_ref()));
        let reading = model.zip(task).map(|(model, task)| Reading::of(model, task, positive));
        self.augment(task);
        let decision_values = alone.is_some_and(|scoring| scoring.model.decides_at_zero());
        let segments = self.metrics(task, decision_values);
        if let Some(estimate) = &self.pipeline.estimate {
            let written = (self.pipeline.label.is_some(), self.pipeline.input.time.is_some());
            crate::estimate::check(estimate, (task, &signature), written, &mut self.mistakes);
        }
        ModelPlan { signature, steps, scoring, task, reading, decision_values, label, segments }
    }

    fn put_together(&self, around: Surroundings, rows: RowsPlan, model: ModelPlan) -> Option<Plan> {
        let pipeline = self.pipeline;
        Some(Plan {
            name: pipeline.name.as_str().into(),
            columns: self.column_plans(&rows),
            group: around.group,
            start: around.start,
            inputs: inputs_of(&around.input, model.label.as_ref()),
            connections: around.connections,
            input: around.input,
            format: around.format,
            id: rows.id,
            key: rows.key,
            time: rows.time,
            flags: rows.flags,
            lookups: rows.lookups,
            clean: rows.clean,
            on_arrival: rows.on_arrival,
            grace: rows.grace,
            idle: pipeline.input.idle.as_ref().map(|idle| idle.0),
            features: rows.features,
            computed: rows.computed,
            assumes_positive: self.assumes_positive(model.label.as_ref()),
            label: model.label,
            augment: pipeline.augment.clone(),
            signature: model.signature,
            model: model.steps,
            scoring: model.scoring,
            output: OutputSchema { task: model.task?, reading: model.reading?, decision_values: model.decision_values },
            metrics: pipeline.evaluate.clone(),
            segments: model.segments,
            estimate: pipeline.estimate.clone(),
            watch: around.watch,
            outputs: around.outputs,
            dead_letters: around.dead_letters,
            guarantee: Guarantee::AtLeastOnce,
            guarantee_reason: String::new(),
            commit: pipeline.commit.clone(),
            batch: pipeline.batch.clone(),
            state: pipeline.state.clone(),
            windows: pipeline.windows.clone(),
            warnings: Vec::new(),
            definition: OnceLock::new(),
        })
    }

    /// The task of the model: what scores, and what learns after it.
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
            Some(scoring) if steps.is_empty() => self.pretrained_task(&scoring.model),
            Some(scoring) => {
                *signature = Self::behind(scoring, signature);
                self.model(steps, signature, features)
            }
            // The mistake in its file has been reported.
            None if steps.len() < self.pipeline.model.len() => None,
            None => self.model(steps, signature, features),
        }
    }

    /// The place of a text in the document; of a part of it, if the text is plain or quoted on one line, so that its
    /// bytes are bytes of the document.
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

    /// The column of the record key: an input that is cut into shards says so where it says how.
    fn key(&mut self, input: Option<&InputPlan>) -> Option<usize> {
        let key = self.column(self.pipeline.input.key.as_deref(), path(["input", "key"]));
        match input.and_then(|input| input.cut_by()) {
            Some((column, at)) => self.column(Some(column), at),
            None => key,
        }
    }

    fn input(&mut self) -> Option<InputPlan> {
        let input = &self.pipeline.input;
        let around = Around { key: input.key.as_deref(), folder: self.keeps_state_in_a_folder() };
        input.plan(around, &mut self.mistakes)
    }

    /// Whether the positive class follows from the column's type, as the document does not name it.
    fn assumes_positive(&self, label: Option<&LabelPlan>) -> bool {
        let written = self.pipeline.label.as_ref().and_then(|label| label.positive.as_ref());
        label.is_some_and(|label| !label.positive.is_empty() && written.is_none())
    }

    /// Whether the document names a folder for the state.
    fn keeps_state_in_a_folder(&self) -> bool {
        self.pipeline.state.as_ref().is_some_and(|state| state.directory.is_some())
    }

    fn format(&mut self, input: Option<&InputPlan>) -> Option<Format> {
        let at = (&path(["input"]), path(["input", "file", "path"]));
        self.format_of(self.pipeline.input.format, input?.file(), at)
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

    /// The column of this name; a problem if there is none.
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

    /// The column of event time.
    fn time(&mut self) -> Option<usize> {
        let time = self.column(self.pipeline.input.time.as_deref(), path(["input", "time"]));
        let kind = time.and_then(|time| self.kind(time)).filter(|kind| !matches!(kind, ColumnType::Timestamp(_)));
        if let Some(kind) = kind.map(ColumnType::name) {
            let message = format!("event time must be a `timestamp` column, this one is `{kind}`");
            let help = "declare it as `timestamp`, or `{timestamp: {unit: ms}}` for a number";
            self.wrong_with_help(path(["input", "time"]), message, help);
        }
        time
    }

    fn column_plans(&self, rows: &RowsPlan) -> Vec<ColumnPlan> {
        let used = rows.computed.as_ref().map(|computed| computed.program.reads()).unwrap_or_default();
        let (features, identity) = ([rows.features.as_slice(), &used].concat(), [rows.id, rows.time]);
        let takes_absence: Vec<&String> =
            self.pipeline.clean.iter().flat_map(|rule| rule.settings().takes_absence()).collect();
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
