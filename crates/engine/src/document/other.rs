//! Recognises files that are not pipeline documents.

use serde_json::Value;

use super::{Node, NodeKind, Place, Problem, nearest};

const HELP: &str = "name the pipeline's document, in YAML, with `input`, `features`, `model`: data, decisions, dead letters and \
                    state are found by what stands in it";

/// What the text is, if it is no pipeline document at all: its parts are then not checked one by one.
pub(super) fn other(text: &str, root: Option<&Node>, schema: &Value) -> Option<Problem> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let start = text.find(first).unwrap_or(0);
    let place = Place { start, end: start + first.len() };
    let known = |key: &str| nearest(key, names(schema)).is_some();
    let what = match root.map(|root| &root.kind) {
        _ if first.is_empty() => "the file is empty: this is no pipeline document".to_string(),
        None if first.starts_with(['{', '[']) && serde_json::from_str::<Value>(first).is_ok() => {
            "these are JSON records, one a line: this is no pipeline document".to_string()
        }
        None if only_comments(text) => "there are only comments in it: this is no pipeline document".into(),
        Some(NodeKind::Mapping(entries))
            if first.starts_with('{') && !entries.iter().any(|entry| entry.key == "input") =>
        {
            "this is a JSON record, not a pipeline document".to_string()
        }
        Some(NodeKind::Mapping(entries)) if !entries.iter().any(|entry| known(&entry.key)) => {
            "it has no key of a pipeline: this is no pipeline document".to_string()
        }
        Some(NodeKind::Sequence(_)) => "this is a list, not a pipeline document".to_string(),
        Some(NodeKind::Scalar { .. }) => "this is text, not a pipeline document".to_string(),
        None | Some(NodeKind::Mapping(_)) => return None,
    };
    Some(Problem::at(place, what).help(HELP))
}

fn only_comments(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// The keys of a pipeline document.
fn names(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name.as_str())
}
