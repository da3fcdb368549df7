//! Files that frameworks write and that are not models here are named for what they are, with what to do instead.
//!
//! `refused/` holds files that scikit-learn 1.9.1, joblib 1.6.0, skops 0.16.0 and LightGBM 4.7.0 wrote of tiny models.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use std::path::Path;

const PICKLE: &str = "Python pickle";
const ONNX: &str = "export the model to ONNX with skl2onnx";
const SAVE: &str = "save the booster with `save_model(";

const FILES: [(&str, &str, &str); 8] = [
    ("protocol-0.pickle", PICKLE, ONNX),
    ("protocol-1.pickle", PICKLE, ONNX),
    ("protocol-5.pickle", PICKLE, ONNX),
    ("model.joblib", "as joblib writes it too, is a Python pickle", ONNX),
    ("compressed.joblib", "this is compressed (zlib)", "what joblib has compressed is a Python pickle"),
    ("model.skops", "this is skops' format", ONNX),
    ("dump_model.json", "LightGBM's `dump_model`", SAVE),
    // The same as `print` shows it.
    ("dump_model.txt", "LightGBM's `dump_model`", SAVE),
];

fn said(bytes: &[u8]) -> String {
    match gristmill_models::read(bytes) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was read"),
    }
}

#[test]
fn what_is_no_model_here_is_named_with_what_to_do_instead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused");
    for (file, what, instead) in FILES {
        let said = said(&std::fs::read(folder.join(file)).unwrap());
        assert!(said.contains(what) && said.contains(instead), "{file}: {said}");
    }
    let dump = "booster[0]:\n0:[f0<0.5] yes=1,no=2,missing=2\n\t1:leaf=0.1\n\t2:leaf=-0.1\n";
    let said = said(dump.as_bytes());
    assert!(said.contains("XGBoost's `dump_model`") && said.contains(SAVE), "{said}");
}
