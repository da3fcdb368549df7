//! Parses YAML text into nodes.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::node::Entry;
use super::{Node, NodeKind, Place, Problem};

/// Anchors are copied where they are used; this limits the size of the result.
const MAXIMUM_NODES: usize = 100_000;

/// The one document in the text, and mistakes that do not prevent it from being read.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Problem>), Problem> {
    let mut builder =
        Builder { text, open: Vec::new(), anchors: BTreeMap::new(), root: None, nodes: 0, torn: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
            let message = format!("not valid YAML: {}", error.info());
            Problem::at(Place { start, end: (start + 1).min(text.len()) }, message)
        })?;
        builder.take(event, span)?;
    }
    let torn = builder.torn.iter().map(|(place, key)| {
        let value = text.get(place.start..place.end).unwrap_or_default();
        let message = format!("a comma ends a value within braces, and so this one: `{value}`");
        Problem::at(*place, message).help(format!("put it in quotes: `{key}: \"{}\"`", value.replace('"', "\\\"")))
    });
    let torn = torn.collect();
    let root = builder.root.ok_or_else(|| Problem::at(Place::default(), "there is nothing in it"))?;
    Ok((root, torn))
}

/// A value outside the document, on its own: it must be free of mistakes.
pub(super) fn value(text: &str) -> Result<Node, Problem> {
    let (node, torn) = parse(text)?;
    torn.into_iter().next().map_or(Ok(node), Err)
}

/// Reads what came from a variable as a list or a mapping, where one is expected: nothing in a variable can reach beyond
/// the place where it stands, and text stays text.
pub(super) fn unfold(node: &mut Node) -> Result<(), Problem> {
    let NodeKind::Scalar { text, variable: true, .. } = &node.kind else { return Ok(()) };
    let (mut held, place) = (value(text)?, node.place);
    if !matches!(held.kind, NodeKind::Scalar { .. }) {
        held.move_to(&|_| place);
        *node = held;
    }
    Ok(())
}

/// A collection that is being read, its anchor, and the key whose value comes next.
type Open = (Node, usize, Option<(String, Place)>);

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    /// Values that a comma has split, with their keys, joined again.
    torn: Vec<(Place, String)>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                self.add(Node::scalar(place, text.into_owned(), plain), anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push((Node { place, kind: NodeKind::Sequence(Vec::new()) }, anchor, None));
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push((Node::empty(place), anchor, None));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((node, anchor, _)) => self.add(node, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.nodes += count(&node);
                    self.add(Node { place, ..node }, 0)
                }
                None => Err(Problem::at(place, "this alias names no anchor before it")),
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Problem::at(place, "a second document: one file holds one pipeline"))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, span: Span) -> Place {
        let offset = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or(0).min(self.text.len());
        Place { start: offset(span.start), end: offset(span.end).max(offset(span.start)) }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAXIMUM_NODES {
            return Err(Problem::at(node.place, "the document is too large: aliases multiply it"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some((parent, _, key)) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        // The span of a block collection is its first token: extend it over its contents.
        parent.place.end = parent.place.end.max(node.place.end);
        match &mut parent.kind {
            NodeKind::Sequence(items) => items.push(node),
            NodeKind::Mapping(entries) => match key.take() {
                None => *key = Some(name(&node)?),
                Some((_, key_place)) if mend(self.text, entries.last_mut(), key_place, &node, &mut self.torn) => {}
                Some((key, key_place)) => {
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(Problem::at(key_place, format!("`{key}` is written twice")));
                    }
                    entries.push(Entry { key, key_place, value: node });
                }
            },
            NodeKind::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// Joins a value that a comma has split, in a mapping in braces: `{is: x IN (1, 2)}` is read as `is: x IN (1` and as a
/// key `2)` without a value. Whether it was one.
fn mend(text: &str, before: Option<&mut Entry>, key: Place, value: &Node, torn: &mut Vec<(Place, String)>) -> bool {
    let behind = text.get(key.end..).unwrap_or_default().trim_start();
    let alone = value.is_null() && value.place.start == value.place.end && behind.starts_with([',', '}']);
    let Some(Entry {
        key: name, value: Node { place, kind: NodeKind::Scalar { text: before, plain: true, .. } }, ..
    }) = before.filter(|_| alone)
    else {
        return false;
    };
    let count = |sign: char| before.chars().filter(|c| *c == sign).count();
    if count('(') <= count(')') && count('\'').is_multiple_of(2) {
        return false;
    }
    let (start, whole) = (place.start, text.get(place.start..key.end).unwrap_or_default().to_string());
    (*before, place.end) = (whole, key.end);
    torn.retain(|(held, _)| held.start != start);
    torn.push((*place, name.clone()));
    true
}

fn count(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Scalar { .. } => 1,
        NodeKind::Sequence(items) => items.iter().map(count).sum::<usize>() + 1,
        NodeKind::Mapping(entries) => entries.iter().map(|entry| count(&entry.value)).sum::<usize>() + 1,
    }
}

fn name(node: &Node) -> Result<(String, Place), Problem> {
    match &node.kind {
        NodeKind::Scalar { text, .. } => Ok((text.clone(), node.place)),
        _ => Err(Problem::at(node.place, "a key must be a plain name")),
    }
}
