//! The steps of a model.

use std::borrow::Cow;
use std::fmt;

use gristmill_learn::Component;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{BoostingRounds, Size, Span};

/// A step of a model: a component that learns here, or a model from a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A transformer or a learner.
    Component(Component),
    /// A model trained elsewhere.
    File(ModelFile),
    /// A model that lives in a Python process.
    Python(PythonModel),
}

/// A model trained elsewhere: Keras' `.h5` and `.keras`, ONNX, XGBoost's, LightGBM's and CatBoost's files.
///
/// It scores and never learns. Alone in `model` it makes the decisions; before other steps its answers are columns behind
/// the features: a learner corrects it, `platt_calibration` or `isotonic_calibration` turns its score into a probability.
///
/// A model without probabilities, such as a `LinearSVC`, decides by its decision value: `score` is that value, two classes
/// are decided at 0, and decisions have no `probability`. An outlier detector's `score` is larger for what is more unusual
/// and above 0 for an outlier, its `prediction` -1 for an outlier and 1 for all others.
///
/// Its inputs are found among the features by their names, in any order. Where it knows none of the features' names, the
/// features are taken in their order, and `gristmill plan` says so; where it knows some of them alone, that is an error.
/// LightGBM's files have `_` for a blank in a name, which fits. `gristmill describe FILE` shows the inputs. Text columns
/// become the categories that the model was trained with, as do numbers and truth values where those are its categories;
/// one that it has not seen is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The file. It is read when the document is checked; its format is told by its bytes.
    pub path: String,
    /// What decisions call it. Default: the file's name without its ending.
    #[serde(default)]
    pub name: Option<String>,
    /// What runs an ONNX or Keras model: `built_in` (default), or `onnxruntime`, whose library the environment variable
    /// `ORT_DYLIB_PATH` names: it is asked row by row, so that no answer depends on the rows beside it. Scores are the same
    /// to 1e-5.
    #[serde(default)]
    pub runtime: GraphRuntime,
    /// How many rounds of boosting of an XGBoost, LightGBM or CatBoost model count: `best` for those up to the one that
    /// early stopping found best, `all`, or a number of rounds. Default: as the framework predicts. The file of one of
    /// XGBoost's scikit-learn classes (`XGBClassifier`, …) that stopped early is used up to its best round, any other file
    /// whole; LightGBM and CatBoost leave the rounds behind the best out of their files. `gristmill describe FILE` and
    /// `gristmill plan` show the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<BoostingRounds>,
}

/// What runs a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GraphRuntime {
    /// This program.
    #[default]
    #[serde(rename = "built_in")]
    BuiltIn,
    /// ONNX Runtime.
    OnnxRuntime,
}

/// A model that lives in Python: TensorFlow, PyTorch, scikit-learn or whatever has no file that is read here.
///
/// Each member starts one process, which imports the module at `path` and keeps it. The module has these functions:
///
/// - `load()` or `load(saved)`: the model, made once. `saved` is what `save` gave last, or `None`.
/// - `predict(model, batch)`: a number for each row (`probability`, `value`), or a row of them for each (`classes`), as
///   anything that numpy takes. `batch["amount"]` is a column, `batch.matrix` all of them as float64, `batch.arrow` the
///   Arrow record batch. What it says of a row must not depend on the rows beside it.
/// - `learn(model, batch, labels)`, with `learn_batch`: learns from labelled rows, or returns another model.
/// - `save(model)`, with `learn_batch`: the bytes of what was learned.
///
/// It needs `pyarrow` and `numpy`. What it prints goes to the log. A process that ends, or does not answer in time, is
/// started again and its batch tried again, then row by row: a row for which it fails is a dead letter, `not_scored`, as is
/// one for which it answers NaN. With `learn_batch` what was learned is part of the saved state; that the same rows teach the
/// same depends on the framework.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonModel {
    /// The module: a file of Python.
    pub path: String,
    /// The interpreter, as the shell would find it. Default: `python3`.
    #[serde(default = "python3")]
    pub interpreter: String,
    /// What it answers: `probability` (of the positive class; default), `value`, or `{classes: [NAMES]}`, a probability for
    /// each.
    #[serde(default)]
    pub output: PythonOutput,
    /// What decisions call it. Default: the file's name without its ending.
    #[serde(default)]
    pub name: Option<String>,
    /// How long an answer may take. Default: 10 s.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// How long it may take to start and to load. Default: 2 min.
    #[serde(default = "two_minutes")]
    pub start: Span,
    /// The most memory that the process may hold; above it, it is started again between two batches. Default: no limit.
    #[serde(default)]
    pub memory: Option<Size>,
    /// Learns here: so many labelled rows are handed over at a time, at least 1. Default: it never learns.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub learn_batch: Option<u32>,
}

/// What a model in Python answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PythonOutput {
    /// The probability of the positive class.
    #[default]
    Probability,
    /// A number.
    Value,
    /// The probability of each of these classes.
    Classes(Vec<String>),
}

fn python3() -> String {
    "python3".into()
}

fn ten_seconds() -> Span {
    Span(std::time::Duration::from_secs(10))
}

fn two_minutes() -> Span {
    Span(std::time::Duration::from_secs(120))
}

/// The name of a step that is a file.
const FILE: &str = "file";
/// The name of a step that lives in Python.
const PYTHON: &str = "python";

impl Step {
    /// The component, where it is one.
    pub fn component(&self) -> Option<&Component> {
        match self {
            Self::Component(component) => Some(component),
            Self::File(_) | Self::Python(_) => None,
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Component(component) => component.serialize(serializer),
            Self::File(file) => serializer.serialize_newtype_variant("Step", 0, FILE, file),
            Self::Python(python) => serializer.serialize_newtype_variant("Step", 1, PYTHON, python),
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
                f.write_str("a component, `file` or `python`")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Step, A::Error> {
                let (name, settings): (String, A::Variant) = access.variant()?;
                match name.as_str() {
                    FILE => return settings.newtype_variant().map(Step::File),
                    PYTHON => return settings.newtype_variant().map(Step::Python),
                    _ => {}
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
        let outside =
            [(FILE, generator.subschema_for::<ModelFile>()), (PYTHON, generator.subschema_for::<PythonModel>())];
        if let Some(serde_json::Value::Array(options)) = schema.get_mut("oneOf") {
            options.extend(outside.into_iter().map(|(name, settings)| {
                let option = json_schema!({
                    "type": "object",
                    "properties": {name: settings},
                    "additionalProperties": false,
                    "required": [name]
                });
                option.to_value()
            }));
        }
        schema
    }
}
