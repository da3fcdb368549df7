//! `--set key.path=value`: overrides of values in a document.

use super::node::Entry;
use super::{Argument, Node, NodeKind, Place, Problem, nearest, parse, with_nearest};
use crate::connect::PROPERTIES;

/// A part of a path and where it is written.
struct Key<'a> {
    text: &'a str,
    place: Place,
}

/// Applies the override.
pub(super) fn apply(root: &mut Node, argument: &Argument) -> Result<(), Problem> {
    let Argument { start, text } = argument;
    let whole = Place { start: *start, end: start + text.len() };
    let help = "write the keys that lead to it, then its value: `model.linear_regression.l2=0.1`";
    let Some((path, value)) = text.split_once('=').filter(|(path, _)| !path.is_empty()) else {
        return Err(Problem::at(whole, "expected KEY=VALUE").help(help));
    };
    let behind = start + path.len() + 1;
    let shift = |place: Place| Place { start: place.start + behind, end: place.end + behind };
    let value = if value.trim().is_empty() {
        Node::scalar(whole, String::new(), true)
    } else {
        let mut value = parse::value(value).map_err(|problem| Problem { place: shift(problem.place), ..problem })?;
        value.move_to(&shift);
        value
    };
    let mut at = *start;
    let mut keys = Vec::new();
    // Client properties have dots in their names.
    let parts = match path.split_once('.') {
        Some((section, property)) if PROPERTIES.contains(&section) => vec![section, property],
        _ => path.split('.').collect(),
    };
    for text in parts {
        let place = Place { start: at, end: at + text.len() };
        if text.is_empty() {
            return Err(Problem::at(whole, format!("`{path}` has an empty key")).help(help));
        }
        keys.push(Key { text, place });
        at = place.end + 1;
    }
    set(root, &keys, value)
}

fn set(node: &mut Node, keys: &[Key<'_>], value: Node) -> Result<(), Problem> {
    let Some((key, rest)) = keys.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.is_null() {
        *node = Node::empty(node.place);
    }
    // A bare name means the name with default settings.
    if let NodeKind::Scalar { text, .. } = &node.kind
        && text == key.text
        && !rest.is_empty()
    {
        let (name, place) = (text.clone(), node.place);
        *node = Node::empty(place);
        entry(node, (name, place), false, |inside| set(inside, rest, value))
    } else {
        match &mut node.kind {
            NodeKind::Mapping(_) => in_mapping(node, keys, value),
            NodeKind::Sequence(items) => set_item(items, keys, value),
            NodeKind::Scalar { .. } => {
                let message = format!("`{}` leads nowhere: what is there is {}", key.text, node.describe());
                Err(Problem::at(key.place, message)
                    .help("set the whole of it: the keys before this one, then its value"))
            }
        }
    }
}

/// Continues with the entry of a key, which is created if it is missing. `whole`: its value is replaced.
fn entry(
    node: &mut Node,
    (key, key_place): (String, Place),
    whole: bool,
    act: impl FnOnce(&mut Node) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let NodeKind::Mapping(entries) = &mut node.kind else { return Ok(()) };
    match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => {
            if whole {
                entry.key_place = key_place;
            }
            act(&mut entry.value)
        }
        None => {
            let mut value = Node::empty(key_place);
            act(&mut value)?;
            entries.push(Entry { key, key_place, value });
            Ok(())
        }
    }
}

fn in_mapping(node: &mut Node, keys: &[Key<'_>], value: Node) -> Result<(), Problem> {
    let NodeKind::Mapping(entries) = &node.kind else { return Ok(()) };
    // An existing key may have dots in its name.
    let known = |count: &usize| {
        let name = joined(keys.get(..*count).unwrap_or_default()).0;
        entries.iter().any(|entry| entry.key == name)
    };
    let count = (1..=keys.len()).rev().find(known).unwrap_or(1);
    let (own, rest) = keys.split_at(count);
    entry(node, joined(own), rest.is_empty(), |inside| set(inside, rest, value))
}

fn joined(keys: &[Key<'_>]) -> (String, Place) {
    let place = |key: Option<&Key<'_>>| key.map(|key| key.place).unwrap_or_default();
    let names: Vec<&str> = keys.iter().map(|key| key.text).collect();
    (names.join("."), Place { start: place(keys.first()).start, end: place(keys.last()).end })
}

/// An item of a list: by its index from 0, or by its name if it is a name with or without settings.
fn set_item(items: &mut [Node], keys: &[Key<'_>], value: Node) -> Result<(), Problem> {
    let Some((key, rest)) = keys.split_first() else { return Ok(()) };
    let count = items.len();
    if let Ok(number) = key.text.parse::<usize>() {
        return match items.get_mut(number) {
            Some(item) => set(item, rest, value),
            None => Err(Problem::at(key.place, format!("there is no item {number}: the list has {count}, from 0 on"))),
        };
    }
    let names: Vec<String> = items.iter().filter_map(|item| name(item).map(str::to_string)).collect();
    let mut named = items.iter_mut().filter(|item| name(item) == Some(key.text));
    match (named.next(), named.next()) {
        (Some(item), None) => match &mut item.kind {
            NodeKind::Scalar { .. } if rest.is_empty() => {
                *item = Node { place: value.place, kind: NodeKind::Mapping(Vec::new()) };
                entry(item, (key.text.to_string(), key.place), true, |inside| set(inside, &[], value))
            }
            _ => set(item, keys, value),
        },
        (Some(_), Some(_)) => {
            let message = format!("the list has several `{}`: say which by its number, from 0", key.text);
            Err(Problem::at(key.place, message))
        }
        (None, _) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("the list has no `{}`", key.text);
            let message = with_nearest(message, key.text, names.iter().copied());
            let near = nearest(key.text, names.iter().copied()).is_some();
            let help = format!("its items: {}; or a number from 0", names.join(", "));
            let problem = Problem::at(key.place, message);
            Err(if near { problem } else { problem.help(help) })
        }
    }
}

/// The name of an item: a bare one, or the only key.
fn name(item: &Node) -> Option<&str> {
    match &item.kind {
        NodeKind::Scalar { text, .. } => Some(text),
        NodeKind::Mapping(entries) => match entries.as_slice() {
            [entry] => Some(&entry.key),
            _ => None,
        },
        NodeKind::Sequence(_) => None,
    }
}
