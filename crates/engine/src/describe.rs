//! Lists and describes components and sections, from the doc comments of the specification.

use gristmill_learn::{Component, MetricKind};
use serde::Serialize;
use serde_json::Value;

use crate::augment::Augment;
use crate::clean::Clean;
use crate::document::{nearest, summary};
use crate::schema;
use crate::spec::settings_line;
use crate::watch::Watch;

/// A component of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The kind: `model`, `evaluate`, `column`, `output`, …
    pub kind: &'static str,
    /// The name in a document.
    pub name: String,
    /// The first sentence of its description.
    pub summary: String,
}

/// The place of each kind's components in the schema.
const KINDS: [(&str, &str); 7] = [
    ("clean", "Clean"),
    ("augment", "Augment"),
    ("model", "Step"),
    ("evaluate", "MetricKind"),
    ("watch", "Watch"),
    ("detectors", "DetectorKind"),
    ("columns", "ColumnType"),
];

/// The name a document gives to a component.
pub fn name_of(component: &Component) -> String {
    match serde_json::to_value(component) {
        Ok(Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

/// A component as in a document, with the settings that differ from the defaults.
pub fn written(component: &Component) -> String {
    let name = name_of(component);
    let settings = |component: &Component| {
        serde_json::to_value(component).ok().and_then(|value| value.get(&name).cloned()).unwrap_or_default()
    };
    let default = Component::every().into_iter().find(|other| name_of(other) == name);
    let (mine, defaults) = (settings(component), default.as_ref().map(settings).unwrap_or_default());
    let changed: Vec<String> = mine
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| defaults.get(key.as_str()) != Some(value))
        .map(|(key, value)| format!("{key}: {}", value.to_string().replace('"', "").replace(":", ": ")))
        .collect();
    if changed.is_empty() { name } else { format!("{name} {{{}}}", changed.join(", ")) }
}

fn definition(name: &str) -> Option<&'static Value> {
    schema::value().get("$defs")?.get(name)
}

fn target(schema: &'static Value) -> Option<&'static Value> {
    definition(schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?)
}

/// The mappings of a document by the keys that lead to them, each where it stands first.
fn sections() -> Vec<(String, &'static Value)> {
    fn below(at: &str, schema: &'static Value, found: &mut Vec<(String, &'static Value)>) {
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // A mapping, one that may be left out, or several by names of the author's choice.
            let options = property.get("anyOf").and_then(Value::as_array).into_iter().flatten();
            let each = options.chain(property.get("additionalProperties")).chain([property]);
            let Some(section) = each.filter_map(target).find(|one| one.get("properties").is_some()) else { continue };
            if !found.iter().any(|(_, known)| std::ptr::eq(*known, section)) {
                let name = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                found.push((name.clone(), section));
                below(&name, section, found);
            }
        }
    }
    let mut found = Vec::new();
    below("", schema::value(), &mut found);
    found
}

/// The branches of a choice that carry settings: name, branch, settings.
fn branches(choice: &str) -> Vec<(String, &'static Value, &'static Value)> {
    let options = definition(choice).and_then(|choice| choice.get("oneOf")?.as_array());
    let named = options.into_iter().flatten().filter_map(|option| {
        let (name, settings) = option.get("properties")?.as_object()?.iter().next()?;
        Some((name.clone(), option, target(settings).unwrap_or(settings)))
    });
    named.collect()
}

fn description(branch: &Value, settings: &Value) -> String {
    let own = branch.get("description").or_else(|| settings.get("description"));
    own.and_then(Value::as_str).unwrap_or_default().to_string()
}

/// Everything that has a name: what `gristmill list` prints.
pub fn list() -> Vec<Listed> {
    let components = KINDS.iter().flat_map(|(kind, choice)| {
        branches(choice).into_iter().map(|(name, branch, settings)| Listed {
            kind,
            name,
            summary: summary(&description(branch, settings)),
        })
    });
    let sections = sections().into_iter().map(|(name, section)| Listed {
        kind: "section",
        name,
        summary: summary(&description(section, section)),
    });
    components.chain(sections).collect()
}

/// The reference of one component or section in Markdown; the error names the nearest one.
pub fn describe(name: &str) -> Result<String, String> {
    let component = KINDS.iter().find_map(|(kind, choice)| {
        let (_, branch, settings) = branches(choice).into_iter().find(|(known, ..)| known == name)?;
        Some(page(name, kind, &description(branch, settings), settings))
    });
    let section = || {
        // The last of the keys that lead to it will do.
        let named = |known: &str| known == name || known.rsplit('.').next() == Some(name);
        let (known, section) = sections().into_iter().find(|(known, _)| named(known))?;
        Some(page(&known, "section", &description(section, section), section))
    };
    component.or_else(section).ok_or_else(|| {
        let known = list();
        match nearest(name, known.iter().map(|listed| listed.name.as_str())) {
            Some(meant) => format!("nothing is named `{name}`; did you mean `{meant}`?"),
            None => format!("nothing is named `{name}`: `gristmill list` shows everything there is"),
        }
    })
}

fn page(name: &str, kind: &str, description: &str, settings: &'static Value) -> String {
    let mut page = format!("# {name} ({kind})\n\n{}", without_code(description));
    if let Some(example) = example(name, kind) {
        let with = if matches!(kind, "clean" | "augment" | "watch") { "For example" } else { "With its defaults" };
        page.push_str(&format!("\n{with}:\n\n```yaml\n{example}\n```\n"));
    }
    let properties = settings.get("properties").and_then(Value::as_object);
    let required: Vec<&str> =
        settings.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (index, (key, property)) in properties.into_iter().flatten().enumerate() {
        if index == 0 {
            page.push_str("\nSettings:\n\n");
        }
        let kind = kind_of(property);
        let text = property.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        let need = if required.contains(&key.as_str()) { ", required" } else { "" };
        page.push_str(&format!("- `{key}` ({kind}{need}): {text}\n"));
    }
    page
}

/// A description without its examples in Rust: those are for users of the library.
fn without_code(description: &str) -> String {
    let (mut code, mut text) = (false, String::new());
    for line in description.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !(code || line.is_empty() && text.ends_with("\n\n")) {
            text += &format!("{line}\n");
        }
    }
    format!("{}\n", text.trim_end())
}

/// How a document writes it: with its defaults, or with one choice of settings where it has no defaults.
fn example(name: &str, kind: &str) -> Option<String> {
    let every: Vec<Value> = match kind {
        "model" => values(Component::every()),
        "evaluate" => values(MetricKind::every()),
        "clean" => values(Clean::every(false)),
        "augment" => values(Augment::every()),
        "watch" => values(Watch::every(Some("outliers"))),
        _ => return None,
    };
    let given = match every.iter().find_map(|one| one.get(name))? {
        Value::Object(settings) => settings.clone().into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Array(items) => Value::from(items.clone()),
        _ => return None,
    };
    Some(match given.as_object().is_some_and(serde_json::Map::is_empty) {
        true => format!("{kind}: [{name}]"),
        false => format!("{kind}:\n  - {name}: {}", settings_line(&given)),
    })
}

fn values(all: Vec<impl Serialize>) -> Vec<Value> {
    all.iter().filter_map(|one| serde_json::to_value(one).ok()).collect()
}

fn kind_of(property: &'static Value) -> String {
    if let Some(target) = target(property) {
        let names: Vec<String> = target
            .get("oneOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|option| {
                let bare = option.get("const").and_then(Value::as_str).map(str::to_string);
                bare.or_else(|| option.get("properties")?.as_object()?.keys().next().cloned())
            })
            .collect();
        let mut unique: Vec<String> = Vec::new();
        names.into_iter().for_each(|name| {
            if !unique.contains(&name) {
                unique.push(name);
            }
        });
        return if unique.is_empty() { "mapping".into() } else { unique.join(" | ") };
    }
    if let Some(options) = property.get("anyOf").and_then(Value::as_array) {
        let other = options.iter().find(|option| option.get("type").and_then(Value::as_str) != Some("null"));
        return other.map_or("mapping".into(), kind_of);
    }
    match property.get("type") {
        Some(Value::Array(types)) => {
            let named = types.iter().filter_map(Value::as_str).find(|name| *name != "null");
            named.unwrap_or("value").into()
        }
        Some(Value::String(name)) => match (name.as_str(), property.get("format").and_then(Value::as_str)) {
            ("string", Some("span")) => "length of time".into(),
            ("string", Some("size")) => "size".into(),
            ("string", _) => "text".into(),
            ("object", _) => "mapping".into(),
            ("array", _) => "list".into(),
            (name, _) => name.into(),
        },
        _ => "value".into(),
    }
}

#[cfg(test)]
mod tests {
    use gristmill_learn::{Built, Signature, Task};

    use super::*;
    use crate::plan::Plan;

    /// Examples in `describe` can be copied into a document, and contain no Rust.
    #[test]
    fn every_example_is_a_part_of_a_document() {
        let mut examples = 0;
        for Listed { kind, name, .. } in list() {
            let page = describe(&name).unwrap();
            assert!(!page.contains("```rust") && !page.contains("let mut") && !page.contains("\n\n\n"), "{page}");
            let Some((_, example)) = page.split_once("```yaml\n") else {
                assert!(kind != "model" && kind != "evaluate" || ["file", "python"].contains(&name.as_str()), "{page}");
                continue;
            };
            examples += 1;
            let example = example.split_once("\n```").unwrap().0;
            let learner = Component::every().into_iter().find(|one| name_of(one) == name);
            let task = learner.map(|one| match one.build(&Signature::numeric(1)) {
                Built::Learner(learner) => learner.task(),
                Built::Transformer(_) => Task::BinaryClassification,
            });
            let label = match task {
                Some(Task::Regression) => "label: {column: x}\n",
                Some(Task::AnomalyDetection | Task::Clustering) => "",
                _ => "label: {column: y, positive: 'a'}\n",
            };
            let model = if kind == "model" { "" } else { "model: [logistic_regression]\n" };
            let document = format!(
                "name: t\ninput:\n  file: {{path: '-'}}\n  format: json\n  columns: {{x: float64, y: string}}\n\
                 features: [x]\n{label}{model}{example}\n"
            );
            if let Err(problems) = Plan::read("t.yaml", &document, &|_| None) {
                // That it does not learn, or not for this label, does not concern its syntax.
                let problems = problems.to_string();
                assert!(!problems.contains("unknown") && !problems.contains("must be"), "{document}\n{problems}");
                println!("{name}: {problems}");
            }
        }
        assert!(examples > 70, "{examples}");
    }

    #[test]
    fn a_summary_is_a_whole_sentence() {
        for listed in list() {
            let count = |sign: char| listed.summary.chars().filter(|c| *c == sign).count();
            assert_eq!(count('('), count(')'), "{}: {}", listed.name, listed.summary);
            assert_eq!(count('`') % 2, 0, "{}: {}", listed.name, listed.summary);
            assert!(listed.summary.chars().count() > 3, "{}: {}", listed.name, listed.summary);
        }
        for (text, sentence) in [
            ("One. Two.", "One"),
            ("As J. Doe says (A. B. and others). Two.", "As J. Doe says (A. B. and others)"),
            ("Without an end", "Without an end"),
            ("Two lines\nof it. More.\n\nAnd more.", "Two lines of it"),
        ] {
            assert_eq!(summary(text), sentence);
        }
    }
}
