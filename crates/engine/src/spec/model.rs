//! The steps of a model.

use std::borrow::Cow;
use std::fmt;

use gristmill_learn::Component;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A step of a model: a component that learns here, or a model from a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A transformer or a learner.
    Component(Component),
    /// A model trained elsewhere.
    File(ModelFile),
}

/// A model trained elsewhere: Keras' `.h5` and `.keras`, ONNX, XGBoost's, LightGBM's and CatBoost's files.
///
/// It scores and never learns. Its inputs are found among the features by their names, or, where the names differ, taken
/// in the order of `features`. `gristmill describe FILE` shows them. Text columns become the categories that the model
/// was trained with; one that it has not seen is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The file. It is read when the document is checked; its format is told by its bytes.
    pub path: String,
}

/// The name of a step that is a file.
const FILE: &str = "file";

impl Step {
    /// The component, where it is one.
    pub fn component(&self) -> Option<&Component> {
        match self {
            Self::Component(component) => Some(component),
            Self::File(_) => None,
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&ModelFile> {
        match self {
            Self::Component(_) => None,
            Self::File(file) => Some(file),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Component(component) => component.serialize(serializer),
            Self::File(file) => serializer.serialize_newtype_variant("Step", 0, FILE, file),
        }
    }
}

/// Components are a closed list in a crate that knows no files: the name is looked at first, then handed on.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a component or `file`")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Step, A::Error> {
                let (name, settings): (String, A::Variant) = access.variant()?;
                if name == FILE {
                    return settings.newtype_variant().map(Step::File);
                }
                Component::deserialize(Named { name, settings }).map(Step::Component)
            }
        }
        deserializer.deserialize_enum("Step", &[], Choice)
    }
}

/// A name that was looked at, with its settings still unread.
struct Named<S> {
    name: String,
    settings: S,
}

impl<'de, S: VariantAccess<'de>> Deserializer<'de> for Named<S> {
    type Error = S::Error;

    fn deserialize_any<T: Visitor<'de>>(self, visitor: T) -> Result<T::Value, S::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: VariantAccess<'de>> EnumAccess<'de> for Named<V> {
    type Error = V::Error;
    type Variant = V;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, V), V::Error> {
        let name: de::value::StringDeserializer<V::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.settings))
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Component::json_schema(generator);
        let file = generator.subschema_for::<ModelFile>();
        let option = json_schema!({
            "type": "object",
            "properties": {FILE: file},
            "additionalProperties": false,
            "required": [FILE]
        });
        if let Some(serde_json::Value::Array(options)) = schema.get_mut("oneOf") {
            options.push(option.to_value());
        }
        schema
    }
}
