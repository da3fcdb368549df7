//! Checks a document against the JSON Schema: every syntactic mistake at once, with our own messages.

use serde_json::{Map, Value};

use super::node::Entry;
use super::summary;
use super::{Node, NodeKind, Place, Problem, nearest, parse, with_nearest};
use crate::spec::{Size, Span};

/// Reports every mistake, and removes wrong values from the document, so that the rest can still be read and checked
/// for meaning.
pub(super) fn check(root: &mut Node, schema: &Value) -> Found {
    let mut checker = Checker { schema, problems: Vec::new(), taken_out: Vec::new() };
    checker.node(root, schema);
    Found { problems: checker.problems, taken_out: checker.taken_out }
}

/// The results of the check.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every syntactic mistake.
    pub(super) problems: Vec<Problem>,
    /// The keys whose values were wrong and have been removed.
    taken_out: Vec<String>,
}

impl Found {
    /// Whether a semantic mistake only follows from one of these: it is in the same lines, or names something that was
    /// removed.
    pub(super) fn explains(&self, other: &Problem) -> bool {
        let named = |key: &String| other.message.contains(&format!("`{key}`"));
        let around = |mine: &Problem| other.place.start <= mine.place.start && mine.place.end <= other.place.end;
        self.taken_out.iter().any(named) || self.problems.iter().any(around)
    }
}

/// Whether a node looks like a type, so that its mistakes are reported for that type if several are allowed.
fn looks_like(node: &Node, kind: &str) -> bool {
    let text = node.text();
    match kind {
        "object" => matches!(node.kind, NodeKind::Mapping(_)),
        "array" => matches!(node.kind, NodeKind::Sequence(_)),
        "boolean" => matches!(text, Some("true" | "false")),
        "integer" => text.is_some_and(|text| text.parse::<i128>().is_ok()),
        "number" => text.is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)),
        // A number or a boolean is not text if another type is allowed.
        _ => text.is_some_and(|text| text.parse::<f64>().is_err() && !matches!(text, "true" | "false")),
    }
}

struct Checker<'a> {
    schema: &'a Value,
    problems: Vec<Problem>,
    taken_out: Vec<String>,
}

impl<'a> Checker<'a> {
    fn wrong(&mut self, place: Place, message: String, help: Option<String>) -> bool {
        self.problems.push(Problem { place, message, help });
        false
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        let found = name.and_then(|name| self.schema.get("$defs")?.get(name));
        found.map_or(schema, |found| self.resolve(found))
    }

    /// Whether the node matches the schema.
    fn node(&mut self, node: &mut Node, schema: &'a Value) -> bool {
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
            let others = options.iter().filter(|option| option.get("type").and_then(Value::as_str) != Some("null"));
            let others: Vec<&'a Value> = others.map(|option| self.resolve(option)).collect();
            let name = |option: &'a Value| option.get("type").and_then(Value::as_str);
            let fitting = others.iter().find(|option| name(option).is_some_and(|name| looks_like(node, name)));
            let fitting = fitting.or(others.first()).copied();
            return node.is_null() || fitting.is_none_or(|option| self.node(node, option));
        }
        if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
            return self.choice(node, options);
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            return self.word(node, &words);
        }
        match schema.get("type") {
            Some(Value::Array(types)) => {
                let named = || types.iter().filter_map(Value::as_str).filter(|name| *name != "null");
                let fitting = named().find(|name| looks_like(node, name)).or_else(|| named().next());
                node.is_null() || fitting.is_none_or(|name| self.kind(node, name, schema))
            }
            Some(Value::String(name)) => self.kind(node, name, schema),
            _ => true,
        }
    }

    fn kind(&mut self, node: &mut Node, name: &str, schema: &'a Value) -> bool {
        match name {
            "object" => self.mapping(node, schema),
            "array" => self.sequence(node, schema),
            "string" => self.text(node, schema),
            "boolean" => self.scalar(node, "true or false", looks_like(node, name)),
            "integer" => self.scalar(node, "a whole number", looks_like(node, name)) && self.range(node, schema),
            "number" => self.scalar(node, "a number", looks_like(node, name)) && self.range(node, schema),
            _ => true,
        }
    }

    fn scalar(&mut self, node: &Node, wanted: &str, fits: bool) -> bool {
        fits || self.wrong(node.place, format!("expected {wanted}, found {}", node.describe()), None)
    }

    fn range(&mut self, node: &Node, schema: &Value) -> bool {
        let value: f64 = node.text().and_then(|text| text.parse().ok()).unwrap_or_default();
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        let low = limit("minimum").is_some_and(|least| value < least);
        let low_open = limit("exclusiveMinimum").is_some_and(|least| value <= least);
        let high = limit("maximum").is_some_and(|most| value > most);
        if !(low || low_open || high) {
            return true;
        }
        let least = limit("minimum").map(|least| format!("at least {least}"));
        let above = limit("exclusiveMinimum").map(|least| format!("above {least}"));
        let most = limit("maximum").map(|most| format!("at most {most}"));
        let bounds: Vec<String> = [least, above, most].into_iter().flatten().collect();
        self.wrong(
            node.place,
            format!("{} is out of range: it must be {}", node.describe(), bounds.join(" and ")),
            None,
        )
    }

    fn text(&mut self, node: &Node, schema: &Value) -> bool {
        if !self.scalar(node, "text", node.text().is_some()) {
            return false;
        }
        let text = node.text().unwrap_or_default();
        let parsed = match schema.get("format").and_then(Value::as_str) {
            Some("span") => text.parse::<Span>().map(|_| ()),
            Some("size") => text.parse::<Size>().map(|_| ()),
            _ => Ok(()),
        };
        match parsed {
            Ok(()) => true,
            Err(message) => self.wrong(node.place, message, None),
        }
    }

    fn word(&mut self, node: &mut Node, words: &[&str]) -> bool {
        match node.text().map(str::to_string) {
            Some(text) if words.contains(&text.as_str()) => true,
            Some(text) => {
                self.unknown(node.place, "value", &text, words);
                take_as(node, nearest(&text, words.iter().copied()))
            }
            None => self.wrong(node.place, format!("expected {}, found {}", words.join(" or "), node.describe()), None),
        }
    }

    fn unknown(&mut self, place: Place, what: &str, name: &str, known: &[&str]) -> bool {
        let message = with_nearest(format!("unknown {what} `{name}`"), name, known.iter().copied());
        self.wrong(place, message, Some(format!("known here: {}", known.join(", "))))
    }

    /// A name, or `{name: settings}`.
    fn choice(&mut self, node: &mut Node, options: &'a [Value]) -> bool {
        let bare: Vec<&str> = options.iter().flat_map(|option| words(self.resolve(option))).collect();
        let with_settings: Vec<(&str, &'a Value)> =
            options.iter().filter_map(|option| properties(self.resolve(option))?.iter().next()).map(pair).collect();
        let mut names = bare.clone();
        names.extend(with_settings.iter().map(|(name, _)| *name).filter(|name| !bare.contains(name)));
        if !node.text().is_some_and(|text| names.contains(&text)) && !self.unfold(node) {
            return false;
        }
        let place = node.place;
        match &mut node.kind {
            NodeKind::Scalar { text, .. } if bare.contains(&text.as_str()) => true,
            NodeKind::Scalar { text, .. } if with_settings.iter().any(|(name, _)| name == text) => {
                let message = format!("`{text}` needs settings");
                self.wrong(place, message, Some(format!("write it as {{{text}: {{…}}}}")))
            }
            NodeKind::Scalar { text, .. } => {
                let text = text.clone();
                self.unknown(place, "name", &text, &names);
                take_as(node, nearest(&text, bare.iter().copied()))
            }
            NodeKind::Mapping(entries) => match entries.as_mut_slice() {
                [entry] => match with_settings.iter().find(|(name, _)| *name == entry.key) {
                    Some((_, settings)) => self.settings(entry, &bare, settings),
                    None if bare.contains(&entry.key.as_str()) => {
                        let message = format!("`{}` has no settings: write the name alone", entry.key);
                        self.wrong(entry.key_place, message, None)
                    }
                    None => self.unknown(entry.key_place, "name", &entry.key, &names),
                },
                _ => {
                    let message = "expected one name with its settings".to_string();
                    let help = "an item of a list is a name, or {name: {…}} with its settings".to_string();
                    self.wrong(place, message, Some(help))
                }
            },
            NodeKind::Sequence(_) => {
                self.wrong(place, format!("expected one of {}, found a list", names.join(", ")), None)
            }
        }
    }

    /// The settings below a name; none where the name may stand alone.
    fn settings(&mut self, entry: &mut Entry, bare: &[&str], settings: &'a Value) -> bool {
        if entry.value.is_null() && bare.contains(&entry.key.as_str()) {
            entry.value = Node::empty(entry.value.place);
            return true;
        }
        self.node(&mut entry.value, settings)
    }

    /// What came from a variable is read as a list or a mapping, now that one is expected.
    fn unfold(&mut self, node: &mut Node) -> bool {
        match parse::unfold(node) {
            Err(problem) if !node.is_null() => {
                let message = format!("what this variable holds is {}", problem.message);
                self.wrong(node.place, message, Some(format!("it holds {}", node.describe())))
            }
            _ => true,
        }
    }

    fn sequence(&mut self, node: &mut Node, schema: &'a Value) -> bool {
        let place = node.place;
        if !self.unfold(node) {
            return false;
        }
        let NodeKind::Sequence(items) = &mut node.kind else {
            let message = format!("expected a list, found {}", node.describe());
            let one = node.text().filter(|_| schema.get("items").is_some());
            let help = one.map(|text| format!("a list of one is written [{text}]"));
            return self.wrong(place, message, help);
        };
        if let Some(each) = schema.get("items") {
            items.retain_mut(|item| self.node(item, each));
        }
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if (items.len() as u64) < least && self.problems.is_empty() {
            return self.wrong(place, "the list is empty".into(), None);
        }
        true
    }

    fn mapping(&mut self, node: &mut Node, schema: &'a Value) -> bool {
        let place = node.place;
        if !self.unfold(node) {
            return false;
        }
        let NodeKind::Mapping(entries) = &mut node.kind else {
            let message = format!("expected a mapping of keys and values, found {}", node.describe());
            return self.wrong(place, message, None);
        };
        let known = properties(schema);
        let rest = schema.get("additionalProperties");
        let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let mut present: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        entries.retain_mut(|entry| {
            let fits = self.entry(entry, known, rest, &names, &mut present);
            if !fits {
                self.taken_out.push(entry.key.clone());
            }
            fits
        });
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !present.iter().any(|key| key == name) {
                let description = known.and_then(|known| known.get(name)).map(|known| self.resolve(known));
                let help = description.and_then(|known| known.get("description")?.as_str()).map(summary);
                let line = Place { start: place.start, end: place.start + 1 };
                self.wrong(line, format!("`{name}` is missing"), help.map(|help| format!("{name}: {help}")));
                // A placeholder lets the rest be checked for meaning.
                entries.extend(description.and_then(|known| stand_in(known, name, line)));
                self.taken_out.push(name.to_string());
            }
        }
        true
    }

    fn entry(
        &mut self,
        entry: &mut Entry,
        known: Option<&'a Map<String, Value>>,
        rest: Option<&'a Value>,
        names: &[&str],
        present: &mut Vec<String>,
    ) -> bool {
        match (known.and_then(|known| known.get(&entry.key)), rest) {
            (Some(schema), _) => self.node(&mut entry.value, schema),
            (None, Some(Value::Bool(false))) => {
                self.unknown(entry.key_place, "key", &entry.key, names);
                // A misspelt key is read as the key that was meant, so that its value is checked as well.
                let meant = nearest(&entry.key, names.iter().copied());
                match meant.filter(|meant| !present.iter().any(|key| key == meant)) {
                    Some(meant) => {
                        present.push(meant.to_string());
                        entry.key = meant.to_string();
                        let schema = known.and_then(|known| known.get(meant));
                        schema.is_none_or(|schema| self.node(&mut entry.value, schema))
                    }
                    None => false,
                }
            }
            (None, Some(schema)) => self.node(&mut entry.value, schema),
            (None, None) => true,
        }
    }
}

/// Continues with the name that was probably meant; false if none is near.
fn take_as(node: &mut Node, meant: Option<&str>) -> bool {
    if let (Some(meant), NodeKind::Scalar { text, .. }) = (meant, &mut node.kind) {
        *text = meant.to_string();
    }
    meant.is_some()
}

/// The placeholder for a required text or list that is missing.
fn stand_in(schema: &Value, name: &str, place: Place) -> Option<Entry> {
    let value = match schema.get("type").and_then(Value::as_str) {
        Some("string") => Node::scalar(place, name.to_string(), false),
        Some("array") => Node { place, kind: NodeKind::Sequence(Vec::new()) },
        _ => return None,
    };
    Some(Entry { key: name.to_string(), key_place: place, value })
}

fn pair<'a>((name, schema): (&'a String, &'a Value)) -> (&'a str, &'a Value) {
    (name.as_str(), schema)
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The bare names that a branch of a choice allows.
fn words(option: &Value) -> Vec<&str> {
    let one = option.get("const").and_then(Value::as_str);
    let many = option.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many).collect()
}
