//! Keys of documents that were written for an earlier version: each is refused, with the key that took its place.

use super::node::Entry;
use super::{Node, NodeKind, Problem, parse};

/// A key of an earlier version, and the key that took its place. `*` stands for every item of a list.
const RENAMED: [(&str, &str); 5] = [
    ("table", "lookup"),
    ("state.limit", "windows.max_memory"),
    ("state.then", "windows.on_limit"),
    ("model.*.python.gives", "model.*.python.output"),
    ("model.*.python.learn", "model.*.python.learn_batch"),
];

/// Reports every renamed key, and moves its value to the new one, so that the value is checked as well and nothing counts
/// as missing that is there.
pub(super) fn rename(root: &mut Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (old, new) in RENAMED {
        let (old, new): (Vec<&str>, Vec<&str>) = (old.split('.').collect(), new.split('.').collect());
        let shared = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let ((around, old), (_, new)) = (old.split_at(shared), new.split_at(shared));
        each(root, around, &mut |node| {
            let Some(entry) = take(node, old) else { return };
            let message = format!("the key `{}` is called `{}` now", old.join("."), new.join("."));
            problems.push(Problem::at(entry.key_place, message).help(format!("write `{}` in its place", written(new))));
            put(node, new, entry);
        });
    }
    problems
}

/// A key as a document writes it.
fn written(keys: &[&str]) -> String {
    match keys {
        [] => "…".into(),
        [key] => format!("{key}: …"),
        [key, rest @ ..] => format!("{key}: {{{}}}", written(rest)),
    }
}

/// The entries of a mapping. What a variable holds is read as one; where it cannot be, the check says so.
fn entries(node: &mut Node) -> Option<&mut Vec<Entry>> {
    parse::unfold(node).ok();
    match &mut node.kind {
        NodeKind::Mapping(entries) => Some(entries),
        _ => None,
    }
}

/// Every value that these keys lead to.
fn each(node: &mut Node, keys: &[&str], act: &mut dyn FnMut(&mut Node)) {
    let Some((key, rest)) = keys.split_first() else { return act(node) };
    let named = entries(node).into_iter().flatten().filter(|entry| entry.key == *key);
    named.for_each(|entry| each(&mut entry.value, rest, act));
    if let (NodeKind::Sequence(items), "*") = (&mut node.kind, *key) {
        items.iter_mut().for_each(|item| each(item, rest, act));
    }
}

/// Takes an entry out, and what is empty without it.
fn take(node: &mut Node, keys: &[&str]) -> Option<Entry> {
    let (key, rest) = keys.split_first()?;
    let entries = entries(node)?;
    let index = entries.iter().position(|entry| entry.key == *key)?;
    if rest.is_empty() {
        return Some(entries.remove(index));
    }
    let inside = &mut entries.get_mut(index)?.value;
    let taken = take(inside, rest)?;
    if matches!(&inside.kind, NodeKind::Mapping(left) if left.is_empty()) {
        entries.remove(index);
    }
    Some(taken)
}

/// Puts an entry under other keys, unless something stands there.
fn put(node: &mut Node, keys: &[&str], entry: Entry) {
    let (Some((key, rest)), Some(entries)) = (keys.split_first(), entries(node)) else { return };
    let known = entries.iter_mut().find(|known| known.key == *key);
    match known {
        Some(known) => put(&mut known.value, rest, entry),
        None if rest.is_empty() => entries.push(Entry { key: (*key).to_string(), ..entry }),
        None => {
            let mut section = Node::empty(entry.key_place);
            let key_place = entry.key_place;
            put(&mut section, rest, entry);
            entries.push(Entry { key: (*key).to_string(), key_place, value: section });
        }
    }
}
