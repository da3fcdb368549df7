//! Every objective of the boosting libraries, and Keras' dictionaries and quantised layers: small models, each with the
//! answers of its framework (`cargo xtask boosters` records them again).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use std::io::{Cursor, Read};
use std::path::Path;

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Input, Output, OutputValues, Rounds};
use serde_json::Value;

/// One model and its framework's answers.
struct Case {
    name: String,
    case: Value,
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boosters").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let case = |line| {
        let case: Value = serde_json::from_str(line).unwrap();
        Case { name: format!("{file}: {}", case["name"].as_str().unwrap()), case }
    };
    let cases: Vec<Case> = text.lines().skip(1).map(case).collect();
    assert!(cases.len() > 20, "{file}: {} cases", cases.len());
    cases
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let Some(packed) = self.case["zip"].as_str() else { return self.case["file"].as_str().unwrap().into() };
        let mut archive = zip::ZipArchive::new(Cursor::new(base64(packed))).unwrap();
        let mut bytes = Vec::new();
        archive.by_index(0).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn model(&self) -> ForeignModel {
        gristmill_models::read(&self.bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn rows(&self, model: &ForeignModel) -> Vec<f64> {
        let cell = |(input, value): (&Input, &Value)| match value {
            Value::Null => f64::NAN,
            Value::String(text) => input.code(text),
            Value::Bool(truth) => input.code_of_number(f64::from(u8::from(*truth))),
            value => input.code_of_number(value.as_f64().unwrap()),
        };
        let rows = self.case["rows"].as_array().unwrap().iter();
        rows.flat_map(|row| model.signature().inputs.iter().zip(row.as_array().unwrap()).map(cell)).collect()
    }

    fn predicted(&self, model: &ForeignModel) -> Vec<f64> {
        let (rows, mut out) = (self.rows(model), Vec::new());
        model.predict(&Features::new(&rows, model.signature().inputs.len()), &mut out).unwrap();
        out
    }

    fn answers(&self, key: &str) -> Vec<f64> {
        let mut numbers = Vec::new();
        flat(&self.case[key], &mut numbers);
        numbers
    }

    /// How our numbers differ, if they do.
    fn apart(&self, key: &str, ours: &[f64], near: f64) -> Option<String> {
        let theirs = self.answers(key);
        let name = format!("{}: {key}", self.name);
        if ours.len() != theirs.len() {
            return Some(format!("{name}: {} numbers beside {}", ours.len(), theirs.len()));
        }
        let wrong = |(a, b): &(&f64, &f64)| (*a - *b).abs() > near * b.abs().max(1.0) || (*a - *b).is_nan();
        ours.iter().zip(&theirs).find(wrong).map(|(ours, theirs)| format!("{name}: {ours} beside {theirs}"))
    }

    /// Compares all of the framework's answers for this model with ours.
    fn check(&self, near: f64, wrong: &mut Vec<String>) {
        let model = match gristmill_models::read(&self.bytes()) {
            Ok(model) => model,
            Err(error) => return wrong.push(format!("{}: {error}", self.name)),
        };
        for key in self.case.as_object().unwrap().keys() {
            match key.as_str() {
                "predict" => wrong.extend(self.apart(key, &self.predicted(&model), near)),
                "class" => wrong.extend(self.apart(key, &largest(&self.predicted(&model), &model), near)),
                "raw" => {
                    let (rows, mut out) = (self.rows(&model), Vec::new());
                    model.raw(&Features::new(&rows, model.signature().inputs.len()), &mut out).unwrap();
                    wrong.extend(self.apart(key, &out, near));
                }
                "all" => wrong.extend(self.limited(key, &model, Rounds::All, near)),
                "best" if model.signature().rounds.is_some() => {
                    let (best, all) = (self.case["best"].as_u64().unwrap(), self.case["rounds"].as_u64().unwrap());
                    let rounds = model.signature().rounds.clone().unwrap();
                    let found = (rounds.best.unwrap() as u64, rounds.all as u64);
                    if found != (best, all) {
                        wrong.push(format!("{}: {found:?} rounds beside {:?}", self.name, (best, all)));
                    }
                }
                "first best" => wrong.extend(self.limited(key, &model, Rounds::Best, near)),
                "names" | "name" | "rows" | "file" | "zip" | "rounds" | "best" => {}
                key => {
                    let first = key.strip_prefix("first ").unwrap_or_else(|| panic!("{key}")).parse().unwrap();
                    wrong.extend(self.limited(key, &model, Rounds::First(first), near));
                }
            }
        }
    }

    fn limited(&self, key: &str, model: &ForeignModel, rounds: Rounds, near: f64) -> Option<String> {
        match model.clone().with_rounds(rounds) {
            Ok(model) => self.apart(key, &self.predicted(&model), near),
            // A linear booster has no rounds to leave out.
            Err(_) if key == "all" && self.name.contains("gblinear") => None,
            Err(error) => Some(format!("{}: {key}: {error}", self.name)),
        }
    }
}

/// The class with the largest number: `multi:softmax` returns it, we return the probabilities.
fn largest(numbers: &[f64], model: &ForeignModel) -> Vec<f64> {
    let most = |row: &[f64]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a))).unwrap() as f64;
    numbers.chunks_exact(model.signature().output.width()).map(most).collect()
}

fn flat(value: &Value, to: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, to)),
        value => to.push(value.as_f64().unwrap_or(f64::NAN)),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        bits = bits << 6 | LETTERS.iter().position(|known| *known == letter).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn framework(files: &[&str], near: f64) {
    let mut wrong = Vec::new();
    files.iter().flat_map(|file| cases(file)).for_each(|case| case.check(near, &mut wrong));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_objective_of_xgboost() {
    framework(&["xgboost-1.7.jsonl", "xgboost-2.1.jsonl", "xgboost-3.2.jsonl"], 2e-6);
}

#[test]
fn every_objective_of_lightgbm() {
    framework(&["lightgbm.jsonl"], 1e-13);
}

#[test]
fn every_loss_of_catboost() {
    framework(&["catboost.jsonl"], 1e-13);
}

/// Labels that are not exclusive are not classes.
#[test]
fn several_labels_are_values() {
    let mut seen = 0;
    for case in cases("catboost.jsonl").iter().chain(&cases("xgboost-3.2.jsonl")).chain(&cases("xgboost-2.1.jsonl")) {
        let labels =
            ["MultiLogloss", "MultiCrossEntropy", "one_output_per_tree", "multi_output_tree", "several labels"];
        if labels.iter().any(|label| case.name.contains(label)) {
            let model = case.model();
            assert!(matches!(model.signature().output, Output::Values(2..)), "{}: {}", case.name, model.signature());
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn keras_dictionaries_and_quantised_layers() {
    let mut wrong = Vec::new();
    for case in cases("keras.jsonl") {
        let quantised = [" of int", " of float8"].iter().any(|kind| case.name.contains(kind));
        match case.outputs() {
            Ok(()) if quantised => wrong.push(format!("{}: it was read", case.name)),
            Err(why) if quantised && why.contains("quantised to") && !why.contains("damaged") => {}
            Ok(()) => {}
            Err(why) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

impl Case {
    /// Compares each output; if there are several, their names are those of the file.
    fn outputs(&self) -> Result<(), String> {
        let model = gristmill_models::read(&self.bytes()).map_err(|error| error.to_string())?;
        let rows = self.rows(&model);
        let ours = model.outputs(&Features::new(&rows, model.signature().inputs.len())).map_err(|e| e.to_string())?;
        let theirs = self.case["outputs"].as_array().unwrap();
        if ours.len() != theirs.len() {
            return Err(format!("{} outputs beside {}", ours.len(), theirs.len()));
        }
        for ((name, answer), output) in ours.iter().zip(theirs) {
            let OutputValues::Numbers(ours) = answer else { return Err("texts".into()) };
            let mut numbers = Vec::new();
            flat(&output[1], &mut numbers);
            if numbers.len() != ours.len() || (theirs.len() > 1 && output[0] != name.as_str()) {
                return Err(format!("{name} with {} beside {} with {}", ours.len(), output[0], numbers.len()));
            }
            let wrong = ours
                .iter()
                .zip(&numbers)
                .find(|(a, b)| (*a - *b).abs() > 2e-5 * b.abs().max(1.0) || (*a - *b).is_nan());
            if let Some((a, b)) = wrong {
                return Err(format!("{name}: {a} beside {b}"));
            }
        }
        Ok(())
    }
}
