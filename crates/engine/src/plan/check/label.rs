//! Checks the label: in its row, or in records of its own.

use gristmill_learn::Task;

use super::Checker;
use crate::connect::{Around, InputPlan};
use crate::document::{Path, path};
use crate::label::{Label, LabelFrom, LabelInput, LabelPlan};
use crate::plan::{ColumnPlan, Need};
use crate::spec::{ColumnType, Entries, Size, Span, Step};

/// The memory of rows that wait for labels of their own, unless the document says otherwise.
const MEMORY: Size = Size(1 << 30);

impl Checker<'_> {
    pub(super) fn label(&mut self, task: Option<Task>, input: Option<&InputPlan>) -> Option<LabelPlan> {
        let pipeline = self.pipeline;
        let Some(label) = &pipeline.label else {
            self.without_label(task);
            return None;
        };
        let apart = !label.source().is_empty();
        let (column, from) = if apart { self.label_input(label, input)? } else { self.label_of_row(label)? };
        let (positive, negative) = self.label_classes(task?, label, &column.kind)?;
        let plan = LabelPlan { column, from, positive, negative };
        self.otherwise(label, &plan);
        Some(plan)
    }

    fn without_label(&mut self, task: Option<Task>) {
        let frozen = |step: &Step| match step {
            Step::Component(_) => false,
            Step::File(_) => true,
            Step::Python(python) => python.learn_batch.is_none(),
        };
        if !task.is_some_and(Task::is_unsupervised) && !self.pipeline.model.iter().all(frozen) {
            let message = "there is no `label`: the model is never trained, every score is its start value";
            self.warnings.push(message.into());
        }
    }

    /// How much later than its row the label is known, in microseconds.
    pub(super) fn delay(&self) -> Option<i64> {
        Some(microseconds(self.pipeline.label.as_ref()?.delay.as_ref()?))
    }

    /// A label that is a column of its row.
    fn label_of_row(&mut self, label: &Label) -> Option<(ColumnPlan, LabelFrom)> {
        for key in label.of_their_own() {
            let message =
                format!("`{key}` is about labels in records of their own, and this one is a column of the row");
            let help = format!("add {} under `label`, or leave it out", label.source().keys(": …"));
            self.wrong_with_help(path(["label", key]), message, help);
        }
        let column = self.column(Some(&label.column), path(["label", "column"]))?;
        let kind = self.kind(column)?.clone();
        let delay = self.delay();
        if delay.is_some() && self.pipeline.input.time.is_none() {
            let help = "name the column of event time: `time: …` under `input`";
            self.wrong_with_help(path(["label", "delay"]), "a delay is one of event time, and there is none", help);
        }
        let plan = ColumnPlan { name: label.column.clone(), kind, need: Need::Nothing };
        Some((plan, LabelFrom::Row { column, delay }))
    }

    /// Labels in records of their own.
    fn label_input(&mut self, label: &Label, input: Option<&InputPlan>) -> Option<(ColumnPlan, LabelFrom)> {
        let before = self.problems.len();
        let (source, at) = self.label_source(label, input)?;
        let file_at = [at.as_slice(), &path(["path"])].concat();
        let format = self.format_of(label.format, source.file(), (&path(["label"]), file_at));
        let columns = label.columns.as_ref().filter(|columns| !columns.0.is_empty());
        if columns.is_none() {
            let help = "name the columns of a label's record and their types: `columns: {…}` under `label`";
            self.wrong_with_help(path(["label"]), "labels in records of their own have `columns` of their own", help);
        }
        let id = self.label_id(label, columns?);
        let column = self.label_column(columns?, &label.column, "column");
        let time = self.label_time(label, columns?, &source);
        let wait = self.wait(label);
        if let Some((key, _)) = source.cut_by() {
            self.label_column_at(columns?, key, [at.as_slice(), &path(["shards", "key"])].concat());
        }
        if self.problems.len() > before {
            return None;
        }
        let identity = [id, time];
        let need = |index: usize| if identity.contains(&Some(index)) { Need::Value } else { Need::Nothing };
        let plans = columns?.0.iter().enumerate();
        let plans = plans
            .map(|(index, (name, kind))| ColumnPlan { name: name.clone(), kind: kind.clone(), need: need(index) })
            .collect::<Vec<ColumnPlan>>();
        let input = LabelInput {
            input: source,
            format: format?,
            id: id?,
            column: column?,
            time,
            wait: wait?,
            otherwise: label.otherwise.clone(),
            max_memory: label.max_memory.unwrap_or(MEMORY),
            on_limit: label.on_limit.unwrap_or_default(),
            columns: plans,
        };
        Some((input.columns.get(input.column)?.clone(), LabelFrom::Input(Box::new(input))))
    }

    /// Where labels come from: the same system as the rows, cut into as many shards, and not the same place.
    fn label_source(&mut self, label: &Label, input: Option<&InputPlan>) -> Option<(InputPlan, Path)> {
        let choice = label.source();
        let none = ("the label says not where from", format!("add {}", choice.keys(":")));
        let several = |first: &str, second: &str| {
            (path(["label", second]), format!("labels come from `{first}` or `{second}`, not both"))
        };
        let (source, at) = choice.one(&mut self.mistakes, &path(["label"]), none, several)?;
        if label.delay.is_some() {
            let message = "`delay` is for a label in its row; labels in records of their own are known when they come";
            let help = "leave it out: `wait` says how long a row waits for its label";
            self.wrong_with_help(path(["label", "delay"]), message, help);
        }
        let around = Around { key: None, folder: self.keeps_state_in_a_folder() };
        let source = source.plan(around, &mut self.mistakes, &at)?;
        let input = input?;
        let (system, own) = (input.system(), source.system());
        if system != own {
            let message =
                format!("labels come from the system that the rows come from, `{system}`, and not from `{own}`");
            self.wrong_with_help(at.clone(), message, "one commit holds the positions of both");
        } else if input.name() == source.name() {
            let message = format!("labels and rows are both in `{}`", input.name());
            let help = "name another topic or file; a label in the row itself is `label: {column: …}` alone";
            self.wrong_with_help(at.clone(), message, help);
        } else if input.shards() != source.shards() {
            let (rows, labels) = (input.shards(), source.shards());
            let message = format!("the rows are cut into {rows} shards and the labels into {labels}");
            let help = "a label is found in the shard of its row: write `shards: {key: …, count: …}` alike for both";
            self.wrong_with_help(at.clone(), message, help);
        }
        Some((source, at))
    }

    fn label_column(&mut self, columns: &Entries<ColumnType>, name: &str, key: &str) -> Option<usize> {
        self.label_column_at(columns, name, path(["label", key]))
    }

    /// A column of the labels' records; a problem if there is none.
    fn label_column_at(&mut self, columns: &Entries<ColumnType>, name: &str, at: Path) -> Option<usize> {
        self.column_among(columns, ["labels have", "the labels"], name, at)
    }

    /// The column that names the row, of the type of the input's.
    fn label_id(&mut self, label: &Label, columns: &Entries<ColumnType>) -> Option<usize> {
        let input = &self.pipeline.input;
        let Some(id) = &input.id else {
            let help = "name the column that identifies a row: `id: …` under `input`";
            self.wrong_with_help(path(["label"]), "labels are joined to rows by `id`, and rows have none", help);
            return None;
        };
        let Some(own) = &label.id else {
            let help = format!("name the column that holds a row's `{id}`: `id: …` under `label`");
            self.wrong_with_help(
                path(["label"]),
                "`id` is missing: the column that says which row a label is of",
                help,
            );
            return None;
        };
        let found = self.label_column(columns, own, "id")?;
        let (row, label) = (input.columns.get(id)?.name(), columns.get(own)?.name());
        if row != label {
            let message = format!("`{own}` is `{label}`, and the input's `{id}` is `{row}`: they never meet");
            self.wrong_with_help(path(["label", "id"]), message, "declare both as the same type");
        }
        Some(found)
    }

    fn label_time(&mut self, label: &Label, columns: &Entries<ColumnType>, source: &InputPlan) -> Option<usize> {
        let Some(name) = &label.time else {
            if !source.shared() {
                let message =
                    "`time` is missing: labels of a file are read in the order of time, together with the rows";
                let help = "name the column of the time at which a label became known: `time: …` under `label`";
                self.wrong_with_help(path(["label"]), message, help);
            }
            return None;
        };
        let found = self.label_column(columns, name, "time")?;
        let kind = columns.get(name).filter(|kind| !matches!(kind, ColumnType::Timestamp(_)));
        if let Some(kind) = kind.map(ColumnType::name) {
            let message = format!("the time of a label must be a `timestamp` column, this one is `{kind}`");
            let help = "declare it as `timestamp`, or `{timestamp: {unit: ms}}` for a number";
            self.wrong_with_help(path(["label", "time"]), message, help);
        }
        Some(found)
    }

    fn wait(&mut self, label: &Label) -> Option<i64> {
        if self.pipeline.input.time.is_none() {
            let help = "name the column of event time: `time: …` under `input`";
            self.wrong_with_help(path(["label"]), "rows wait for labels by event time, and there is none", help);
        }
        if label.wait.is_none() {
            let message = "`wait` is missing: how long a row waits for its label";
            let help =
                "add `wait: 7 days` under `label`; `otherwise: CLASS` says what a row counts as that has none by then";
            self.wrong_with_help(path(["label"]), message, help);
        }
        label.wait.as_ref().map(microseconds)
    }

    /// What a row without a label counts as must be a label.
    fn otherwise(&mut self, label: &Label, plan: &LabelPlan) {
        let Some(otherwise) = &label.otherwise else { return };
        let known =
            [Some(&plan.positive), plan.negative.as_ref()].into_iter().flatten().any(|class| class == otherwise);
        let message = match &plan.negative {
            _ if !fits(otherwise, &plan.column.kind) => {
                let (name, kind) = (&label.column, plan.column.kind.name());
                format!("`{otherwise}` cannot be in `{name}`, a column of type `{kind}`")
            }
            Some(negative) if !known => {
                format!("`{otherwise}` is no class of this label: it is `{}` or `{negative}`", plan.positive)
            }
            _ => return,
        };
        self.wrong(path(["label", "otherwise"]), message);
    }

    /// The positive class and the other one; empty and none where any number of classes or a number is predicted.
    fn label_classes(&mut self, task: Task, label: &Label, kind: &ColumnType) -> Option<(String, Option<String>)> {
        let class_given = label.positive.is_some() || label.negative.is_some();
        match (task, kind) {
            (Task::Regression, ColumnType::Int64(_) | ColumnType::Float64(_)) if class_given => {
                let message = "`positive` and `negative` are for classes; this model predicts a number";
                self.wrong(path(["label"]), message);
                None
            }
            (Task::Regression, ColumnType::Int64(_) | ColumnType::Float64(_)) => Some((String::new(), None)),
            (Task::Regression, kind) => {
                let message =
                    format!("a regression needs a number as its label; `{}` is `{}`", label.column, kind.name());
                self.wrong_with_help(path(["label", "column"]), message, "for classes use logistic_regression");
                None
            }
            (_, ColumnType::Timestamp(_)) => {
                self.wrong(path(["label", "column"]), "a time cannot be a class");
                None
            }
            (Task::Classification | Task::Clustering, _) => {
                if label.negative.is_some() {
                    let message = "`negative` without `positive`: name both, or neither for any number of classes";
                    self.wrong(path(["label", "negative"]), message);
                }
                Some((String::new(), None))
            }
            (Task::BinaryClassification | Task::AnomalyDetection, kind) => self.two_classes(label, kind),
        }
    }

    fn two_classes(&mut self, label: &Label, kind: &ColumnType) -> Option<(String, Option<String>)> {
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
            if !fits(value, kind) {
                let message = format!("`{value}` cannot be in `{}`, a column of type `{}`", label.column, kind.name());
                self.wrong(path(["label", key]), message);
            }
        }
        if label.negative.as_deref() == Some(positive) {
            self.wrong(path(["label", "negative"]), "`negative` and `positive` are the same");
        }
        let implied = matches!(kind, ColumnType::Boolean(_)).then(|| (positive != "true").to_string());
        Some((positive.into(), label.negative.clone().or(implied)))
    }
}

/// Whether a value written as text can be in a column of this type.
fn fits(value: &str, kind: &ColumnType) -> bool {
    match kind {
        ColumnType::Boolean(_) => matches!(value, "true" | "false"),
        ColumnType::Int64(_) => value.parse::<i64>().is_ok(),
        ColumnType::Float64(_) => value.parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    }
}

fn microseconds(span: &Span) -> i64 {
    i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX)
}
