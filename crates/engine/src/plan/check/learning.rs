//! Checks the model, its label and its metrics.

use gristmill_learn::metric::Window;
use gristmill_learn::{Chain, Component, Kind, LearnError, MetricKind, Model, Signature, Task};

use super::Checker;
use crate::document::{path, with_nearest};
use crate::spec::ColumnType;

impl Checker<'_> {
    /// The prediction of the steps, over the features and any columns after them.
    pub(super) fn model(&mut self, steps: &[Component], signature: &Signature, features: &[usize]) -> Option<Task> {
        // A model from a file before them is a step of the document, too.
        let before = self.pipeline.model.len() - steps.len();
        for (index, component) in steps.iter().enumerate() {
            if let Err(message) = component.check() {
                self.wrong(path(["model", &(before + index).to_string()]), message);
            }
        }
        match Chain::new(steps, signature) {
            Ok(chain) => {
                if chain.takes_categories() {
                    self.identifier(signature, features);
                }
                Some(chain.task())
            }
            Err(LearnError::Chain(message)) => {
                let learners: Vec<String> =
                    Component::every().iter().filter(|c| c.is_learner()).map(crate::describe::name_of).collect();
                self.wrong_with_help(path(["model"]), message, format!("learners: {}", learners.join(", ")));
                None
            }
            Err(LearnError::Nominal { step, column }) => {
                let name = steps.get(step).map(crate::describe::name_of).unwrap_or_default();
                // A column that an earlier step has created has no name of its own.
                let names = &self.known;
                let column =
                    features.get(column).filter(|_| step == 0 || before == 0 && features.len() == signature.width());
                let column = column.and_then(|column| Some(format!("`{}`", names.get(*column)?.0)));
                let message =
                    format!("`{name}` takes numbers, and {} holds categories", column.unwrap_or("a column".into()));
                let help = "put `one_hot_encoder`, `ordinal_encoder`, `frequency_encoder`, `target_encoder` or \
                            `feature_hasher` before it, or choose a model that takes categories, such as a tree";
                self.wrong_with_help(path(["model", &(before + step).to_string()]), message, help);
                None
            }
            Err(error) => {
                self.wrong(path(["model"]), error.to_string());
                None
            }
        }
    }

    /// A text that differs in every record tells a model nothing, and each costs it memory.
    fn identifier(&mut self, signature: &Signature, features: &[usize]) {
        let Some(id) = &self.pipeline.input.id else { return };
        let nominal = signature.kinds().iter().zip(features).filter(|(kind, _)| **kind == Kind::Nominal);
        let named = |(_, feature): (&Kind, &usize)| self.known.get(*feature).is_some_and(|(name, _)| name == id);
        if nominal.into_iter().any(named) {
            self.warnings.push(format!(
                "`{id}` identifies records and is a feature: the model learns nothing from text that is another in every \
                 record; leave it out of `features`"
            ));
        }
    }

    /// The pipeline's task: a model for any number of classes has two if the label has a positive one.
    pub(super) fn task(&self, model: Task) -> Task {
        let label = self.pipeline.label.as_ref();
        let boolean = matches!(self.pipeline.label_type(), Some(ColumnType::Boolean(_)));
        let binary = boolean || label.is_some_and(|label| label.positive.is_some());
        if model == Task::Classification && binary { Task::BinaryClassification } else { model }
    }

    pub(super) fn augment(&mut self, task: Option<Task>) {
        let label = self.pipeline.label.as_ref();
        for (index, rule) in self.pipeline.augment.iter().enumerate() {
            let at = path(["augment", &index.to_string()]);
            let below = |name: &str| path(["augment", &index.to_string(), rule.name(), name]);
            if label.is_none() || task.is_some_and(Task::is_unsupervised) {
                let message =
                    format!("`{}` is about examples with a label, and nothing here learns from one", rule.name());
                self.wrong(at.clone(), message);
            } else if rule.needs_classes() && task == Some(Task::Regression) {
                let message = format!("`{}` is about classes, and this label is a number", rule.name());
                self.wrong_with_help(at.clone(), message, "use `jitter`, or leave it out");
            }
            if let Err((name, message)) = rule.check() {
                self.wrong(below(name), message);
            }
            let fixed = label.and_then(|label| Some([label.positive.as_deref()?, label.negative.as_deref()?]));
            for class in rule.classes() {
                if let Some(known) = fixed.filter(|known| !known.contains(&class)) {
                    let message = with_nearest(format!("no class `{class}`"), class, known);
                    self.wrong_with_help(at.clone(), message, format!("classes: {}", known.join(", ")));
                }
            }
        }
    }

    /// Why a metric cannot measure the model, and what can be done about it.
    fn unfit(&self, kind: &MetricKind, task: Task, at_zero: bool) -> Option<(String, String)> {
        let (message, help) = if !kind.build().accepts(task) {
            let what = match task {
                Task::BinaryClassification => "predicts one of two classes",
                Task::Classification => "predicts one of many classes",
                Task::Regression => "predicts a number",
                Task::AnomalyDetection => "scores anomalies",
                Task::Clustering => "finds clusters",
            };
            let all = MetricKind::every();
            let fitting: Vec<_> = all.iter().filter(|one| one.build().accepts(task)).map(MetricKind::key).collect();
            let help = format!("metrics for it: {}", fitting.join(", "));
            return Some((format!("does not fit a model that {what}"), help));
        } else if at_zero && kind.is_of_probabilities() {
            (
                "is about probabilities, and the model gives decision values",
                "put `platt_calibration: {score: margin}` behind the model, which learns from the label what its scores \
                 mean, or measure with `roc_auc`, `accuracy` or `f1`",
            )
        } else if matches!(kind.window(), Some(Window::Time(_))) && self.pipeline.input.time.is_none() {
            ("looks back over event time, and there is none", "name the column of event time: `time: …` under `input`")
        } else {
            return None;
        };
        Some((message.into(), help.into()))
    }

    /// Checks the metrics; those by segment, with their column. `at_zero`: scores are decision values, not
    /// probabilities.
    pub(super) fn metrics(&mut self, task: Option<Task>, at_zero: bool) -> Vec<(usize, usize)> {
        let Some(task) = task else { return Vec::new() };
        let mut segments = Vec::new();
        let mut keys: Vec<String> = Vec::new();
        for (index, kind) in self.pipeline.evaluate.iter().enumerate() {
            let at = path(["evaluate", &index.to_string()]);
            let key = kind.key();
            if let Some((message, help)) = self.unfit(kind, task, at_zero) {
                self.wrong_with_help(at, format!("`{key}` {message}"), help);
            } else if keys.contains(&key) {
                self.wrong(at, format!("`{key}` is listed twice"));
            }
            keys.push(key);
            segments
                .extend(self.column(kind.by(), path(["evaluate", &index.to_string()])).map(|column| (index, column)));
        }
        if self.pipeline.label.is_none() && !self.pipeline.evaluate.is_empty() && task != Task::Clustering {
            self.wrong_with_help(
                path(["evaluate"]),
                "nothing can be evaluated without a `label`",
                "add `label: {column: …}`",
            );
        }
        segments
    }
}
