//! Models from files without probabilities: decision values, with a threshold of 0, and anomaly scores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

#[path = "../../../tests/sklearn.rs"]
mod sklearn;

use serde_json::Value;
use sklearn::{Case, case};
use support::*;

/// A folder with the model, its rows with what scikit-learn predicts as their label, and the document.
fn laid_out(name: &str, case: &Case, label: &str, more: &str) -> std::path::PathBuf {
    let folder = folder(name);
    write(&folder, "model.onnx", &case.file);
    let (columns, labels) = (case.columns(), case.texts("predicted"));
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let row = |row: usize| {
        let cells: Vec<String> = columns.iter().map(|column| shown(&column[row])).collect();
        format!("{},{}\n", cells.join(","), labels[row])
    };
    let names: Vec<String> = (0..columns.len()).map(|place| format!("c{place}")).collect();
    let rows: String = (0..labels.len()).map(row).collect();
    write(&folder, "rows.csv", format!("{},truth\n{rows}", names.join(",")));
    let kind = |column: &[Value]| if column[0].is_string() { "string" } else { "float64" };
    let kinds: Vec<String> =
        names.iter().zip(&columns).map(|(name, column)| format!("{name}: {}", kind(column))).collect();
    let truth = if labels[0].parse::<i64>().is_ok() { "int64" } else { "string" };
    let document = format!(
        "name: m\ninput: {{file: {{path: rows.csv}}, columns: {{{}, truth: {truth}}}}}\nfeatures: [{}]\n\
         model: [{{file: {{path: model.onnx}}}}]\nlabel: {label}\noutputs:\n  all: {{file: {{path: all.ndjson}}}}\n{more}",
        kinds.join(", "),
        names.join(", ")
    );
    write(&folder, "m.yaml", document);
    folder
}

fn answers(folder: &std::path::Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn two_classes_are_decided_at_zero() {
    for (name, form) in [
        ("linear_svc", "2 numbers"),
        ("ridge", "2 numbers"),
        ("perceptron", "2 numbers, zipmap True"),
        ("sgd_hinge", "2 numbers, zipmap False"),
        ("svc", "2 numbers, zipmap columns"),
        ("svc", "2 names, zipmap False"),
    ] {
        let case = case(name, form);
        let classes = case.texts("classes");
        let label = format!("{{column: truth, positive: {}, negative: {}}}", classes[1], classes[0]);
        let more = "  sure: {file: {path: sure.ndjson}, when: score > 0, select: [prediction, score]}\n\
                    evaluate: [accuracy, roc_auc, {accuracy: {window: 5}}]\n";
        let folder = laid_out(&format!("zero_{name}_{}", form.replace([' ', ','], "_")), &case, &label, more);
        let said = run(&folder, &["run", "m.yaml", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        let report = said.report();
        for metric in ["accuracy", "roc_auc", "accuracy[window=5]"] {
            assert_eq!(report["metrics"][metric], 1.0, "{name}: {metric}, {report}");
        }
        let (labels, scores) = (case.texts("predicted"), case.matrix("scores").unwrap());
        for ((answer, label), score) in answers(&folder, "all.ndjson").iter().zip(&labels).zip(&scores) {
            assert_eq!(answer["prediction"], label.as_str(), "{name}: {answer}");
            assert!((answer["score"].as_f64().unwrap() - score[0]).abs() <= 2e-5 * score[0].abs().max(1.0), "{answer}");
            assert!(answer.get("probability").is_none(), "{name}: {answer}");
        }
        let sure = answers(&folder, "sure.ndjson");
        assert_eq!(sure.len(), labels.iter().filter(|label| **label == classes[1]).count(), "{name}");
        assert!(sure.iter().all(|answer| answer["prediction"] == classes[1].as_str()), "{name}");
    }
}

#[test]
fn of_several_classes_the_largest_decides() {
    let case = case("sgd_hinge", "3 numbers, zipmap columns");
    let folder = laid_out("largest", &case, "{column: truth}", "evaluate: [accuracy, {f1: {average: macro}}]\n");
    let said = run(&folder, &["run", "m.yaml", "--json"]);
    assert_eq!(said.report()["metrics"]["accuracy"], 1.0, "{said:?}");
    let (labels, scores) = (case.texts("predicted"), case.matrix("scores").unwrap());
    for ((answer, label), scores) in answers(&folder, "all.ndjson").iter().zip(&labels).zip(&scores) {
        let most = scores.iter().copied().fold(f64::MIN, f64::max);
        assert!((answer["score"].as_f64().unwrap() - most).abs() <= 2e-5 * most.abs().max(1.0), "{answer}");
        assert!(answer["prediction"] == label.as_str() && answer.get("probability").is_none(), "{answer}");
    }
}

#[test]
fn outliers_have_the_label_and_the_score_of_an_anomaly() {
    for name in ["isolation_forest", "local_outlier_factor", "one_class_svm", "sgd_one_class_svm"] {
        let case = case(name, "");
        let more =
            "  found: {file: {path: found.ndjson}, when: prediction = -1, select: [score]}\nevaluate: [roc_auc]\n";
        let folder = laid_out(name, &case, "{column: truth, positive: -1}", more);
        let said = run(&folder, &["run", "m.yaml", "--json"]);
        assert_eq!(said.report()["metrics"]["roc_auc"], 1.0, "{name}: {said:?}");
        let (labels, scores) = (case.texts("predicted"), case.matrix("scores").unwrap());
        assert!(labels.contains(&"-1".to_string()) && labels.contains(&"1".to_string()), "{name}");
        for ((answer, label), score) in answers(&folder, "all.ndjson").iter().zip(&labels).zip(&scores) {
            assert_eq!(answer["prediction"].as_f64(), label.parse().ok(), "{name}: {answer}");
            assert!((answer["score"].as_f64().unwrap() + score[0]).abs() < 1e-5, "{name}: {answer} beside {score:?}");
        }
        let found = answers(&folder, "found.ndjson");
        assert_eq!(found.len(), labels.iter().filter(|label| *label == "-1").count(), "{name}");
    }
    let folder = laid_out("which_is_one", &case("isolation_forest", ""), "{column: truth}", "");
    let said = run(&folder, &["check", "m.yaml"]);
    assert!(said.code == 2 && said.err.contains("which value of the label is an anomaly?"), "{said:?}");
}

#[test]
fn what_needs_probabilities_is_refused() {
    let svc = case("linear_svc", "2 numbers");
    let label = "{column: truth, positive: 1, negative: 0}";
    for metric in ["log_loss", "brier", "calibration_error"] {
        let folder = laid_out(&format!("refused_{metric}"), &svc, label, &format!("evaluate: [{metric}]\n"));
        let said = run(&folder, &["check", "m.yaml"]);
        let words = format!("`{metric}` is about probabilities, and the model gives decision values");
        assert!(said.code == 2 && said.err.contains(&words), "{said:?}");
        let document = std::fs::read_to_string(folder.join("m.yaml")).unwrap();
        let calibrated = document.replace("model.onnx}}]", "model.onnx}}, {platt_calibration: {score: margin}}]");
        write(&folder, "m.yaml", calibrated);
        assert_eq!(run(&folder, &["run", "m.yaml", "--json"]).code, 0);
        assert!(answers(&folder, "all.ndjson").iter().all(|answer| answer["probability"]["1"].is_number()));
    }
    let more = "  some: {file: {path: some.ndjson}, when: \"probability['1'] > 0.5\"}\n";
    let folder = laid_out("refused_probability", &svc, label, more);
    let said = run(&folder, &["check", "m.yaml"]);
    assert!(said.code == 2 && said.err.contains("the model gives decision values, and no probabilities"), "{said:?}");
    for (when, warned) in [("score > 0.5", true), ("score > 0", false), ("c0 > 0.5", false)] {
        let more = format!("  some: {{file: {{path: some.ndjson}}, when: {when}}}\n");
        let folder = laid_out("threshold", &svc, label, &more);
        let said = run(&folder, &["plan", "m.yaml"]);
        let warning = "output `some` compares `score` with 0.5, and this model's score is a decision value";
        assert_eq!(said.out.contains(warning), warned, "{when}: {said:?}");
    }
    let folder = laid_out("other_way", &svc, "{column: truth, positive: 0, negative: 1}", "");
    let said = run(&folder, &["check", "m.yaml"]);
    assert!(said.err.contains("the model's score is about `1`, not about `0`"), "{said:?}");
}

/// A model from a file is described as what it is, and learns nothing from the rows that evaluate it.
#[test]
fn plans_and_descriptions_say_what_scores_are() {
    let folder = laid_out(
        "described",
        &case("one_hot", "one encoder"),
        "{column: truth, positive: yes}",
        "evaluate: [accuracy]\n",
    );
    let said = run(&folder, &["plan", "m.yaml"]);
    assert!(said.out.contains("evaluate      accuracy, of each row with a label\n"), "{said:?}");
    assert!(said.out.contains("state         not kept: nothing is learned here\n"), "{said:?}");
    let said = run(&folder, &["describe", "model.onnx"]);
    assert!(said.out.contains("colour  category: blue, green, red\n"), "{said:?}");
    assert!(said.out.contains("shop    category: east, north, south, west\n"), "{said:?}");
    for (case, words) in [
        (case("linear_svc", "2 numbers"), "the decision value of class 1, no probability: above 0 1, else 0"),
        (case("svc", "3 numbers"), "the decision value of each class, no probability: 0, 1, 2"),
        (case("isolation_forest", ""), "an anomaly score: larger is more unusual, above 0 an outlier"),
    ] {
        write(&folder, "model.onnx", &case.file);
        let said = run(&folder, &["describe", "model.onnx"]);
        assert!(said.out.contains(words), "{words}\n{said:?}");
    }
}

/// Words that an encoder does not know make the row a dead letter, as scikit-learn refuses it; the others are scored.
#[test]
fn unknown_words_are_refused_row_by_row() {
    let case = case("one_hot", "two encoders");
    let folder = laid_out(
        "unknown",
        &case,
        "{column: truth, positive: yes, negative: no}",
        "dead_letters: {file: {path: dead.ndjson}}\n",
    );
    let rows = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    let (header, rest) = rows.split_once('\n').unwrap();
    write(&folder, "rows.csv", format!("{header}\npurple,0.5,east,0.5,yes\n{rest}"));
    let said = run(&folder, &["run", "m.yaml", "--json"]);
    assert_eq!((said.code, answers(&folder, "dead.ndjson").len()), (0, 1), "{said:?}");
    assert_eq!(answers(&folder, "all.ndjson").len(), case.texts("predicted").len());
}
