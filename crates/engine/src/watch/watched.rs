//! A detector of change with what it watches: the settings of both stand side by side in a document.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::spec::{Action, Names};

/// What is the same for every detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Of {
    /// What is watched: `error` (1 for a wrong class and 0 for a right one; of numbers how far off they are), `score`, a
    /// column or feature of numbers, or a list of them. Default `error`.
    pub of: Names,
    /// An alarm is cleared once so many values have come without another sign of change, so that one change is one alarm, 1
    /// or more. Default 1000.
    #[schemars(range(min = 1))]
    pub quiet: u64,
    /// What an alarm does: `alarm`, `reset_model` or `promote_candidate`. Default `alarm`.
    pub then: Action,
}

impl Default for Of {
    fn default() -> Self {
        Self { of: Names::one("error"), quiet: 1_000, then: Action::Alarm }
    }
}

const OWN: [&str; 3] = ["of", "quiet", "then"];

/// A detector, and what it watches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watched<S> {
    /// What it watches.
    pub of: Of,
    /// Its own settings.
    pub detector: S,
}

impl<S: Serialize> Serialize for Watched<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let fields = |value: Result<Value, serde_json::Error>| match value {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(T::Error::custom("settings are a mapping")),
            Err(error) => Err(T::Error::custom(error)),
        };
        let own = fields(serde_json::to_value(&self.of))?;
        let detector = fields(serde_json::to_value(&self.detector))?;
        serializer.collect_map(own.into_iter().chain(detector))
    }
}

/// Places of mistakes are not lost: documents are checked against the schema before.
impl<'de, S: DeserializeOwned> Deserialize<'de> for Watched<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut detector = Map::<String, Value>::deserialize(deserializer)?;
        let own: Map<String, Value> = OWN.iter().filter_map(|key| detector.remove_entry(*key)).collect();
        Ok(Self {
            of: Of::deserialize(Value::Object(own)).map_err(D::Error::custom)?,
            detector: S::deserialize(Value::Object(detector)).map_err(D::Error::custom)?,
        })
    }
}

impl<S: JsonSchema> JsonSchema for Watched<S> {
    fn schema_name() -> Cow<'static, str> {
        format!("Watched{}", S::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (own, mut whole) = (Of::json_schema(generator), S::json_schema(generator));
        let own = own.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
            let detector = std::mem::take(properties);
            properties.extend(own.into_iter().chain(detector));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use gristmill_learn::drift::AdwinSettings;

    use super::*;

    #[test]
    fn both_settings_stand_side_by_side() {
        let written = serde_json::json!({"of": "error", "delta": 0.01, "then": "reset_model"});
        let watched: Watched<AdwinSettings> = serde_json::from_value(written).unwrap();
        assert_eq!(
            (watched.of.of.0.as_slice(), watched.of.then),
            (["error".to_string()].as_slice(), Action::ResetModel)
        );
        assert_eq!(watched.detector, AdwinSettings { delta: 0.01, ..AdwinSettings::default() });
        let again = serde_json::to_value(&watched).unwrap();
        assert_eq!(serde_json::from_value::<Watched<AdwinSettings>>(again).unwrap(), watched);
        let unknown = serde_json::from_value::<Watched<AdwinSettings>>(serde_json::json!({"delat": 1}));
        assert!(unknown.unwrap_err().to_string().contains("delat"));
    }
}
