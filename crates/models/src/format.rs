//! Selects the reader of a file: by its first bytes, never by its name.

use serde_json::Value;

use crate::booster::{catboost, lightgbm, ubjson, xgboost};
use crate::{ForeignModel, ReadError, Runtime, keras, onnx, refused};

/// Larger files are refused before any parsing.
const MOST_BYTES: usize = 1 << 28;

/// The supported formats, for messages.
const KNOWN: &str =
    "Keras `.h5` and `.keras`, ONNX, XGBoost `.json` and `.ubj`, LightGBM `.txt` and CatBoost `.json` are read";

/// Reads a model from the bytes of its file, which determine the format.
///
/// See the crate's documentation for an example.
pub fn read(bytes: &[u8]) -> Result<ForeignModel, ReadError> {
    read_with(bytes, &|_| Err("only the model itself was given".into()))
}

/// Reads a model that may keep its weights in files beside its own: `beside` returns their bytes, or an error.
///
/// It is called only with plain file names, never with a path.
pub fn read_with(bytes: &[u8], beside: &dyn Fn(&str) -> Result<Vec<u8>, String>) -> Result<ForeignModel, ReadError> {
    read_on(bytes, beside, Runtime::BuiltIn)
}

/// Reads a model; this runtime runs it if it is a graph.
pub fn read_on(
    bytes: &[u8],
    beside: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    runtime: Runtime,
) -> Result<ForeignModel, ReadError> {
    let model = recognised(bytes, beside, runtime)?;
    if runtime == Runtime::OnnxRuntime && !model.is_graph() {
        let what = "ONNX Runtime runs ONNX and Keras models, and this is neither";
        return Err(ReadError::unsupported(what, "leave out `runtime`: its trees are scored here"));
    }
    Ok(model)
}

fn recognised(
    bytes: &[u8],
    beside: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    runtime: Runtime,
) -> Result<ForeignModel, ReadError> {
    if bytes.len() > MOST_BYTES {
        let what = format!("the file has {} bytes, and no more than {MOST_BYTES} are read", bytes.len());
        return Err(ReadError::unsupported(what, "train a smaller model"));
    }
    if let Some(refused) = refused::refused(bytes) {
        return Err(refused);
    }
    match bytes {
        [] => Err(ReadError::unsupported("the file is empty", "save the model again")),
        [b'{', second, ..] if second.is_ascii_alphabetic() => xgboost::read(&ubjson::parse(bytes)?, "UBJSON"),
        [b'{', ..] => json(bytes),
        _ if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") => lightgbm::read(bytes),
        _ if keras::is_hdf5(bytes) => keras::read_hdf5(bytes, runtime),
        _ if keras::is_archive(bytes) => archive(bytes, runtime),
        _ if onnx::looks_like(bytes) => onnx::read(bytes, beside, runtime),
        _ => Err(ReadError::unsupported("this is no model file of a known format", KNOWN)),
    }
}

/// A zip archive: Keras', or another one, recognised by its members.
fn archive(bytes: &[u8], runtime: Runtime) -> Result<ForeignModel, ReadError> {
    keras::read_archive(bytes, runtime).map_err(|error| {
        if memchr::memmem::find(bytes, b"model.weights.h5").is_some() { error } else { refused::archive(bytes) }
    })
}

/// The same document with its bare `NaN` as texts: JSON does not have it, and XGBoost 2 writes it for splits by
/// category and leaves of several targets; none if there is no bare `NaN`.
fn without_bare_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    const NAN: &[u8] = b"NaN";
    let (mut mended, mut rest, mut quoted) = (Vec::new(), bytes, false);
    while let Some((first, behind)) = rest.split_first() {
        match first {
            b'\\' if quoted => {
                mended.extend(rest.iter().take(2));
                rest = behind.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => quoted = !quoted,
            b'N' if !quoted && rest.starts_with(NAN) => {
                mended.extend_from_slice(b"\"NaN\"");
                rest = rest.get(NAN.len()..).unwrap_or_default();
                continue;
            }
            _ => {}
        }
        mended.push(*first);
        rest = behind;
    }
    (mended.len() > bytes.len()).then_some(mended)
}

/// A JSON document: XGBoost's or CatBoost's, recognised by its keys.
fn json(bytes: &[u8]) -> Result<ForeignModel, ReadError> {
    let parsed: Result<Value, _> = serde_json::from_slice(bytes);
    let document = parsed
        .or_else(|error| without_bare_nan(bytes).map_or(Err(error), |bytes| serde_json::from_slice(&bytes)))
        .map_err(|error| ReadError::Damaged { format: "JSON", what: error.to_string() })?;
    if document.get("learner").is_some() {
        xgboost::read(&document, "JSON")
    } else if document.get("features_info").is_some() {
        catboost::read(&document)
    } else if document.get("tree_info").is_some() {
        Err(refused::lightgbm_dump())
    } else {
        Err(ReadError::unsupported("this JSON document is no model of a known format", KNOWN))
    }
}
