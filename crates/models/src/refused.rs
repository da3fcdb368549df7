//! Known formats that are not supported: what they are, and what to do instead.

use memchr::memmem;

use crate::ReadError;

/// Formats recognised by their first bytes.
const STARTS: [(&[u8], &str, &str); 4] = [
    (b"CBM1", "this is CatBoost's binary format", "save it with `save_model(path, format=\"json\")`"),
    (b"binf", "this is the old binary format of XGBoost, which XGBoost itself no longer reads", XGBOOST_AGAIN),
    (b"bs64", "this is the old binary format of XGBoost, which XGBoost itself no longer reads", XGBOOST_AGAIN),
    (b"booster[", XGBOOST_DUMP, XGBOOST_SAVE),
];
const XGBOOST_AGAIN: &str = "load it with the version that wrote it and save it as `.json` or `.ubj`";
const XGBOOST_DUMP: &str = "this is what XGBoost's `dump_model` writes for people to read, which is no model any more";
const XGBOOST_SAVE: &str = "save the booster with `save_model(\"model.json\")`";
/// Compressed formats, by their first bytes.
const COMPRESSED: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x5d\0\0", "LZMA"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x78\x01", "zlib"),
    (b"\x78\x5e", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
];

/// How scikit-learn's models are exported.
const TO_ONNX: &str = "export the model to ONNX with skl2onnx: `to_onnx(model, x[:1], options={\"zipmap\": False})`";
const TORCH: &str = "export the model to ONNX: `torch.onnx.export(model, example, \"model.onnx\")`";
const SAVED_MODEL: &str =
    "export its folder to ONNX: `python -m tf2onnx.convert --saved-model FOLDER --output model.onnx --opset 17`";

/// By a name in the pickle, what to do instead; the first match counts.
const FRAMEWORKS: [(&str, &str); 6] = [
    ("sklearn", TO_ONNX),
    ("lightgbm", "save the booster in its own format: `model.booster_.save_model(\"model.txt\")`"),
    ("xgboost", "save the model in its own format: `model.save_model(\"model.json\")`"),
    ("catboost", "save the model in its own format: `model.save_model(\"model.json\", format=\"json\")`"),
    ("keras", "save the model in its own format: `model.save(\"model.keras\")`"),
    ("torch", TORCH),
];
const IN_PYTHON: &str =
    "save the model in a format of its own, export it to ONNX, or let it live in Python: `python: {path: …}`";

fn holds(bytes: &[u8], what: &str) -> bool {
    memmem::find(bytes, what.as_bytes()).is_some()
}

/// Why these bytes are not a supported model, if their format is known.
pub(crate) fn refused(bytes: &[u8]) -> Option<ReadError> {
    if let Some((_, what, instead)) = STARTS.iter().find(|(start, ..)| bytes.starts_with(start)) {
        return Some(ReadError::unsupported(*what, *instead));
    }
    if is_pickle(bytes) {
        let what =
            "this, as joblib writes it too, is a Python pickle, which runs whatever code it holds when it is read";
        // A wrapper in scikit-learn's style names both: the other framework wrote the model.
        let named = FRAMEWORKS.iter().skip(1).chain(FRAMEWORKS.first()).find(|(name, _)| holds(bytes, name));
        return Some(ReadError::unsupported(what, named.map_or(IN_PYTHON, |(_, instead)| instead)));
    }
    if let Some((_, by)) = COMPRESSED.iter().find(|(start, _)| bytes.starts_with(start)) {
        let instead = "unpack it first; what joblib has compressed is a Python pickle, which is not read: export the \
                       model to ONNX, or save a booster in its own format";
        return Some(ReadError::unsupported(format!("this is compressed ({by})"), instead));
    }
    if bytes.starts_with(b"[") && holds(bytes.get(..256).unwrap_or(bytes), "\"nodeid\"") {
        return Some(ReadError::unsupported(XGBOOST_DUMP, XGBOOST_SAVE));
    }
    // As Python prints it.
    if bytes.starts_with(b"{'") && holds(bytes, "'tree_info'") {
        return Some(lightgbm_dump());
    }
    if bytes.starts_with(b"<") && holds(bytes.get(..4096).unwrap_or(bytes), "<PMML") {
        return Some(ReadError::unsupported("this is PMML, which is not read", IN_PYTHON));
    }
    // The same messages as in ONNX, up to their meaning.
    if bytes.starts_with(b"\x08\x01\x12") && holds(bytes, "saved_model") {
        return Some(ReadError::unsupported("this is TensorFlow's SavedModel", SAVED_MODEL));
    }
    None
}

/// Binary pickles begin with their version; those of version 0 and 1 begin with the object's class, and end with a
/// stop.
fn is_pickle(bytes: &[u8]) -> bool {
    let global = |bytes: &[u8]| {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let word = |line: Option<&[u8]>| {
            line.is_some_and(|line| {
                !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(byte))
            })
        };
        word(lines.next()) && word(lines.next()) && lines.next().is_some()
    };
    match bytes {
        [0x80, 2..=5, ..] => true,
        [b'c', rest @ .., b'.'] => global(rest),
        [b'(' | b']' | b'}', .., b'.'] => holds(bytes, "copy_reg\n_reconstructor\n") || bytes.starts_with(b"(dp0\n"),
        _ => false,
    }
}

/// LightGBM's output for other programs.
pub(crate) fn lightgbm_dump() -> ReadError {
    let what = "this is what LightGBM's `dump_model` gives for other programs, which LightGBM itself does not read";
    ReadError::unsupported(what, "save the booster with `save_model(\"model.txt\")`")
}

/// Why a zip archive is not a supported model.
pub(crate) fn archive(bytes: &[u8]) -> ReadError {
    if holds(bytes, "data.pkl") {
        return ReadError::unsupported("this is PyTorch's own format, which holds Python code", TORCH);
    }
    if holds(bytes, "schema.json") {
        let what = "this is skops' format, whose parts Python puts together";
        return ReadError::unsupported(what, TO_ONNX);
    }
    let instead = "unpack it, and name the model file that was in it";
    ReadError::unsupported("this is an archive without a model of a known format", instead)
}
