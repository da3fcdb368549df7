//! The same files run by ONNX Runtime, if its library is installed: the same answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use std::path::Path;

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Runtime, find_onnxruntime};
use support::{alone, document, folders, rows};

#[path = "../../../tests/data.rs"]
mod data;
mod support;

fn answers(model: &ForeignModel, features: &Features<'_>) -> Result<Vec<f64>, String> {
    let mut numbers = Vec::new();
    model.predict(features, &mut numbers).map_err(|error| error.to_string())?;
    Ok(numbers)
}

/// The answers of a file are the same; an error where ONNX Runtime refuses it, none where we do.
fn same(folder: &Path, file: &str) -> Option<Result<(), String>> {
    let name = format!("{}/{file}", folder.file_name().unwrap().to_string_lossy());
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let beside = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
    let ours = gristmill_models::read_with(&bytes, &beside).ok()?;
    let theirs = match gristmill_models::read_on(&bytes, &beside, Runtime::OnnxRuntime) {
        Ok(theirs) => theirs,
        Err(error) => return Some(Err(format!("{name}: {error}"))),
    };
    assert!(theirs.signature().made_of.ends_with("run by ONNX Runtime"));
    let numbers = rows(&ours, folder);
    let features = Features::new(&numbers, ours.signature().inputs.len());
    let (ours, answered) = (answers(&ours, &features), answers(&theirs, &features));
    let (Ok(ours), Ok(answered)) = (&ours, &answered) else {
        return Some(Err(format!("{name}, when it is asked: {}", answered.err()?)));
    };
    for (place, (a, b)) in ours.iter().zip(answered).enumerate() {
        // Single precision adds up: sums of thousands of terms differ in more than the last bits.
        let near = (a - b).abs() <= 1e-5 * a.abs().max(1.0) || (a.is_nan() && b.is_nan());
        assert!(near, "{name}[{place}]: {a} beside {b}");
    }
    alone(&theirs, &features, &name);
    Some(Ok(()))
}

#[test]
fn every_graph_answers_the_same() {
    let Some(library) = std::env::var_os("ORT_DYLIB_PATH") else {
        data::not_run("`ORT_DYLIB_PATH` names no library of ONNX Runtime");
        return;
    };
    let folders = folders();
    if folders.is_empty() {
        return;
    }
    find_onnxruntime(library.into());
    let (mut same, mut refused) = (0, Vec::new());
    for folder in &folders {
        let files = document(&folder.join("expected.json"))["files"].as_object().unwrap().clone();
        let is_graph = |file: &&String| [".onnx", ".h5", ".keras"].iter().any(|ending| file.ends_with(ending));
        for answer in files.keys().filter(is_graph).filter_map(|file| self::same(folder, file)) {
            match answer {
                Ok(()) => same += 1,
                Err(error) => refused.push(error),
            }
        }
    }
    println!("{same} graphs answer the same; refused by ONNX Runtime: {refused:#?}");
    assert!(same >= 100 && refused.len() <= 8, "{same} the same, {refused:#?}");
    let trees = folders.iter().find(|folder| folder.ends_with("lgb_binary")).unwrap().join("model.txt");
    let error =
        gristmill_models::read_on(&std::fs::read(trees).unwrap(), &|_| Err("one file".into()), Runtime::OnnxRuntime);
    assert!(error.unwrap_err().to_string().contains("ONNX Runtime runs ONNX and Keras models, and this is neither"));
}
