//! Runs every document under `examples/` and compares its result with the recorded one.
//!
//! `UPDATE_EXPECTED=1` records the results anew; review the diff before you commit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;
mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A report without times and memory, numbers to 9 digits.
fn lasting(report: &Value) -> Value {
    match report {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !PASSING.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), lasting(value)))
            .collect(),
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1e9).round() / 1e9),
        other => other.clone(),
    }
}

fn compare(name: &str, found: &str) {
    let path = root().join("examples/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} differs from what is expected:\n{found}\nexpected:\n{expected}");
}

fn run_example(name: &str, needs: Option<&str>) {
    let out = folder(name);
    let mut command = gristmill(&root(), &["run", &format!("examples/{name}.yaml"), "--json", "--quiet"]);
    if let Some(file) = needs {
        let Some(folder) = data::find(file) else { return };
        command.env("GRISTMILL_DATA", folder);
    }
    let said = Said::from(&command.env("OUT", &out).output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let mut decisions: Vec<&str> = said.out.lines().collect();
    decisions.pop();
    let shown = json!({
        "report": lasting(&said.report()),
        "printed": decisions.len(),
        "first": decisions.first(),
        "last": decisions.last(),
    });
    compare(&format!("{name}.json"), &format!("{shown:#}\n"));
    for file in ["decisions", "dead"] {
        if let Ok(text) = std::fs::read_to_string(out.join(format!("{name}-{file}.ndjson"))) {
            compare(&format!("{name}-{file}.ndjson"), &text);
        }
    }
}

macro_rules! examples {
    ($($test:ident: $name:literal $(needs $data:literal)?;)*) => {
        $(#[test] fn $test() { run_example($name, None$(.or(Some($data)))?); })*

        #[test]
        fn every_document_has_its_test() {
            let tested = [$($name,)* "card-payments", "keras-fraud"];
            for entry in std::fs::read_dir(root().join("examples")).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                if path.extension().is_some_and(|ending| ending == "yaml") {
                    assert!(tested.contains(&name), "examples/{name}.yaml has no test");
                }
            }
        }
    };
}

examples! {
    sensors: "sensors";
    elec2: "elec2" needs "elec2/electricity.csv.zst";
    phishing: "phishing" needs "phishing/phishing.csv.zst";
    trump_approval: "trump-approval" needs "trump_approval/trump_approval.csv.zst";
    bike_demand: "bike-demand" needs "uci_bike_sharing/hour.csv.zst";
    machine_failures: "machine-failures" needs "ai4i2020/ai4i2020.csv.zst";
    credit_cards: "credit-cards" needs "creditcard/creditcard_sample_1722.csv.zst";
    fraud_handbook: "fraud-handbook" needs "fraud_handbook/transformed_2018-07-25_2018-08-14.csv.zst";
    image_segments: "image-segments" needs "segment/segment.csv.zst";
    mail_anomalies: "mail-anomalies" needs "kdd99_smtp/smtp.csv.zst";
    wine_quality: "wine-quality" needs "wine_quality/winequality-white.csv.zst";
}

/// The published figures, to four decimals.
#[test]
fn published_results() {
    let run = |name: &str, file: &str, variable: (&str, &str), metric: &str| -> Option<f64> {
        let folder = data::find(file)?;
        let document = format!("examples/{name}.yaml");
        let mut command = gristmill(&root(), &["run", &document, "--json", "--quiet"]);
        let said = Said::from(&command.env("GRISTMILL_DATA", folder).env(variable.0, variable.1).output().unwrap());
        Some((said.report()["metrics"][metric].as_f64().unwrap() * 1e4).round() / 1e4)
    };
    let elec2 = "elec2/electricity.csv.zst";
    let trump = "trump_approval/trump_approval.csv.zst";
    for (name, file, variable, metric, expected) in [
        ("elec2", elec2, ("LR", "0.01"), "accuracy", 0.8373),
        ("elec2", elec2, ("LR", "0.005"), "accuracy", 0.8221),
        ("elec2", elec2, ("LR", "0.01"), "roc_auc", 0.9107),
        ("trump-approval", trump, ("INTERCEPT_LR", "0.01"), "mae", 1.3145),
        ("trump-approval", trump, ("INTERCEPT_LR", "0.1"), "mae", 0.5587),
        ("phishing", "phishing/phishing.csv.zst", ("X", ""), "accuracy", 0.8928),
    ] {
        let Some(found) = run(name, file, variable, metric) else { return };
        assert_eq!(found, expected, "{name} with {variable:?}");
    }
}

/// The main use case, as its document describes it: on the broker, with every topic but the first created by the run
/// itself.
#[test]
fn card_payments() {
    let topic = unique("payments");
    create(&topic, 4, &[]);
    let records: Vec<Record> = (0..400_usize)
        .map(|number| {
            let fraud = number % 9 == 0;
            let amount = if fraud { 300 + number } else { 20 + number % 50 };
            let (distance, online) = (if fraud { 90 } else { 5 }, number % 3 == 0);
            let label = if number % 10 == 1 { String::new() } else { format!(",\"fraud\":{fraud}") };
            let value = format!(
                r#"{{"id":"p{number}","ts":{},"customer":"c{}","amount":{amount},"distance_km":{distance},"online":{online}{label}}}"#,
                1_700_000_000_000_u64 + number as u64,
                number % 7,
            );
            Record { partition: (number % 4) as i32, key: Some(format!("c{}", number % 7).into()), value: Some(value.into()), ..Record::default() }
        })
        .collect();
    produce(&topic, &records);
    let mut command = gristmill(
        &root(),
        &["run", "examples/card-payments.yaml", "--members", "4", "--until-end", "--json", "--quiet"],
    );
    command.env("BOOTSTRAP", broker()).env("TOPIC", &topic).env("GROUP", &topic);
    let said = Said::from(&command.output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    compare("card-payments.json", &format!("{:#}\n", lasting(&said.report())).replace(&topic, "payments"));
    assert_eq!(consume(&format!("{topic}.decisions")).len(), 400);
    assert_eq!(count(&format!("{topic}.dead"), 4), 0);
}

/// The textbook's program, with a model in another format: the format is detected from the bytes.
#[test]
fn keras_fraud() {
    let (topic, folder) = (unique("transactions"), folder("keras-fraud"));
    create(&topic, 4, &[]);
    let names: Vec<String> = (0..12).map(|input| format!("x{input}")).collect();
    let model = format!(
        "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=11\nobjective=binary sigmoid:1\nfeature_names={}\n\
         feature_infos={}\n\nTree=0\nnum_leaves=3\nsplit_feature=0 1\nthreshold=2 0.5\ndecision_type=2 2\n\
         left_child=-1 -2\nright_child=1 -3\nleaf_value=-2 1 3\n\nend of trees\n",
        names.join(" "),
        ["[0:9]"; 12].join(" ")
    );
    let records: Vec<Record> = (0..200_usize)
        .map(|number| {
            let rest: String = (1..=10).map(|f| format!(",\"f{f}\":0.{f}")).collect();
            let (amount, ts) = (number * 5, number * 432_000);
            let value = format!(r#"{{"id":{number},"ts":{ts},"customer":{},"amount":{amount}{rest}}}"#, number % 7);
            Record { partition: (number % 4) as i32, value: Some(value.into()), ..Record::default() }
        })
        .collect();
    produce(&topic, &records);
    let mut command = gristmill(&root(), &["run", "examples/keras-fraud.yaml", "--until-end", "--json", "--quiet"]);
    command.env("MODEL", write(&folder, "model.txt", model));
    command.env("BOOTSTRAP", broker()).env("TOPIC", &topic).env("GROUP", &topic);
    let said = Said::from(&command.output().unwrap());
    assert_eq!((said.code, &said.report()["scored"]), (0, &json!(200)), "{said:?}");
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut decisions = consume(&format!("{topic}.decisions"));
    decisions.sort_by_key(|record| record.value.as_ref().map(|value| (value.len(), value.clone())));
    assert_eq!(decisions.len(), 200);
    for record in decisions {
        let decision: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let number = decision["id"].as_u64().unwrap();
        let raw = if number * 5 <= 200 {
            -2.0
        } else if number * 432_000 <= 43_200_000 {
            1.0
        } else {
            3.0
        };
        assert_eq!((&decision["score"], &decision["alert"]), (&json!(logistic(raw)), &json!(raw > 0.0)), "{decision}");
        assert_eq!(decision.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "customer", "score", "alert"]);
    }
}
