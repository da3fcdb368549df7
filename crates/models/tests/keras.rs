//! Keras files of both versions, in both formats, compared with Keras' answers: every row, every output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, OutputValues, ReadError};
use support::{alone, document, flat, folders, rows};

#[path = "../../../tests/data.rs"]
mod data;
mod support;

/// Relative to the larger of 1 and the expected value.
const TOLERANCE: f64 = 1e-5;

fn near(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * b.abs().max(1.0);
        assert!(same, "{what}[{place}]: {a} beside {b}");
    }
}

fn compare(path: &str, model: &ForeignModel, folder: &std::path::Path) {
    let numbers = rows(model, folder);
    let features = Features::new(&numbers, model.signature().inputs.len());
    let outputs = model.outputs(&features).unwrap_or_else(|error| panic!("{path}: {error}"));
    let truth = document(&folder.join("expected.json"));
    // The error of a reconstruction is not an output of the file.
    let expected: Vec<_> = truth["outputs"].as_array().unwrap().iter().filter(|one| one["name"] != "mse").collect();
    assert_eq!(outputs.len(), expected.len(), "{path}");
    for (expected, (name, answer)) in expected.iter().zip(&outputs) {
        let mut theirs = Vec::new();
        flat(&expected["data"], &mut theirs);
        let OutputValues::Numbers(ours) = answer else { panic!("{path}: {name} is text") };
        near(&format!("{path}: {name}"), ours, &theirs);
        assert!(outputs.len() == 1 || expected["name"] == name.as_str(), "{path}: {name}");
    }
    alone(model, &features, path);
}

#[test]
fn keras_of_both_versions() {
    let (mut scored, mut refused) = (0, 0);
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("keras") {
            continue;
        }
        for (file, about) in document(&folder.join("expected.json"))["files"].as_object().unwrap() {
            let path = format!("{name}/{file}");
            let read = gristmill_models::read(&std::fs::read(folder.join(file)).unwrap());
            match (about["expect"].as_str().unwrap(), read) {
                ("refuse", Err(error @ ReadError::Unsupported { .. })) => {
                    let error = error.to_string();
                    let words = if path.contains("weights") { "holds no model" } else { "the layer" };
                    assert!(error.contains(words), "{path}: {error}");
                    refused += 1;
                }
                ("score", Ok(model)) => {
                    compare(&path, &model, &folder);
                    scored += 1;
                }
                (expect, read) => panic!("{path}: {expect} was expected, not {:?}", read.map(|_| "a model")),
            }
        }
    }
    assert!([(0, 0), (48, 5)].contains(&(scored, refused)), "{scored} scored, {refused} refused");
}

#[test]
fn the_fraud_autoencoder() {
    const GOLDEN: &str = "models/golden_keras_predictions.json";
    let Some(data) = data::find(GOLDEN) else { return };
    let golden = document(&data.join(GOLDEN));
    for (file, truth) in golden.as_object().unwrap() {
        let model = gristmill_models::read(&std::fs::read(data.join(file)).unwrap()).unwrap();
        let (mut rows, mut ours) = (Vec::new(), Vec::new());
        flat(&truth["input"], &mut rows);
        model.predict(&Features::new(&rows, model.signature().inputs.len()), &mut ours).unwrap();
        // Keras' own, and the same computed in double precision.
        let answers: Vec<_> = truth.as_object().unwrap().iter().filter(|(who, _)| *who != "input").collect();
        assert_eq!(answers.len(), 2);
        for (who, answer) in answers {
            let mut theirs = Vec::new();
            flat(answer, &mut theirs);
            near(&format!("{file} by {who}"), &ours, &theirs);
        }
    }
}
