//! What the model sees.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A feature: a column's name, or a name and the SQL expression that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The name.
    pub name: String,
    /// The expression; without it the feature is the column of that name.
    pub expression: Option<String>,
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(expression) = &self.expression else { return serializer.serialize_str(&self.name) };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, expression)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Feature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Item;
        impl<'de> Visitor<'de> for Item {
            type Value = Feature;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column's name, or {name: SQL expression}")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Feature, E> {
                Ok(Feature { name: name.to_string(), expression: None })
            }

            fn visit_i64<E: Error>(self, name: i64) -> Result<Feature, E> {
                self.visit_str(&name.to_string())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Feature, A::Error> {
                match (map.next_entry::<String, String>()?, map.next_key::<String>()?) {
                    (Some((name, expression)), None) => Ok(Feature { name, expression: Some(expression) }),
                    _ => Err(A::Error::custom("expected one name with its SQL expression")),
                }
            }
        }
        deserializer.deserialize_any(Item)
    }
}

impl JsonSchema for Feature {
    fn schema_name() -> Cow<'static, str> {
        "Feature".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A column's name, or `{name: SQL expression}`.",
            "type": ["string", "object"],
            "additionalProperties": {"type": "string"},
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}
