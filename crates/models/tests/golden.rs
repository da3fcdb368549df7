//! Files that the frameworks wrote, compared with the frameworks' answers: every row, every output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Output, ReadError};
use support::{alone, document, flat, folders, rows};

#[path = "../../../tests/data.rs"]
mod data;
mod support;

/// How far apart two answers may be.
#[derive(Clone, Copy)]
enum Tolerance {
    /// One unit in the last place of single precision.
    Single,
    /// This many units in the last place of double precision.
    Double(u64),
}

impl Tolerance {
    fn allows(self, ours: f64, theirs: f64) -> bool {
        let apart = match self {
            Self::Single => u64::from(ordered32(ours as f32).abs_diff(ordered32(theirs as f32))),
            Self::Double(_) => ordered64(ours).abs_diff(ordered64(theirs)),
        };
        let most = match self {
            Self::Single => 1,
            Self::Double(most) => most,
        };
        apart <= most || (ours.is_nan() && theirs.is_nan())
    }
}

/// Floats in order as integers: neighbours differ by one.
fn ordered32(x: f32) -> i32 {
    let bits = x.to_bits() as i32;
    if bits < 0 { i32::MIN - bits } else { bits }
}

fn ordered64(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// What is compared with an output of this name; none if we have no such output.
fn answer(model: &ForeignModel, name: &str, rows: &Features<'_>) -> Option<Vec<f64>> {
    let mut numbers = Vec::new();
    match name {
        "raw" | "raw_score" | "output_margin" => model.raw(rows, &mut numbers).unwrap(),
        "predict" | "value" => model.predict(rows, &mut numbers).unwrap(),
        "probability" => {
            model.predict(rows, &mut numbers).unwrap();
            if let Output::Probability(_) = model.signature().output {
                numbers = numbers.iter().flat_map(|positive| [1.0 - positive, *positive]).collect();
            }
        }
        _ => return None,
    }
    Some(numbers)
}

/// XGBoost's `multi:softmax` returns the class; we return the probabilities it is chosen by.
fn classes(probabilities: &[f64], count: usize) -> Vec<f64> {
    let most = |row: &[f64]| (0..count).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a))).unwrap() as f64;
    probabilities.chunks_exact(count).map(most).collect()
}

/// Compares every output of a folder with this file's; the number of outputs compared.
fn compare(folder: &std::path::Path, file: &str, tolerance: Tolerance) -> usize {
    let what = format!("{}/{file}", folder.file_name().unwrap().to_string_lossy());
    let model =
        gristmill_models::read(&std::fs::read(folder.join(file)).unwrap()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let numbers = rows(&model, folder);
    let features = Features::new(&numbers, model.signature().inputs.len());
    let mut compared = 0;
    for output in document(&folder.join("expected.json"))["outputs"].as_array().unwrap() {
        let name = output["name"].as_str().unwrap();
        let Some(mut ours) = answer(&model, name, &features) else { continue };
        let mut theirs = Vec::new();
        flat(&output["data"], &mut theirs);
        if ours.len() != theirs.len() {
            ours = classes(&ours, model.signature().output.width());
        }
        assert_eq!(ours.len(), theirs.len(), "{what}: {name}");
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!(tolerance.allows(*ours, *theirs), "{what}: {name}[{index}]: {ours} beside {theirs}");
        }
        compared += 1;
    }
    alone(&model, &features, &what);
    compared
}

/// Scores the files of one framework with this extension, except those refused; what was scored and what was refused.
fn framework(prefix: &str, endings: &[&str], refused: &[&str], tolerance: Tolerance) -> (usize, usize) {
    let (mut scored, mut turned_down) = (0, 0);
    for folder in folders().iter().filter(|folder| folder.file_name().unwrap().to_string_lossy().starts_with(prefix)) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let expected = document(&folder.join("expected.json"));
        for file in
            expected["files"].as_object().unwrap().keys().filter(|file| endings.iter().any(|e| file.ends_with(e)))
        {
            let path = format!("{name}/{file}");
            if refused.iter().any(|refused| path.starts_with(refused) || path.ends_with(refused)) {
                let error = gristmill_models::read(&std::fs::read(folder.join(file)).unwrap()).unwrap_err();
                assert!(matches!(error, ReadError::Unsupported { .. }), "{path}: {error}");
                turned_down += 1;
            } else {
                assert!(compare(folder, file, tolerance) > 0, "{path}: nothing compared");
                scored += 1;
            }
        }
    }
    (scored, turned_down)
}

#[test]
fn xgboost_within_one_unit_of_single_precision() {
    let counts = framework("xgb_", &[".json", ".ubj"], &[], Tolerance::Single);
    assert!(counts == (34, 0) || counts == (0, 0), "{counts:?}");
}

#[test]
fn lightgbm_is_equal() {
    let counts = framework("lgb_", &[".txt"], &[], Tolerance::Double(0));
    assert!(counts == (16, 0) || counts == (0, 0), "{counts:?}");
}

#[test]
fn catboost_with_numeric_features() {
    let refused = ["cat_categorical_", ".cbm"];
    let counts = framework("cat_", &[".json", ".cbm"], &refused, Tolerance::Double(4));
    assert!(counts == (7, 13) || counts == (0, 0), "{counts:?}");
}
