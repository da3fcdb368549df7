//! The JSON of a decision.

use gristmill_learn::{Prediction, Task};

use super::{RowFacts, classes::Classes};
use crate::plan::Plan;
use crate::rows::{Cell, RawRecord, RawRows};
use crate::timestamp;

/// Appends `{"id":…,"time":…,"prediction":…,"score":…,"probability":{…},"model":…}`.
pub(super) fn write(
    plan: &Plan,
    classes: &Classes,
    version: u64,
    raw: &RawRows,
    record: &RawRecord<'_>,
    facts: &RowFacts<'_>,
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
            whole(record.offset, to);
            to.push(b'"');
        }
    }
    if let Some(Cell::Timestamp(time)) = plan.time.map(cell) {
        to.extend_from_slice(b",\"time\":\"");
        timestamp::write(time, to);
        to.push(b'"');
    }
    to.extend_from_slice(b",\"prediction\":");
    match facts.prediction {
        Cell::String(name) => text(name, to),
        other => number(other.number(), to),
    }
    to.extend_from_slice(b",\"score\":");
    number(facts.score, to);
    if plan.task.is_classification() {
        probabilities(plan.task, classes, facts.said, to);
    }
    to.extend_from_slice(b",\"model\":\"");
    plain(&plan.name, to);
    to.push(b'@');
    whole(version as i64, to);
    to.extend_from_slice(b"\"}");
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

/// Names of topics and pipelines hold nothing that JSON escapes; file names may.
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

/// The shortest number that reads back the same; `null` where it is not finite.
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
