//! Models that the frameworks wrote, run in a pipeline: every decision has the framework's own numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

#[path = "../../../tests/data.rs"]
mod data;

use serde_json::Value;
use support::*;

/// The columns of a folder's rows: whether each is text, and its values as CSV has them.
fn columns(input: &Value) -> Vec<(bool, Vec<String>)> {
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    if input["format"] == "table" {
        let columns = input["columns"].as_array().unwrap().iter();
        let values = |column: &Value| column["values"].as_array().unwrap().iter().map(shown).collect();
        return columns.map(|column| (column["values"].to_string().contains('"'), values(column))).collect();
    }
    let rows = input["inputs"][0]["data"].as_array().unwrap();
    let column = |place: usize| (false, rows.iter().map(|row| shown(&row[place])).collect());
    (0..rows[0].as_array().unwrap().len()).map(column).collect()
}

fn output(expected: &Value, name: &str) -> Vec<Value> {
    let outputs = expected["outputs"].as_array().unwrap();
    outputs.iter().find(|output| output["name"] == name).unwrap()["data"].as_array().unwrap().clone()
}

/// Runs the model of a folder over its rows; the decisions, and the framework's answers.
fn decisions(folder_name: &str, file: &str) -> Option<(Vec<Value>, Value)> {
    let made = data::find("models/made/README.md")?.join("models/made").join(folder_name);
    let read = |name: &str| -> Value { serde_json::from_slice(&std::fs::read(made.join(name)).unwrap()).unwrap() };
    let columns = columns(&read("input.json"));
    let folder = folder(folder_name);
    let names: Vec<String> = (0..columns.len()).map(|place| format!("c{place}")).collect();
    let mut csv = names.join(",") + "\n";
    for row in 0..columns[0].1.len() {
        let cells: Vec<&str> = columns.iter().map(|(_, values)| values[row].as_str()).collect();
        csv += &(cells.join(",") + "\n");
    }
    write(&folder, "rows.csv", csv);
    let kinds = columns
        .iter()
        .zip(&names)
        .map(|((text, _), name)| format!("{name}: {}", if *text { "string" } else { "float64" }));
    let document = format!(
        "name: m\ninput: {{file: {{path: rows.csv}}, columns: {{{}}}}}\nfeatures: [{}]\nmodel: [{{file: {{path: {}}}}}]\n\
         outputs: {{all: {{file: {{path: all.ndjson}}}}}}\n",
        kinds.collect::<Vec<_>>().join(", "),
        names.join(", "),
        made.join(file).display()
    );
    write(&folder, "m.yaml", document);
    let said = run(&folder, &["run", "m.yaml", "--json"]);
    assert_eq!(said.code, 0, "{folder_name}: {said:?}");
    let lines = std::fs::read_to_string(folder.join("all.ndjson")).unwrap();
    Some((lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), read("expected.json")))
}

#[test]
fn scores_are_the_frameworks() {
    for (folder, file, name) in [
        ("lgb_binary", "model.txt", "predict"),
        ("lgb_missing", "model.txt", "predict"),
        ("lgb_regression", "model.txt", "predict"),
        ("lgb_pandas_categorical", "model.txt", "predict"),
        ("lgb_zero_as_missing", "model.txt", "predict"),
        ("xgb_binary_missing", "model.ubj", "predict"),
        ("xgb_categorical_text", "model.json", "predict"),
        ("xgb_categorical_int", "model.json", "predict"),
        ("xgb_poisson", "model.json", "predict"),
        ("cat_regression", "model.json", "raw"),
        ("cat_binary", "model.onnx", "probability"),
        ("lgb_missing", "model.onnx", "predict"),
        ("sk_mixed_columns", "model.onnx", "probability"),
        ("sk_svr", "model.onnx", "value"),
        ("torch_dense", "model_external.onnx", "probability"),
        ("savedmodel_dense_binary", "model_opset13.onnx", "probability"),
    ] {
        let Some((decisions, expected)) = decisions(folder, file) else { continue };
        let expected = output(&expected, name);
        assert_eq!(decisions.len(), expected.len());
        for (row, (decision, expected)) in decisions.iter().zip(&expected).enumerate() {
            // Of two classes the second one's probability.
            let expected = expected.as_array().and_then(|both| both.last()).unwrap_or(expected);
            let (Some(ours), Some(theirs)) = (decision["score"].as_f64(), expected.as_f64()) else {
                assert_eq!(decision["score"], *expected, "{folder} row {row}");
                continue;
            };
            let near = match (file.ends_with(".onnx"), folder.starts_with("xgb")) {
                (true, _) => 2e-6 * theirs.abs().max(1.0),
                (_, true) => 1.2e-7 * theirs.abs(),
                _ => 4e-16 * theirs.abs(),
            };
            assert!((ours - theirs).abs() <= near, "{folder} row {row}: {ours} beside {theirs}");
        }
    }
}

#[test]
fn classes_have_the_files_names() {
    let Some((rows, expected)) = decisions("cat_multi", "model.json") else { return };
    let (labels, probabilities) = (output(&expected, "label"), output(&expected, "probability"));
    for ((decision, label), shares) in rows.iter().zip(&labels).zip(&probabilities) {
        assert_eq!(decision["prediction"], *label);
        for (class, share) in ["high", "low", "mid"].iter().zip(shares.as_array().unwrap()) {
            let (ours, theirs) = (decision["probability"][*class].as_f64().unwrap(), share.as_f64().unwrap());
            assert!((ours - theirs).abs() <= 4e-16, "{class}: {ours} beside {theirs}");
        }
    }
    let (rows, _) = decisions("lgb_binary", "model.txt").unwrap();
    assert!(rows.iter().all(|decision| decision["probability"].as_object().unwrap().keys().eq(["1", "0"])));
}

#[test]
fn clusters_are_predicted() {
    let Some((rows, expected)) = decisions("sk_kmeans", "model.onnx") else { return };
    for (decision, label) in rows.iter().zip(&output(&expected, "label")) {
        assert!(decision["prediction"].as_f64() == label.as_f64() || decision["score"].is_null(), "{decision} {label}");
    }
}

const MODEL: &str = "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1\n\
    feature_names=amount hour\nfeature_infos=[0:900] [0:23]\n\nTree=0\nnum_leaves=3\nsplit_feature=0 1\n\
    threshold=100 6\ndecision_type=2 2\nleft_child=-1 -2\nright_child=1 -3\nleaf_value=-1 3 1\n\nend of trees\n";

#[test]
fn inputs_are_found_by_name_and_labels_measure() {
    let folder = folder("named");
    write(&folder, "risk.txt", MODEL);
    write(&folder, "p.csv", "hour,amount,fraud\n3,500,true\n12,500,false\n3,20,false\n");
    let document = "name: p\ninput: {file: {path: p.csv}, columns: {hour: int64, amount: float64, fraud: boolean}}\n\
        features: [hour, amount]\nlabel: {column: fraud}\nmodel: [{file: {path: risk.txt}}]\nevaluate: [roc_auc]\n\
        outputs: {all: {file: {path: all.ndjson}}}\n";
    write(&folder, "p.yaml", document);
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    let report = said.report();
    assert_eq!((&report["scored"], &report["learned"]), (&3.into(), &0.into()), "{said:?}");
    assert_eq!(report["metrics"]["roc_auc"], 1.0);
    let lines = std::fs::read_to_string(folder.join("all.ndjson")).unwrap();
    let scores: Vec<f64> =
        lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["score"].as_f64().unwrap()).collect();
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert_eq!(scores, [logistic(3.0), logistic(1.0), logistic(-1.0)]);
    for (from, to, words) in [
        ("[hour, amount]", "[hour]", "the model takes 2 inputs, and there are 1 features"),
        ("risk.txt", "none.txt", "cannot read the model none.txt: there is no such file"),
        ("risk.txt", "p.csv", "this is no model file of a known format"),
        ("[{file", "[standard_scaler, {file", "a model from a file or from Python comes first in `model`"),
        (
            "[{file: {path: risk.txt}}]",
            "[{file: {path: risk.txt}}, {file: {path: risk.txt}}]",
            "comes first in `model`",
        ),
        ("evaluate: [roc_auc]", "evaluate: [mae]", "`mae` does not fit a model that predicts one of two classes"),
        ("[hour, amount]", "[{h: hour}, amount]", "none of its inputs is called `h`, and no feature `hour`"),
        ("hour: int64", "hour: string", "`hour` is a number in the model, and text here"),
        ("path: risk", "pth: risk", "did you mean `path`?"),
    ] {
        write(&folder, "p.yaml", document.replace(from, to));
        let said = run(&folder, &["check", "p.yaml"]);
        assert!(said.code == 2 && said.err.contains(words), "{words}\n{said:?}");
    }
    write(&folder, "p.yaml", document.replace("[hour, amount]", "[{h: hour}, {a: amount}]"));
    let said = run(&folder, &["plan", "p.yaml"]);
    assert!(said.out.contains("features are given to the model by position"), "{said:?}");
    assert!(said.out.contains("risk: LightGBM v4, text, 1 trees"), "{said:?}");
}

/// A frozen model that a learner corrects: its output is a column after the features, others may stand beside it.
fn corrected_by(model: &str) -> String {
    format!(
        "name: p\ninput: {{file: {{path: p.csv}}, columns: {{hour: int64, amount: float64, shop: string, fraud: boolean}}}}\n\
         features: [amount, shop, hour]\nlabel: {{column: fraud}}\nmodel: {model}\n\
         evaluate: [accuracy, log_loss]\noutputs: {{all: {{file: {{path: all.ndjson}}}}}}\n"
    )
}

#[test]
fn a_learner_behind_it_corrects_it() {
    let folder = folder("corrected");
    write(&folder, "risk.txt", MODEL);
    // The model is sure of what is wrong: large amounts are no fraud here, late hours are.
    let row = |n: u32| {
        let (hour, amount, shop) = (n * 7 % 24, n * 37 % 300, ["a", "b", "c"][n as usize % 3]);
        format!("{hour},{amount},{shop},{}\n", hour > 12)
    };
    write(&folder, "p.csv", "hour,amount,shop,fraud\n".to_string() + &(0..3_000).map(row).collect::<String>());
    let metric = |model: &str, name: &str| {
        write(&folder, "p.yaml", corrected_by(model));
        let said = run(&folder, &["run", "p.yaml", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        said.report()["metrics"][name].as_f64().unwrap()
    };
    let corrected = metric(
        "[{file: {path: risk.txt, name: frozen}}, one_hot_encoder, standard_scaler, logistic_regression]",
        "accuracy",
    );
    assert!(corrected > 0.95, "{corrected}");
    let last = std::fs::read_to_string(folder.join("all.ndjson")).unwrap();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!((&last["model"], &last["file"]), (&"p@2999".into(), &"frozen@0".into()), "{last}");
    assert_eq!(last["digest"].as_str().unwrap().len(), 32);
    // Calibrated, its certainty costs less, however wrong it is.
    let document_alone = corrected_by("[{file: {path: risk.txt}}]").replace("[amount, shop, hour]", "[amount, hour]");
    write(&folder, "p.yaml", document_alone);
    let raw = run(&folder, &["run", "p.yaml", "--json"]).report()["metrics"]["log_loss"].as_f64().unwrap();
    for calibration in ["platt_calibration", "isotonic_calibration"] {
        let calibrated = metric(&format!("[{{file: {{path: risk.txt}}}}, {calibration}]"), "log_loss");
        assert!(calibrated < 0.70 && calibrated < raw - 0.1, "{calibration}: {calibrated} beside {raw}");
    }
    // A model of margins is of no use alone, and is calibrated to be.
    for (model, words) in [
        ("[{file: {path: risk.txt}}, standard_scaler]", "a model must end with a learner"),
        ("[{file: {path: risk.txt}}, logistic_regression]", "takes numbers, and `shop` holds categories"),
    ] {
        write(&folder, "p.yaml", corrected_by(model));
        let said = run(&folder, &["check", "p.yaml"]);
        assert!(said.code == 2 && said.err.contains(words), "{words}\n{said:?}");
    }
}
