//! Our half of `docs/reference/parity.md` against the recorded half of the references.
//!
//! `cargo xtask parity` records the references' values anew and writes the page; with `GRISTMILL_PARITY_PAGE` this test
//! writes it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

use gristmill_learn::metric::Metric;
use gristmill_learn::{
    Chain, Component, Features, Labels, Learner, MetricKind, Model, Prediction, Predictions, Signature, Task, Truth,
};

const RECORDED: &str = include_str!("parity.tsv");

struct Rows {
    width: usize,
    values: Vec<f64>,
    labels: Vec<f64>,
}

fn rows(name: &str) -> Option<Rows> {
    let (file, label) = match name {
        "elec2" => ("elec2/electricity.csv.zst", "class"),
        "phishing" => ("phishing/phishing.csv.zst", "is_phishing"),
        "bananas" => ("bananas/bananas.csv.zst", "label"),
        "segment" => ("segment/segment.csv.zst", "category"),
        "trump_approval" => ("trump_approval/trump_approval.csv.zst", "five_thirty_eight"),
        _ => ("chick_weights/chick_weights.csv.zst", "weight"),
    };
    let path = data::find(file)?.join(file);
    let mut text = String::new();
    zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap().read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = names.iter().position(|name| *name == label).unwrap();
    let regression = matches!(name, "trump_approval" | "chick_weights");
    // Classes in the order in which they appear, but for the positive ones of two.
    let mut classes: BTreeMap<String, f64> = match name {
        "elec2" => [("UP".into(), 1.0), ("DOWN".into(), 0.0)].into(),
        "phishing" => [("1".into(), 1.0), ("0".into(), 0.0)].into(),
        _ => BTreeMap::new(),
    };
    let mut rows = Rows { width: names.len() - 1, values: Vec::new(), labels: Vec::new() };
    for line in lines {
        for (index, field) in line.split(',').enumerate() {
            if index != at {
                rows.values.push(field.parse().unwrap());
            } else if regression {
                rows.labels.push(field.parse().unwrap());
            } else {
                let next = classes.len() as f64;
                rows.labels.push(*classes.entry(field.into()).or_insert(next));
            }
        }
    }
    Some(rows)
}

fn component(step: &serde_json::Value) -> Component {
    let step = match step {
        serde_json::Value::String(name) => serde_json::json!({ name.as_str(): {} }),
        other => other.clone(),
    };
    serde_json::from_value(step.clone()).unwrap_or_else(|error| panic!("{step}: {error}"))
}

fn seeded(step: &mut serde_json::Value, seed: i32) {
    if let serde_json::Value::String(name) = step {
        *step = serde_json::json!({ name.as_str(): {} });
    }
    step.as_object_mut().unwrap().values_mut().for_each(|settings| settings["seed"] = seed.into());
}

fn metric(name: &str) -> MetricKind {
    let (name, settings) = match name.split_once(' ') {
        Some((name, average)) => (name, serde_json::json!({ "average": average })),
        None => (name, serde_json::json!({})),
    };
    serde_json::from_value(serde_json::json!({ name: settings })).unwrap()
}

/// Test, then train. Accuracy counts a row without a prediction as wrong, as the reference's half does.
fn ours(steps: &[Component], rows: &Rows, name: &str) -> f64 {
    let mut model = Chain::new(steps, &Signature::numeric(rows.width)).unwrap();
    let task = model.task();
    let mut metric: Box<dyn Metric> = metric(name).build();
    let mut out = Predictions::default();
    for (row, label) in rows.values.chunks_exact(rows.width).zip(&rows.labels) {
        let features = Features::row(row);
        out.clear();
        model.predict(&features, &mut out).unwrap();
        let said = out.row(0);
        let prediction = if task == Task::Classification { Prediction::Classes(said) } else { said[0].into() };
        if task == Task::Regression {
            metric.update(Truth::Value(*label), prediction);
            model.learn(&features, Labels::Values(&[*label])).unwrap();
        } else {
            metric.update(Truth::Class(*label as u32), prediction);
            model.learn(&features, Labels::Classes(&[*label as u32])).unwrap();
        }
    }
    let counted = if name == "accuracy" { metric.rows() as f64 / rows.labels.len() as f64 } else { 1.0 };
    metric.value() * counted
}

#[test]
fn ours_is_what_the_references_have_or_better() {
    let mut page = String::from(
        "# Parity with the references\n\nEach component beside its reference on real data: the same columns and \
         parameters, test then train. Errors are better when lower, all else when higher. `cargo xtask parity` makes \
         this page anew; the tests check our half against the recorded half.\n\n\
         | steps | data | metric | reference | theirs | ours | difference |\n|---|---|---|---|---:|---:|---:|\n",
    );
    let mut sets: BTreeMap<String, Rows> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in RECORDED.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [steps, data, metric, reference, version, theirs, tolerance] = fields[..] else { panic!("{line}") };
        if !sets.contains_key(data) {
            let Some(rows) = rows(data) else { return };
            sets.insert(data.into(), rows);
        }
        let written: Vec<serde_json::Value> = serde_json::from_str(steps).unwrap();
        // Where the reference is random, so are we: the mean of as many seeds.
        let seeds = if reference.contains("seeds") { 10 } else { 1 };
        let values = (0..seeds).map(|seed| {
            let mut written = written.clone();
            if seeds > 1 {
                seeded(written.last_mut().unwrap(), seed);
            }
            ours(&written.iter().map(component).collect::<Vec<_>>(), &sets[data], metric)
        });
        let ours = values.sum::<f64>() / f64::from(seeds);
        let (theirs, tolerance): (f64, f64) = (theirs.parse().unwrap(), tolerance.parse().unwrap());
        let error = matches!(metric, "mae" | "rmse" | "smape" | "log_loss");
        let worse = if error { ours - theirs } else { theirs - ours };
        // What must be equal must not be better, either.
        let apart = if tolerance < 1e-3 { worse.abs() } else { worse };
        if apart > tolerance {
            wrong.push(format!("{steps} {data} {metric}: {ours} where the reference has {theirs}"));
        }
        let difference = ours - theirs;
        let steps = steps.replace("\", \"", ", ").replace(['"', '[', ']'], "");
        writeln!(
            page,
            "| `{steps}` | {data} | {metric} | {reference} {version} | {theirs:.6} | {ours:.6} | {difference:+.6} |"
        )
        .unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), RECORDED.lines().count(), wrong.join("\n"));
    if let Some(path) = std::env::var_os("GRISTMILL_PARITY_PAGE") {
        std::fs::write(path, page).unwrap();
    }
}
