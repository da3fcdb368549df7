//! Shared by tests of model files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use std::path::PathBuf;

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Input};
use serde_json::Value;

use crate::data;

const MADE: &str = "models/made";

pub(crate) fn document(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The numbers of a nested list; null is NaN.
pub(crate) fn flat(value: &Value, to: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, to)),
        Value::Null => to.push(f64::NAN),
        value => to.push(value.as_f64().unwrap_or(f64::NAN)),
    }
}

fn cell(input: &Input, value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(text) => input.code(text),
        value if matches!(input.kind, gristmill_models::InputKind::Category(_)) => input.code(&value.to_string()),
        value => value.as_f64().unwrap(),
    }
}

/// The rows of a folder, as inputs of this model.
pub(crate) fn rows(model: &ForeignModel, folder: &std::path::Path) -> Vec<f64> {
    let input = document(&folder.join("input.json"));
    let mut rows = Vec::new();
    if input["format"] == "tensors" {
        // Inputs are concatenated: the model's columns are all of the first one's, then all of the next one's.
        let inputs = input["inputs"].as_array().unwrap();
        let parts = inputs.iter().map(|input| {
            let mut numbers = Vec::new();
            flat(&input["data"], &mut numbers);
            let count = input["shape"][0].as_u64().unwrap() as usize;
            numbers.chunks(numbers.len() / count).map(<[f64]>::to_vec).collect::<Vec<_>>()
        });
        let parts: Vec<Vec<Vec<f64>>> = parts.collect();
        (0..parts[0].len()).for_each(|row| parts.iter().for_each(|part| rows.extend(&part[row])));
        return rows;
    }
    let columns = input["columns"].as_array().unwrap();
    for row in 0..columns[0]["values"].as_array().unwrap().len() {
        let cells = columns.iter().zip(&model.signature().inputs);
        rows.extend(cells.map(|(column, input)| cell(input, &column["values"][row])));
    }
    rows
}

/// The folders of the models that the frameworks wrote; none without the data.
pub(crate) fn folders() -> Vec<PathBuf> {
    let Some(data) = data::find(&format!("{MADE}/README.md")) else { return Vec::new() };
    let mut folders: Vec<_> = std::fs::read_dir(data.join(MADE)).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    folders
}

/// A row's answer does not depend on neighbouring rows.
pub(crate) fn alone(model: &ForeignModel, features: &Features<'_>, what: &str) {
    let (mut together, mut one) = (Vec::new(), Vec::new());
    model.predict(features, &mut together).unwrap();
    features.rows().for_each(|row| model.predict(&Features::row(row), &mut one).unwrap());
    let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&together), bits(&one), "{what}");
}
