//! Alarms as events: records that leave a shard beside its decisions.

use gristmill_learn::distance::Summary;
use serde_json::{Map, Value, json};

use super::compare::Compared;
use super::detect::Detected;
use super::grade::{Mark, Moments};
use super::segments::Changed;
use super::taken::Moment;
use super::{Action, Subject, WatchPlan};
use crate::rows::Position;
use crate::timestamp;

/// Something that is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The record, by its number in the block, at which it is told.
    pub(crate) record: usize,
    /// The name of the watch, which is the key of the event.
    pub(crate) name: String,
    /// The event as JSON.
    pub(crate) text: Vec<u8>,
    /// What an alarm does, if it is raised.
    pub(crate) action: Option<Action>,
}

/// Where events come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) pipeline: String,
    pub(super) partition: String,
}

fn place(position: Position) -> Value {
    position.as_number().map_or_else(|| position.to_string().into(), Value::from)
}

fn time(micros: Option<i64>) -> Value {
    let Some(micros) = micros else { return Value::Null };
    let mut text = Vec::new();
    timestamp::write(micros, &mut text);
    String::from_utf8_lossy(&text).into()
}

/// An object without what is null.
fn object(fields: Value) -> Value {
    crate::plan::definition::given(fields)
}

impl Origin {
    /// An event of a watch.
    pub(super) fn event(&self, plan: &WatchPlan, state: &str, at: Moment, fields: Value) -> Event {
        let mut all = Map::new();
        for (key, value) in [
            ("alarm", plan.name.as_str().into()),
            ("state", state.into()),
            ("pipeline", self.pipeline.as_str().into()),
            ("partition", self.partition.as_str().into()),
            ("position", place(at.position)),
            ("time", time(at.time)),
            ("measure", plan.written.name().into()),
            ("feature", plan.of.as_str().into()),
        ] {
            all.insert(key.into(), value);
        }
        if let Value::Object(fields) = fields {
            all.extend(fields);
        }
        if state == "raised" {
            all.insert("then".into(), serde_json::to_value(plan.then).unwrap_or_default());
        }
        let action = (state == "raised").then_some(plan.then);
        let text = object(Value::Object(all)).to_string().into_bytes();
        Event { record: at.record, name: plan.name.clone(), text, action }
    }
}

/// Since when.
pub(super) fn since(mark: &Mark) -> Value {
    object(json!({"position": place(mark.position), "time": time(mark.time)}))
}

/// What a comparison found.
pub(super) fn compared(plan: &WatchPlan, compared: &Compared, (size, threshold): (f64, f64), mark: &Mark) -> Value {
    let (reference, window) = compared.comparison.summaries();
    let of_rules = matches!(plan.subject, Subject::Rule(_));
    json!({
        "size": size,
        "threshold": threshold,
        "since": since(mark),
        "reference": summary(&reference, of_rules),
        "window": summary(&window, of_rules),
        "segment": compared.segments.as_ref().and_then(|segments| {
            let (Changed { value, share, size }, (by, _)) = (segments.most_changed()?, compared.plan.by.as_ref()?);
            Some(json!({"column": by, "value": value, "share": share, "size": size}))
        }),
    })
}

/// What a detector found.
pub(super) fn detected(detected: &Detected, mark: &Mark) -> Value {
    let (earlier, recent) = detected.sides();
    json!({
        "size": recent.mean - earlier.mean,
        "since": since(mark),
        "reference": moments(&earlier),
        "window": moments(&recent),
    })
}

/// What the error did.
pub(super) fn graded(mark: &Mark, was_true: bool) -> Value {
    let grade = if was_true { "true" } else { "false" };
    json!({"grade": grade, "since": since(mark), "before": moments(&mark.before), "after": moments(&mark.after)})
}

fn moments(moments: &Moments) -> Value {
    json!({"rows": moments.rows, "mean": moments.mean, "deviation": moments.variance().sqrt()})
}

/// `fires`: what is missing are rows for which a rule fired.
fn summary(summary: &Summary, fires: bool) -> Value {
    let missing = if fires { "fired" } else { "missing" };
    let list = |empty: bool, value: Value| if empty { Value::Null } else { value };
    let top: Map<String, Value> =
        summary.categories.iter().map(|(name, share)| (name.clone(), (*share).into())).collect();
    object(json!({
        "rows": summary.rows,
        missing: summary.missing,
        "mean": summary.mean,
        "deviation": summary.deviation,
        "quantiles": list(summary.quantiles.is_empty(), json!(summary.quantiles)),
        "categories": list(top.is_empty(), top.into()),
    }))
}
