//! Checks what a document says of estimates.

use gristmill_learn::estimate::{Estimated, MOST_ROWS};
use gristmill_learn::metric::Window;
use gristmill_learn::{Built, Kind, Signature, Task};

use super::Estimate;
use crate::document::{Mistakes, path};

/// Fewer rows than this say nothing.
const LEAST_ROWS: u32 = 10;

/// Checks the section against a model that predicts `task` from features of this signature. `label`, `time`: whether the document
/// has them.
pub(crate) fn check(
    estimate: &Estimate,
    (task, signature): (Option<Task>, &Signature),
    (label, time): (bool, bool),
    mistakes: &mut Mistakes<'_>,
) {
    if !label {
        let message = "nothing can be estimated without a `label`: estimates rest on the rows whose labels are known";
        mistakes.wrong_with_help(path(["estimate"]), message, "add `label: {column: …}`, with a `delay`");
    }
    if let Some(task) = task {
        metrics(estimate, task, mistakes);
    }
    match estimate.chunk {
        Window::Rows(rows) if !(LEAST_ROWS..=MOST_ROWS).contains(&rows) => {
            mistakes.wrong(path(["estimate", "chunk"]), "a chunk has 10 to 100,000 rows");
        }
        Window::Time(_) if !time => {
            let help = "name the column of event time: `time: …` under `input`";
            let message = "this chunk is a stretch of event time, and there is none";
            mistakes.wrong_with_help(path(["estimate", "chunk"]), message, help);
        }
        _ => {}
    }
    if task == Some(Task::Regression) {
        loss_model(estimate, signature, mistakes);
    } else if task.is_some() && estimate.loss_model.is_some() {
        let message = "`loss_model` is for a model that predicts numbers";
        mistakes.wrong(path(["estimate", "loss_model"]), message);
    }
}

fn metrics(estimate: &Estimate, task: Task, mistakes: &mut Mistakes<'_>) {
    let fitting: Vec<&str> =
        Estimated::EVERY.iter().filter(|metric| metric.accepts(task)).map(|metric| metric.name()).collect();
    let fitting = match fitting.is_empty() {
        true => "clusters have no labels to estimate".to_string(),
        false => format!("metrics that are estimated for it: {}", fitting.join(", ")),
    };
    for (place, metric) in estimate.metrics.iter().enumerate() {
        let at = path(["estimate", "metrics", &place.to_string()]);
        if !metric.accepts(task) {
            let message = format!("`{}` cannot be estimated for this model", metric.name());
            mistakes.wrong_with_help(at, message, fitting.clone());
        } else if estimate.metrics.iter().take(place).any(|before| before == metric) {
            mistakes.wrong(at, format!("`{}` is listed twice", metric.name()));
        }
    }
}

fn loss_model(estimate: &Estimate, signature: &Signature, mistakes: &mut Mistakes<'_>) {
    let settings = estimate.of_numbers();
    let at = path(["estimate", "loss_model"]);
    if let Err(why) = settings.check() {
        mistakes.wrong(at, why.replace("`model`", "`loss_model`"));
    } else if let Built::Learner(learner) = settings.model.build(signature)
        && signature.kinds().contains(&Kind::Nominal)
        && !learner.takes_nominal()
    {
        let message = "this `loss_model` takes numbers, and some features are categories";
        mistakes.wrong_with_help(at, message, "choose one that takes categories, such as a tree");
    }
}
