//! The JSON Schema of a pipeline document, generated from [`crate::spec`].

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use crate::spec::Pipeline;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Pipeline>();
    let mut value = schema.to_value();
    let whole = value.clone();
    let mut named = schemars::Schema::try_from(std::mem::take(&mut value)).unwrap_or_default();
    RecursiveTransform(Names { whole }).transform(&mut named);
    named.to_value()
});

/// The schema as JSON.
pub fn value() -> &'static Value {
    &SCHEMA
}

/// The schema as text, as `gristmill schema` prints it.
pub fn text() -> String {
    format!("{:#}\n", *SCHEMA)
}

/// Allows the bare name for a component whose settings all have defaults.
struct Names {
    whole: Value,
}

impl Names {
    fn needs_settings(&self, schema: &Value) -> bool {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        let resolved = target.and_then(|name| self.whole.get("$defs")?.get(name)).unwrap_or(schema);
        resolved.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
    }
}

impl Transform for Names {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        let Some(Value::Array(options)) = schema.get_mut("oneOf") else { return };
        let names: Vec<Value> = options
            .iter()
            .filter_map(|option| {
                let (name, settings) = option.get("properties")?.as_object()?.iter().next()?;
                let settings_doc = settings.get("$ref")?;
                let description = option.get("description").cloned().or_else(|| self.description(settings_doc));
                (!self.needs_settings(settings)).then(|| json!({"const": name, "description": description}))
            })
            .collect();
        options.extend(names);
    }
}

impl Names {
    fn description(&self, reference: &Value) -> Option<Value> {
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        self.whole.get("$defs")?.get(name)?.get("description").cloned()
    }
}
