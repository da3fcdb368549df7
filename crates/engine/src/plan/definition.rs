//! What each part of a saved state depends on, as text that later programs write alike.
//!
//! A part's state is loaded if its definition is the same text as when it was saved. The text is JSON with sorted keys,
//! in a vocabulary of its own and without values that equal a default: a new setting left at its default, or a renamed
//! field in the program, changes nothing.

use gristmill_learn::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ColumnPlan, Computed, Plan};
use crate::describe;
use crate::lookup::LookupPlan;

/// The version of the encoding. A changed encoding gets another number, and reads the earlier ones.
const VERSION: u32 = 1;

/// What a part of a shard's state depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The part's name.
    pub name: String,
    /// What it depends on.
    pub text: String,
}

impl Definition {
    fn new(name: impl Into<String>, of: &Value) -> Self {
        Self { name: name.into(), text: format!("{VERSION} {}", canonical(of)) }
    }
}

/// The content of a definition, if its version is known.
pub(crate) fn read(text: &str) -> Option<Value> {
    let (version, value) = text.split_once(' ')?;
    if version.parse() == Ok(VERSION) { serde_json::from_str(value).ok() } else { None }
}

/// The shortest JSON that reads back as the same value: values equal to a default are left out, at any depth.
pub(crate) fn shortest<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Value {
    let mut whole = serde_json::to_value(value).unwrap_or_default();
    leave_out(&mut whole, "", &|shorter| T::deserialize(shorter).is_ok_and(|other| other == *value));
    whole
}

/// Leaves out unnecessary values below a place, a JSON pointer, innermost first.
fn leave_out(whole: &mut Value, at: &str, same: &dyn Fn(&Value) -> bool) {
    let (keys, named): (Vec<String>, bool) = match whole.pointer(at) {
        Some(Value::Object(fields)) => (fields.keys().cloned().collect(), true),
        Some(Value::Array(items)) => ((0..items.len()).map(|index| index.to_string()).collect(), false),
        _ => return,
    };
    for key in keys {
        leave_out(whole, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), same);
        let left_out = named.then(|| fields(whole, at)?.remove(&key)).flatten();
        if let Some(value) = left_out.filter(|_| !same(whole)) {
            fields(whole, at).map(|fields| fields.insert(key, value));
        }
    }
}

fn fields<'a>(whole: &'a mut Value, at: &str) -> Option<&'a mut Map<String, Value>> {
    whole.pointer_mut(at)?.as_object_mut()
}

/// JSON with sorted keys.
fn canonical(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let field = |(key, value): &(&String, &Value)| format!("{}:{}", json!(key), canonical(value));
            format!("{{{}}}", list(fields.iter().map(field).collect()))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(canonical).collect())),
        // 50.0 is 50, whatever the type of a setting.
        Value::Number(number) => match number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15) {
            Some(whole) => (whole as i64).to_string(),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// An object without null values.
fn given(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

fn typed(column: &ColumnPlan) -> Value {
    json!([column.name, shortest(&column.kind)])
}

fn items(computed: &Computed) -> Value {
    computed.items.iter().map(|item| json!([item.name, item.text])).collect()
}

impl LookupPlan {
    /// What the state of others depends on. `on`: the column of the input that is looked up.
    fn definition(&self, on: Option<&str>) -> Value {
        let named = |column: Option<usize>| Some(self.columns.get(column?)?.name.as_str());
        given(json!({
            "name": self.name,
            "columns": self.columns.iter().map(typed).collect::<Value>(),
            "key": named(self.key),
            "on": on,
            "time": named(self.time),
        }))
    }
}

impl Plan {
    /// The parts of a shard's state and what each depends on, in the order in which they are saved: a part with another
    /// definition needs other state. A step of the model depends on the features and on the earlier steps, since they
    /// produce its inputs.
    pub fn definition(&self) -> &[Definition] {
        self.definition.get_or_init(|| self.define())
    }

    fn named(&self, column: Option<usize>) -> Option<&str> {
        Some(self.column(column?)?.0)
    }

    fn define(&self) -> Vec<Definition> {
        let columns: Value = self.columns.iter().map(typed).collect();
        let mut parts = vec![self.label_definition()];
        for rule in &self.clean {
            let rule_of = json!({"rule": shortest(&rule.written), "columns": columns, "key": self.named(self.key)});
            parts.push(Definition::new(&rule.name, &given(rule_of)));
        }
        if let Some(grace) = self.grace {
            let waits = json!({"grace": grace, "columns": columns, "time": self.named(self.time), "flags": self.flags});
            parts.push(Definition::new("grace", &waits));
        }
        let tables: Vec<Value> =
            self.lookups.iter().map(|table| table.definition(self.named(Some(table.on)))).collect();
        // Saved states say `table`, as documents did before `lookup`.
        let table = |(table, of): (&LookupPlan, &Value)| Definition::new(format!("table {}", table.name), of);
        parts.extend(self.lookups.iter().zip(&tables).map(table));
        parts.push(self.categories_definition(&tables));
        if let Some(computed) = &self.computed {
            let time = self.named(self.time);
            let windows = json!({"columns": columns, "time": time, "items": items(computed), "tables": tables});
            parts.push(Definition::new("windows", &given(windows)));
        }
        self.learning_definitions(self.inputs(&tables), &mut parts);
        let metrics = || self.metrics.iter().map(shortest);
        parts.extend(self.metrics.iter().zip(metrics()).map(|(metric, of)| Definition::new(metric.key(), &of)));
        let compared = json!({"task": self.task, "metrics": metrics().collect::<Value>()});
        parts.push(Definition::new("baselines", &compared));
        parts
    }

    fn label_definition(&self) -> Definition {
        let label = self.label.as_ref().map(|label| {
            given(json!({
                "column": self.columns.get(label.column).map(typed),
                "positive": Some(&label.positive).filter(|class| !class.is_empty()),
                "negative": label.negative,
                "delay": label.delay,
            }))
        });
        match self.shards() {
            1 => Definition::new("label", &given(json!({"label": label}))),
            shards => {
                let cut = json!({"label": label, "key": self.named(self.key), "shards": shards});
                Definition::new("shards and label", &given(cut))
            }
        }
    }

    /// Codes of text depend on what produces the text.
    fn categories_definition(&self, tables: &[Value]) -> Definition {
        let kinds = self.signature.kinds().iter().zip(&self.features);
        let nominal: Vec<usize> =
            kinds.filter(|(kind, _)| **kind == Kind::Nominal).map(|(_, column)| *column).collect();
        let names: Value = nominal.iter().filter_map(|column| self.named(Some(*column))).collect();
        let own = self.columns.len() + self.flags.len();
        let made = nominal.iter().any(|column| *column >= own);
        let items = self.computed.as_ref().filter(|_| made).map(items);
        let tables = Some(tables).filter(|tables| made && !tables.is_empty());
        Definition::new("categories", &given(json!({"of": names, "computed": items, "tables": tables})))
    }

    /// The inputs of the model's first step.
    fn inputs(&self, tables: &[Value]) -> Value {
        let feature = |column: &usize| match self.columns.get(*column) {
            Some(column) => Some(typed(column)),
            None => self.column(*column).map(|(name, kind)| json!([name, kind])),
        };
        given(json!({
            "features": self.features.iter().filter_map(feature).collect::<Value>(),
            "computed": self.computed.as_ref().map(items),
            "tables": Some(tables).filter(|tables| !tables.is_empty()),
        }))
    }

    /// Rows that wait for a label, and every step that learns.
    fn learning_definitions(&self, mut inputs: Value, parts: &mut Vec<Definition>) {
        let add = |inputs: &mut Value, key: &str, value: Value| {
            if let Some(fields) = inputs.as_object_mut() {
                fields.insert(key.into(), value);
            }
        };
        if let Some(delay) = self.delay() {
            let segment = |(metric, column): &(usize, usize)| {
                json!([self.metrics.get(*metric).map(shortest), self.named(Some(*column))])
            };
            let segments: Value = self.segments.iter().map(segment).collect();
            let waits = json!({"delay": delay, "inputs": inputs, "segments": segments});
            parts.push(Definition::new("pending", &waits));
        }
        if !self.augment.is_empty() {
            add(&mut inputs, "augment", self.augment.iter().map(shortest).collect());
            parts.push(Definition::new("augment", &inputs));
        }
        if let Some(scoring) = &self.scoring {
            let takes: Value =
                scoring.inputs.iter().map(|place| self.named(self.features.get(*place).copied())).collect();
            let file = json!({
                "digest": format!("{:032x}", scoring.written().digest),
                "inputs": takes,
                "runtime": scoring.reading.runtime,
                "rounds": scoring.reading.rounds,
            });
            add(&mut inputs, "file", given(file));
            parts.push(Definition::new("file", &inputs));
        }
        let mut steps: Vec<Value> = Vec::new();
        for step in &self.model {
            steps.push(shortest(step));
            parts.push(Definition::new(describe::name_of(step), &json!({"inputs": inputs, "steps": steps})));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gristmill_learn::{Component, MetricKind};
    use serde::Deserialize;

    /// A component's settings, and those of a later program: with one more setting, another default inside, and another
    /// order.
    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Then {
        rate: f64,
        inner: InnerThen,
    }

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct InnerThen {
        depth: u32,
    }

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Now {
        inner: InnerNow,
        patience: Option<u32>,
        #[serde(rename = "rate")]
        learning_rate: f64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct InnerNow {
        smoothing: f64,
        depth: u32,
    }

    impl Default for InnerNow {
        fn default() -> Self {
            Self { smoothing: 0.5, depth: 0 }
        }
    }

    #[test]
    fn a_new_setting_with_a_default_changes_nothing() {
        let then = Then { rate: 0.25, inner: InnerThen { depth: 3 } };
        let now = Now { learning_rate: 0.25, inner: InnerNow { depth: 3, ..InnerNow::default() }, ..Now::default() };
        let text = canonical(&shortest(&then));
        assert_eq!(text, r#"{"inner":{"depth":3},"rate":0.25}"#);
        assert_eq!(canonical(&shortest(&now)), text);
        assert_eq!(canonical(&shortest(&Now::default())), "{}");
        let other = Now { patience: Some(2), ..now };
        assert_eq!(canonical(&shortest(&other)), r#"{"inner":{"depth":3},"patience":2,"rate":0.25}"#);
    }

    /// Every setting is present or a default: omitted ones return on reading.
    #[test]
    fn the_shortest_of_every_component_reads_back_as_the_same() {
        for component in Component::every() {
            let short = shortest(&component);
            assert_eq!(Component::deserialize(&short).unwrap(), component, "{short}");
            assert_eq!(
                canonical(&short),
                format!("{{\"{}\":{{}}}}", describe::name_of(&component)),
                "all are defaults"
            );
        }
        for metric in MetricKind::every() {
            let short = shortest(&metric);
            assert_eq!(MetricKind::deserialize(&short).unwrap(), metric, "{short}");
        }
    }

    #[test]
    fn what_differs_is_said_however_deep() {
        let written = serde_json::json!({"leveraging_bagging_classifier": {
            "n_models": 3, "model": {"hoeffding_tree_classifier": {"delta": 1e-7, "grace_period": 50}}
        }});
        let component = Component::deserialize(&written).unwrap();
        let expected = r#"{"leveraging_bagging_classifier":{"model":{"hoeffding_tree_classifier":{"grace_period":50}},"n_models":3}}"#;
        assert_eq!(canonical(&shortest(&component)), expected);
    }

    #[test]
    fn another_way_of_writing_is_not_understood() {
        let text = Definition::new("label", &json!({"column": "y"})).text;
        assert_eq!(text, r#"1 {"column":"y"}"#);
        assert_eq!(read(&text), Some(json!({"column": "y"})));
        assert_eq!([read("2 {}"), read("LabelPlan { column: 1 }"), read("")], [None, None, None]);
    }
}
