//! Keras models: `.h5` of Keras 2 and 3, and `.keras`, converted to a graph.

mod builder;
mod layers;
mod topology;
mod weights;

use serde_json::Value;

use crate::field::Field;
use crate::foreign::ForeignModel;
use crate::graph::Model;
use crate::{ReadError, Runtime, onnx};
use weights::{Store, Weights};

/// The format's name in messages.
pub(crate) const FORMAT: &str = "Keras";

pub(crate) fn damaged(what: impl Into<String>) -> ReadError {
    ReadError::Damaged { format: FORMAT, what: what.into() }
}

/// The remedy in every refusal of a layer.
const INSTEAD: &str =
    "export the model to ONNX (`model.export(\"model.onnx\", format=\"onnx\")`), or score it in Python";

pub(crate) fn refused(what: impl Into<String>) -> ReadError {
    ReadError::unsupported(what, INSTEAD)
}

/// The classes of all supported layers.
pub(crate) fn layers() -> impl Iterator<Item = &'static str> {
    layers::LAYERS.iter().map(|(class, _)| *class)
}

/// Whether bytes begin as HDF5 does.
pub(crate) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}

/// Whether bytes begin as a zip archive does.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads a whole model from HDF5.
pub(crate) fn read_hdf5(bytes: &[u8], runtime: Runtime) -> Result<ForeignModel, ReadError> {
    let weights = Weights::open(bytes.to_vec(), Store::ByLayer)?;
    let Some(config) = weights.root_text("model_config")? else {
        let what = "this HDF5 file holds no model, at most its weights";
        return Err(ReadError::unsupported(what, "save the whole model: `model.save(\"model.keras\")`"));
    };
    let version = weights.root_text("keras_version")?.unwrap_or_default();
    model(&config, &weights, (&version, "HDF5"), runtime)
}

/// Reads a `.keras` archive.
pub(crate) fn read_archive(bytes: &[u8], runtime: Runtime) -> Result<ForeignModel, ReadError> {
    let config = weights::member(bytes, "config.json")?;
    let metadata = weights::member(bytes, "metadata.json")?;
    let weights = Weights::open(weights::member(bytes, "model.weights.h5")?, Store::ByPath)?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| damaged("a document that is not UTF-8"));
    let metadata = json(&text(metadata)?)?;
    let version = metadata.get("keras_version").and_then(Value::as_str).unwrap_or_default().to_string();
    model(&text(config)?, &weights, (&version, "archive"), runtime)
}

fn json(text: &str) -> Result<Value, ReadError> {
    serde_json::from_str(text).map_err(|error| damaged(format!("its configuration: {error}")))
}

fn model(
    config: &str,
    weights: &Weights,
    (version, kind): (&str, &str),
    runtime: Runtime,
) -> Result<ForeignModel, ReadError> {
    let config = json(config)?;
    let old = version.starts_with("1.") || version.starts_with("2.");
    let graph = topology::graph(&Field::root(&config, FORMAT), weights, old)?;
    let format = format!("Keras {version}, {kind}");
    onnx::model(&Model { graph, format, operator_sets: vec![(String::new(), 17)] }, runtime)
}
