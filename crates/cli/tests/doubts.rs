//! A report warns of figures that contradict its document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::*;

/// The report of a run over these lines of CSV, as JSON and as text.
fn reported(name: &str, columns: &str, rest: &str, lines: &[String]) -> (serde_json::Value, String) {
    let folder = folder(name);
    let document = format!(
        "name: t\ninput: {{file: {{path: t.csv}}, format: csv, columns: {{{columns}}}}}\n{rest}\n\
         outputs: {{all: {{file: {{path: out.ndjson}}}}}}\n"
    );
    write(&folder, "t.yaml", document);
    write(&folder, "t.csv", lines.join("\n") + "\n");
    let said = run(&folder, &["run", "t.yaml", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let words = said.out.clone() + &said.err;
    (run(&folder, &["run", "t.yaml", "--json", "--quiet"]).report(), words)
}

fn rows(header: &str, count: usize, line: impl Fn(usize) -> String) -> Vec<String> {
    std::iter::once(header.to_string()).chain((0..count).map(line)).collect()
}

#[test]
fn a_positive_class_that_never_came() {
    let lines = rows("x,y", 100, |row| format!("{row},{}", if row % 7 == 0 { "yes" } else { "no" }));
    let rest = |positive: &str| {
        format!(
            "features: [x]\nlabel: {{column: y, positive: {positive}}}\n\
             model: [standard_scaler, logistic_regression]\nevaluate: [accuracy, roc_auc, kappa, f1]"
        )
    };
    let (report, words) = reported("never", "x: float64, y: string", &rest("Yes"), &lines);
    let expected =
        "the positive class `Yes` of `y` has not come in 100 labels: `no` (85), `yes` (15); did you mean `yes`?";
    assert_eq!(report["warnings"], serde_json::json!([expected]));
    assert!(words.contains(&format!("warning: {expected}")), "{words}");
    // An area under a curve of one class is undefined, and so is an agreement without disagreement to compare with.
    assert_eq!(report["metrics"]["roc_auc"], serde_json::Value::Null);
    assert_eq!(report["metrics"]["kappa"], serde_json::Value::Null);
    assert!(words.lines().any(|line| line.starts_with("roc_auc  ") && line.contains(" - ")), "{words}");
    let (report, _) = reported("came", "x: float64, y: string", &rest("'yes'"), &lines);
    assert_eq!(report["warnings"], serde_json::Value::Null);
    assert!(report["metrics"]["roc_auc"].is_number());
}

#[test]
fn a_third_class_beside_two() {
    let lines = rows("x,y", 90, |row| format!("{row},{}", row % 3));
    let rest = "features: [x]\nlabel: {column: y, positive: 1}\nmodel: [standard_scaler, logistic_regression]";
    let (report, _) = reported("third", "x: float64, y: int64", rest, &lines);
    let expected = "every label but `1` counts as one class, and several came: `0` (30), `2` (30)";
    assert_eq!(report["warnings"], serde_json::json!([expected]));
}

#[test]
fn labels_that_are_no_numbers() {
    let lines = rows("x,y", 40, |row| {
        let label = match row % 10 {
            3 => "inf".to_string(),
            5 => "NaN".to_string(),
            6 => String::new(),
            _ => (3 * row).to_string(),
        };
        format!("{row},{label}")
    });
    let rest = "features: [x]\nlabel: {column: y}\nmodel: [standard_scaler, linear_regression]";
    let (report, _) = reported("numbers", "x: float64, y: float64", rest, &lines);
    let expected = "`y` was infinite or beyond 1e75 in 4 rows: these were scored, not measured and not learned from";
    assert_eq!(report["warnings"], serde_json::json!([expected]));
    assert_eq!(report["learned"], 28);
}

#[test]
fn a_model_that_has_left_all_bounds() {
    let lines = rows("x,y", 500, |row| format!("{},{}", (row * 7919 % 101) * 100_000, row * 7919 % 101));
    let rest = |model: &str| format!("features: [x]\nlabel: {{column: y}}\nmodel: {model}\nevaluate: [mae]");
    let (report, _) = reported("bounds", "x: float64, y: float64", &rest("[linear_regression]"), &lines);
    let warning = report["warnings"][0].as_str().unwrap_or_else(|| panic!("{report}"));
    assert!(warning.starts_with("`mae` is ") && warning.contains("the model has diverged"), "{warning}");
    let scaled = rest("[standard_scaler, linear_regression]");
    let (report, _) = reported("scaled", "x: float64, y: float64", &scaled, &lines);
    assert_eq!(report["warnings"], serde_json::Value::Null);
}

#[test]
fn more_categories_than_are_told_apart() {
    let lines = rows("id,x,y", 1_500, |row| format!("r{row},m{row},{}", row % 2));
    let rest = "features: [x]\nlabel: {column: y, positive: 1}\nmodel: [hoeffding_tree_classifier]";
    let (report, _) = reported("crowd", "id: string, x: string, y: int64", rest, &lines);
    assert_eq!(report["categories"], serde_json::json!({"x": 1_500}));
    let warning = report["warnings"][0].as_str().unwrap_or_else(|| panic!("{report}"));
    assert!(warning.starts_with("`x` has 1500 categories, of which the model tells the first 1000 apart"), "{warning}");
    let folder = folder("crowd-plan");
    let document = "name: t\ninput: {file: {path: t.csv}, format: csv, columns: {x: string, y: int64}, id: x}\nfeatures: [x]\n\
                    label: {column: y, positive: 1}\nmodel: [hoeffding_tree_classifier]\n\
                    outputs: {all: {file: {path: out.ndjson}}}\n";
    write(&folder, "t.yaml", document);
    let plan = run(&folder, &["plan", "t.yaml"]).out;
    assert!(
        plan.contains("x string: of each the model tells the first 1000 apart, and further ones count as missing"),
        "{plan}"
    );
    assert!(plan.contains("`x` identifies records and is a feature"), "{plan}");
}
