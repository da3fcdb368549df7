//! What each part of a saved state depends on, as text that later programs write alike.
//!
//! A part's state is loaded if its definition is the same text as when it was saved. The text is JSON with sorted keys,
//! in a vocabulary of its own and without values that equal a default: a new setting left at its default, or a renamed
//! field in the program, changes nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ColumnPlan, Computed, Plan};

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
    pub(crate) fn new(name: impl Into<String>, of: &Value) -> Self {
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
pub(crate) fn given(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

/// A column and its type.
pub(crate) fn typed(column: &ColumnPlan) -> Value {
    json!([column.name, shortest(&column.kind)])
}

/// What SQL expressions make, as they were written.
pub(crate) fn items(computed: &Computed) -> Value {
    computed.items.iter().map(|item| json!([item.name, item.text])).collect()
}

impl Plan {
    /// The columns of a record, with their types.
    pub(crate) fn typed_columns(&self) -> Value {
        self.columns.iter().map(typed).collect()
    }

    pub(crate) fn named(&self, column: Option<usize>) -> Option<&str> {
        Some(self.column(column?)?.0)
    }

    /// What the model sees of a row, before it is augmented.
    pub(crate) fn seen(&self) -> Map<String, Value> {
        let feature = |column: &usize| match self.columns.get(*column) {
            Some(column) => Some(typed(column)),
            None => self.column(*column).map(|(name, kind)| json!([name, kind])),
        };
        let mut seen = Map::new();
        seen.insert("features".into(), self.features.iter().filter_map(feature).collect());
        if let Some(computed) = &self.computed {
            seen.insert("computed".into(), items(computed));
        }
        if !self.lookups.is_empty() {
            seen.insert("tables".into(), self.lookup_definitions().into());
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;
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
