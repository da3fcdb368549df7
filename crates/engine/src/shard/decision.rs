//! The JSON of a decision.

use gristmill_learn::{Prediction, Task};

use super::classes::Classes;
use super::outlier_label;
use crate::plan::Plan;
use crate::pretrained::Version;
use crate::rows::{Cell, Column, Position, RawRecord, RawRows, Rows};
use crate::timestamp;

/// What a decision shows of a row.
pub(super) struct Facts<'a> {
    pub(super) rows: &'a Rows,
    pub(super) row: usize,
    pub(super) said: Prediction<'a>,
    pub(super) score: f64,
    /// How many rows the model had learned from, or which version scored.
    pub(super) version: u64,
    pub(super) by: &'a ScoredBy<'a>,
}

/// What made a decision.
pub(super) struct ScoredBy<'a> {
    /// The name of the model that decided: of the pipeline if a model learns here, else of the pretrained model.
    pub(super) name: &'a str,
    /// The pretrained model, if there is one: its name and number if a model that learns here decided, its digest.
    outside: Option<(Option<(&'a str, u64)>, String)>,
}

impl<'a> ScoredBy<'a> {
    pub(super) fn new(plan: &'a Plan, version: Option<&'a Version>) -> Self {
        let Some(version) = version else { return Self { name: &plan.name, outside: None } };
        let model = &version.model;
        let (name, digest) = (model.name.as_str(), format!("{:032x}", model.digest));
        if plan.model.is_empty() {
            return Self { name, outside: Some((None, digest)) };
        }
        Self { name: &plan.name, outside: Some((Some((name, version.number)), digest)) }
    }

    fn write(&self, version: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b",\"model\":\"");
        plain(self.name, to);
        to.push(b'@');
        whole(version as i64, to);
        to.push(b'"');
        let Some((named, digest)) = &self.outside else { return };
        if let Some((name, number)) = named {
            to.extend_from_slice(b",\"file\":\"");
            plain(name, to);
            to.push(b'@');
            whole(*number as i64, to);
            to.push(b'"');
        }
        to.extend_from_slice(b",\"digest\":\"");
        to.extend_from_slice(digest.as_bytes());
        to.push(b'"');
    }
}

/// Appends the fields that an output selects.
pub(super) fn write_payload(fields: &[String], columns: &[Column], row: usize, to: &mut Vec<u8>) {
    to.push(b'{');
    for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
        if index > 0 {
            to.push(b',');
        }
        text(field, to);
        to.push(b':');
        match column.cell(row) {
            Cell::String(value) => text(value, to),
            Cell::Int64(value) => whole(value, to),
            Cell::Float64(value) => number(value, to),
            Cell::Boolean(value) => to.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Timestamp(value) => {
                to.push(b'"');
                timestamp::write(value, to);
                to.push(b'"');
            }
            Cell::Missing => to.extend_from_slice(b"null"),
        }
    }
    to.push(b'}');
}

/// Appends `{"id":…,"time":…,"prediction":…,"score":…,"probability":{…},"model":…}`, and for a pretrained model its
/// digest. A decision value has no probability.
pub(super) fn write(
    plan: &Plan,
    classes: &Classes,
    raw: &RawRows,
    record: &RawRecord<'_>,
    facts: &Facts<'_>,
    to: &mut Vec<u8>,
) {
    let cell = |column: usize| facts.rows.columns.get(column).map_or(Cell::Missing, |column| column.cell(facts.row));
    to.extend_from_slice(b"{\"id\":");
    match plan.id.map(cell) {
        Some(id) => identity(id, to),
        None => {
            to.push(b'"');
            plain(&raw.partition.topic, to);
            to.push(b'-');
            whole(raw.partition.number.into(), to);
            to.push(b'-');
            place(record.position, to);
            to.push(b'"');
        }
    }
    if let Some(Cell::Timestamp(time)) = plan.time.map(cell) {
        to.extend_from_slice(b",\"time\":\"");
        timestamp::write(time, to);
        to.push(b'"');
    }
    to.extend_from_slice(b",\"prediction\":");
    let at_zero = plan.decides_at_zero();
    match classes.prediction(plan.task, facts.said) {
        Cell::String(name) => text(name, to),
        _ if at_zero => number(outlier_label(facts.score), to),
        other => number(other.number(), to),
    }
    to.extend_from_slice(b",\"score\":");
    number(facts.score, to);
    if plan.task.is_classification() && !at_zero {
        probabilities(plan.task, classes, facts.said, to);
    }
    facts.by.write(facts.version, to);
    to.push(b'}');
}

/// The positive class first, or all classes in the order in which they appeared.
fn probabilities(task: Task, classes: &Classes, said: Prediction<'_>, to: &mut Vec<u8>) {
    let order: Vec<u32> = match said {
        Prediction::Number(_) => vec![1, 0],
        several => (0..several.numbers().len() as u32).collect(),
    };
    to.extend_from_slice(b",\"probability\":{");
    for (index, class) in order.into_iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        text(classes.name(task, class), to);
        to.push(b':');
        number(said.probability(class), to);
    }
    to.push(b'}');
}

fn identity(id: Cell<'_>, to: &mut Vec<u8>) {
    match id {
        Cell::String(id) => text(id, to),
        Cell::Int64(id) => {
            to.push(b'"');
            whole(id, to);
            to.push(b'"');
        }
        Cell::Timestamp(id) => {
            to.push(b'"');
            timestamp::write(id, to);
            to.push(b'"');
        }
        Cell::Float64(id) => {
            to.push(b'"');
            number(id, to);
            to.push(b'"');
        }
        Cell::Boolean(id) => to.extend_from_slice(if id { b"\"true\"" } else { b"\"false\"" }),
        Cell::Missing => to.extend_from_slice(b"null"),
    }
}

/// A position contains nothing that JSON escapes.
fn place(position: Position, to: &mut Vec<u8>) {
    match position.as_number() {
        Some(number) => to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        None => to.extend_from_slice(position.to_string().as_bytes()),
    }
}

/// Names of topics and pipelines contain nothing that JSON escapes; file names may.
fn plain(name: &str, to: &mut Vec<u8>) {
    if name.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        to.extend_from_slice(name.as_bytes());
    } else {
        let start = to.len();
        text(name, to);
        to.remove(start);
        to.pop();
    }
}

fn text(text: &str, to: &mut Vec<u8>) {
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(to, text);
}

/// The shortest number that reads back the same; `null` if it is not finite.
fn number(number: f64, to: &mut Vec<u8>) {
    if number.is_finite() {
        to.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    } else {
        to.extend_from_slice(b"null");
    }
}

fn whole(number: i64, to: &mut Vec<u8>) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
