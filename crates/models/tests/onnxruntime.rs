//! The same files run by ONNX Runtime, if its library is installed: the same answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

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
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in document(&folder.join("expected.json"))["files"].as_object().unwrap().keys() {
            if ![".onnx", ".h5", ".keras"].iter().any(|ending| file.ends_with(ending)) {
                continue;
            }
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let beside = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
            let Ok(ours) = gristmill_models::read_with(&bytes, &beside) else { continue };
            let theirs = match gristmill_models::read_on(&bytes, &beside, Runtime::OnnxRuntime) {
                Ok(theirs) => theirs,
                Err(error) => {
                    refused.push(format!("{name}/{file}: {error}"));
                    continue;
                }
            };
            assert!(theirs.signature().made_of.ends_with("run by ONNX Runtime"));
            let numbers = rows(&ours, folder);
            let features = Features::new(&numbers, ours.signature().inputs.len());
            let (ours, answered) = (answers(&ours, &features), answers(&theirs, &features));
            let (Ok(ours), Ok(answered)) = (&ours, &answered) else {
                refused.extend(answered.err().map(|error| format!("{name}/{file}, when it is asked: {error}")));
                continue;
            };
            for (place, (a, b)) in ours.iter().zip(answered).enumerate() {
                // Single precision adds up: sums of thousands of terms differ in more than the last bits.
                let near = (a - b).abs() <= 1e-5 * a.abs().max(1.0) || (a.is_nan() && b.is_nan());
                assert!(near, "{name}/{file}[{place}]: {a} beside {b}");
            }
            alone(&theirs, &features, &format!("{name}/{file}"));
            same += 1;
        }
    }
    println!("{same} graphs answer the same; refused by ONNX Runtime: {refused:#?}");
    assert!(same >= 100 && refused.len() <= 8, "{same} the same, {refused:#?}");
    let trees = folders.iter().find(|folder| folder.ends_with("lgb_binary")).unwrap().join("model.txt");
    let error =
        gristmill_models::read_on(&std::fs::read(trees).unwrap(), &|_| Err("one file".into()), Runtime::OnnxRuntime);
    assert!(error.unwrap_err().to_string().contains("ONNX Runtime runs ONNX and Keras models, and this is neither"));
}
