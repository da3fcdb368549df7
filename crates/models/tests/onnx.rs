//! ONNX files that converters wrote, compared with the frameworks' answers: every row, every output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Output, OutputValues};
use serde_json::Value;
use support::{alone, document, flat, folders, rows};

#[path = "../../../tests/data.rs"]
mod data;
mod support;

/// The numbers or texts of a nested list.
fn expected(value: &Value) -> OutputValues {
    fn texts(value: &Value, to: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| texts(value, to)),
            value => to.push(value.as_str().unwrap().to_string()),
        }
    }
    let mut first = value;
    while let Value::Array(values) = first {
        first = &values[0];
    }
    if first.is_string() {
        let mut all = Vec::new();
        texts(value, &mut all);
        return OutputValues::Texts(all);
    }
    let mut all = Vec::new();
    flat(value, &mut all);
    OutputValues::Numbers(all)
}

/// The largest difference, relative to the larger of 1 and the expected value.
fn apart(ours: &[f64], theirs: &[f64]) -> f64 {
    let one = |(a, b): (&f64, &f64)| {
        if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || a == b {
            0.0
        } else {
            (a - b).abs() / b.abs().max(1.0)
        }
    };
    if ours.len() == theirs.len() { ours.iter().zip(theirs).map(one).fold(0.0, f64::max) } else { f64::INFINITY }
}

/// The model's answer, if the framework has an output of this name.
fn answer(
    model: &ForeignModel,
    name: &str,
    outputs: &[(String, OutputValues)],
    rows: &Features<'_>,
) -> Option<OutputValues> {
    let named = outputs.iter().find(|(output, _)| output == name);
    if name == "label" {
        return outputs.iter().find(|(output, _)| output.contains("label")).map(|(_, answer)| answer.clone());
    }
    if let Some((_, answer)) = named.filter(|_| outputs.len() > 1 && name != "probability") {
        return Some(answer.clone());
    }
    let mut numbers = Vec::new();
    model.predict(rows, &mut numbers).unwrap();
    Some(match (name, &model.signature().output) {
        ("raw" | "raw_score" | "output_margin" | "mse", _) => return None,
        // The larger, the more unusual: the negative of scikit-learn's decision function.
        ("score", Output::AnomalyScore) => OutputValues::Numbers(numbers.iter().map(|score| -score).collect()),
        ("probability", Output::Probability(_)) if outputs.len() > 1 => {
            OutputValues::Numbers(numbers.iter().flat_map(|positive| [1.0 - positive, *positive]).collect())
        }
        _ => OutputValues::Numbers(numbers),
    })
}

/// Kinds that are refused, by what the message says.
const REFUSED: [(&str, &str); 3] =
    [("sk_tfidf/", "free text"), ("sk_tfidf_ngram/", "free text"), ("sk_tfidf_sublinear/", "free text")];

/// As near as ONNX Runtime comes to the framework, or a unit in the last place of single precision.
fn allowed(path: &str, about: &Value) -> f64 {
    const UNIT: f64 = 1.2e-7;
    let theirs = about["reloaded_worst_rel"].as_f64().unwrap_or(0.0);
    // The converter wrote a different model from the one that was trained; the file is scored as it is.
    if path.starts_with("sk_knn_reg_distance") { UNIT } else { UNIT.max(2.5 * theirs) }
}

fn compare(path: &str, model: &ForeignModel, folder: &std::path::Path, about: &Value, theirs: &Value) -> usize {
    let numbers = rows(model, folder);
    let features = Features::new(&numbers, model.signature().inputs.len());
    let outputs = model.outputs(&features).unwrap();
    let mut compared = 0;
    for output in theirs.as_array().unwrap() {
        let what = output["name"].as_str().unwrap();
        // CatBoost's converter leaves the link out: the output of a regression is the raw value.
        let raw = what == "raw" && matches!(model.signature().output, Output::Values(_));
        if path.starts_with("cat_poisson") && !raw {
            continue;
        }
        let Some(ours) = answer(model, if raw { "value" } else { what }, &outputs, &features) else { continue };
        compared += 1;
        match (&ours, &expected(&output["data"])) {
            (OutputValues::Numbers(ours), OutputValues::Numbers(theirs)) => {
                let (apart, allowed) = (apart(ours, theirs), allowed(path, about));
                assert!(apart <= allowed, "{path}: {what} is {apart:.1e} apart, {allowed:.1e} is allowed");
            }
            (ours, theirs) => assert_eq!(ours, theirs, "{path}: {what}"),
        }
    }
    alone(model, &features, path);
    compared
}

#[test]
fn models_of_every_framework() {
    let (mut scored, mut refused) = (0, 0);
    for folder in folders() {
        let truth = document(&folder.join("expected.json"));
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (file, about) in truth["files"].as_object().unwrap().iter().filter(|(file, _)| file.ends_with(".onnx")) {
            let path = format!("{name}/{file}");
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let beside = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
            let read = gristmill_models::read_with(&bytes, &beside);
            if let Some((_, why)) = REFUSED.iter().find(|(start, _)| path.starts_with(start)) {
                let error = read.unwrap_err().to_string();
                assert!(error.contains(why), "{path}: {error}");
                refused += 1;
                continue;
            }
            let model = read.unwrap_or_else(|error| panic!("{path}: {error}"));
            let theirs = truth.get("file_outputs").and_then(|files| files.get(file)).unwrap_or(&truth["outputs"]);
            assert!(compare(&path, &model, &folder, about, theirs) > 0, "{path}: nothing compared");
            scored += 1;
        }
    }
    assert!([(78, 3), (0, 0)].contains(&(scored, refused)), "{scored} scored, {refused} refused");
}

/// A matrix as the older files store it: flat, with its shape.
fn table(value: &Value, input: &gristmill_models::Input) -> Vec<f64> {
    let cells = value["data"].as_array().unwrap().iter();
    cells.map(|cell| cell.as_str().map_or_else(|| cell.as_f64().unwrap_or(f64::NAN), |text| input.code(text))).collect()
}

#[test]
fn older_scikit_learn_models() {
    const FOLDER: &str = "onnx/sklearn";
    let Some(data) = data::find(&format!("{FOLDER}/SklearnLabelEncoder.onnx")) else { return };
    let mut files: Vec<_> = std::fs::read_dir(data.join(FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "onnx"));
    files.sort();
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy();
        let model = gristmill_models::read(&std::fs::read(file).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let truth = document(&file.with_extension("json"));
        let inputs = &model.signature().inputs;
        let parts: Vec<Value> = match truth["input"]["__map__"].as_array() {
            Some(named) => named.iter().map(|pair| pair[1].clone()).collect(),
            None => vec![truth["input"].clone()],
        };
        let columns: Vec<Vec<f64>> = parts.iter().map(|part| table(part, &inputs[0])).collect();
        let rows = columns[0].len() / (inputs.len() / columns.len());
        let width = inputs.len() / columns.len();
        let mut numbers = Vec::new();
        (0..rows).for_each(|row| columns.iter().for_each(|part| numbers.extend(&part[row * width..(row + 1) * width])));
        let features = Features::new(&numbers, inputs.len());
        let outputs = model.outputs(&features).unwrap();
        let expected = truth["expected"].as_array().cloned().unwrap_or_else(|| vec![truth["expected"].clone()]);
        assert_eq!(outputs.len(), expected.len(), "{name}");
        for ((what, ours), theirs) in outputs.iter().zip(&expected) {
            if let (Output::Margins(_), OutputValues::Numbers(ours), "SklearnMclNuSVCPF") =
                (&model.signature().output, ours, &*name)
            {
                by_the_batch(ours, &theirs["data"]);
                continue;
            }
            compare_older(&format!("{name} {what}"), ours, &theirs["data"]);
        }
        alone(&model, &features, &name);
    }
    assert_eq!(files.len(), 29);
}

fn compare_older(what: &str, ours: &OutputValues, theirs: &Value) {
    match (ours, expected(theirs)) {
        (OutputValues::Numbers(ours), OutputValues::Numbers(theirs)) => {
            // scikit-learn gives one margin for two classes, the file one for each.
            let second: Vec<f64> = ours.iter().copied().skip(1).step_by(2).collect();
            let ours = if ours.len() == 2 * theirs.len() { &second } else { ours };
            let most = theirs.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
            let apart = apart(ours, &theirs);
            assert!(apart <= 2.5e-7 * most.min(64.0), "{what} is {apart:.1e} apart");
        }
        (ours, theirs) => assert_eq!(*ours, theirs, "{what}"),
    }
}

/// The scikit-learn that wrote this file scaled confidences by the largest of the batch, today's (and ours) by each
/// one's own size: the values that both were computed from must be equal.
fn by_the_batch(ours: &[f64], theirs: &Value) {
    let OutputValues::Numbers(theirs) = expected(theirs) else { panic!("no numbers") };
    let confidences: Vec<(f64, f64)> = ours
        .iter()
        .map(|x| {
            let part = x - x.round();
            (x.round(), 3.0 * part / (1.0 - 3.0 * part.abs()))
        })
        .collect();
    let most = confidences.iter().fold(0.0_f64, |most, (_, confidence)| most.max(confidence.abs()));
    let scaled: Vec<f64> = confidences.iter().map(|(votes, confidence)| votes + confidence * 0.5 / most).collect();
    assert!(apart(&scaled, &theirs) < 1e-5, "{scaled:?} beside {theirs:?}");
}
