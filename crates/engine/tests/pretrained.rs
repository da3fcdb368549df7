//! Models of boosting libraries in a pipeline: the mapping of features to inputs, of categories, and the number of
//! rounds. Expected values are the frameworks' own, recorded beside their models.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill::plan::Plan;
use gristmill::pretrained::{Pretrained, Reading};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard};
use gristmill_formats::encoder;
use serde_json::Value;

const LIGHTGBM: &str = include_str!("../../models/tests/boosters/lightgbm.jsonl");
const XGBOOST: &str = include_str!("../../models/tests/boosters/xgboost-3.2.jsonl");

fn case(cases: &str, name: &str) -> Value {
    let found =
        cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|case| case["name"] == name);
    found.unwrap_or_else(|| panic!("{name}"))
}

fn document(columns: &str, features: &str, settings: &str) -> String {
    format!(
        "name: t\ninput: {{file: {{path: '-'}}, format: json, columns: {{{columns}}}}}\nfeatures: [{features}]\n\
         model: [{{file: {{path: model{settings}}}}}]\noutputs: {{all: {{file: {{path: all}}, select: [score]}}}}\n"
    )
}

fn planned(case: &Value, document: &str) -> Result<Plan, String> {
    let file = case["file"].as_str().unwrap();
    let files = |_: &str| Ok(file.as_bytes().to_vec());
    Plan::read_with("t.yaml", document, &|_| None, &files).map_err(|problems| problems.to_string())
}

/// The scores that a pipeline gives.
fn scores(plan: Plan, columns: Vec<Column>, count: usize) -> Vec<f64> {
    let mut raw = RawRows::new(Partition::new("t", 0));
    for number in 0..count as u64 {
        let position = Position::number(number);
        raw.push(RawRecord { position, timestamp: Some(7), key: None, value: Some(b"{}"), headers: &[] });
    }
    let mut shard = Shard::open(&RunnablePlan::alone(&Arc::new(plan), encoder), Partition::new("t", 0), None).unwrap();
    let (mut refusals, mut outbox) = (Vec::new(), Outbox::default());
    let rows = Rows { columns, records: (0..count).collect(), drift: SchemaDrift::default() };
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    let score = |value: &[u8]| serde_json::from_slice::<Value>(value).unwrap()["score"].as_f64().unwrap();
    outbox.decisions().map(|decision| score(decision.value)).collect()
}

fn near(ours: &[f64], theirs: &Value) {
    let theirs: Vec<f64> = theirs.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1.0)), "{ours:?} {theirs:?}");
}

fn numbers(case: &Value, place: usize) -> Vec<Option<f64>> {
    case["rows"].as_array().unwrap().iter().map(|row| row[place].as_f64()).collect()
}

/// Integers, floats and booleans are categories if the model's are, as is their text.
#[test]
fn numbers_and_truth_values_are_categories() {
    let mut tried = 0;
    for (cases, framework) in [(LIGHTGBM, "LightGBM"), (XGBOOST, "XGBoost")] {
        for (name, kind) in [
            ("categories of whole numbers", "int64"),
            ("categories of negative numbers", "int64"),
            ("categories of whole numbers", "float64"),
            ("categories of fractions", "float64"),
            ("categories of truth values", "boolean"),
            ("categories of whole numbers", "string"),
            ("categories of texts", "string"),
        ] {
            if framework == "XGBoost" && ["fractions", "truth values"].iter().any(|kind| name.ends_with(kind)) {
                // XGBoost refuses such categories itself.
                continue;
            }
            let case = case(cases, name);
            let values: Vec<&Value> = case["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
            let column = match kind {
                "int64" => Column::Int64(values.iter().map(|value| value.as_i64()).collect::<Int64Array>()),
                "float64" => Column::Float64(values.iter().map(|value| value.as_f64()).collect::<Float64Array>()),
                "boolean" => Column::Boolean(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>()),
                _ => {
                    let text = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
                    Column::String(values.iter().map(|value| Some(text(value))).collect::<StringArray>())
                }
            };
            let x = Column::Float64(numbers(&case, 1).into_iter().collect::<Float64Array>());
            let plan = planned(&case, &document(&format!("k: {kind}, x: float64"), "k, x", ""))
                .unwrap_or_else(|why| panic!("{framework}, {name} as {kind}: {why}"));
            near(&scores(plan, vec![column, x], values.len()), &case["predict"]);
            tried += 1;
        }
    }
    assert_eq!(tried, 12);
}

/// A category that is not a number in the model cannot be one here, and the help says what to do.
#[test]
fn texts_are_no_numbers() {
    let case = case(LIGHTGBM, "categories of texts");
    let why = planned(&case, &document("k: int64, x: float64", "k, x", "")).unwrap_err();
    assert!(why.contains("`k` is one of the categories blue, green, red") && why.contains("as `string`"), "{why}");
}

/// A feature may have the name of the column that it is computed from: the model sees the feature, in expressions and
/// outputs the name is still the column's.
#[test]
fn a_feature_may_stand_in_a_columns_place() {
    let case = case(LIGHTGBM, "categories of whole numbers");
    let (k, x) = (numbers(&case, 0), numbers(&case, 1));
    let count = k.len();
    let columns = || {
        let k: Int64Array = k.iter().map(|k| k.map(|k| k as i64 + 100)).collect();
        vec![Column::Int64(k), Column::Float64(x.iter().copied().collect::<Float64Array>())]
    };
    for features in ["{k: CAST(k - 100 AS VARCHAR)}, x", "{k: k - 100}, {x: x}", "x, {k: k - 100}"] {
        let text = document("k: int64, x: float64", features, "");
        near(&scores(planned(&case, &text).unwrap(), columns(), count), &case["predict"]);
        // The column: no row is below 100 there.
        let below = text.replace("select: [score]", "select: [score], when: k < 100");
        assert_eq!(scores(planned(&case, &below).unwrap(), columns(), count), Vec::<f64>::new());
    }
    let timed = document("k: int64, x: float64", "{k: k - 100}, x", "").replace("format: json", "format: json, id: k");
    let why = planned(&case, &timed).unwrap_err();
    assert!(why.contains("`k` is the id of the rows"), "{why}");
}

/// Names decide; if the model knows only some of them, nothing is guessed.
#[test]
fn names_that_fit_in_part_are_an_error() {
    let case = case(LIGHTGBM, "names with blanks");
    let columns = "total amount: float64, hour of day: float64, c: float64, other: float64, c d: float64";
    let values = || -> Vec<Column> {
        let column = |place| Column::Float64(numbers(&case, place).into_iter().collect::<Float64Array>());
        vec![column(0), column(1), column(2), column(0), column(1)]
    };
    let count = numbers(&case, 0).len();
    // LightGBM has underscores for spaces; in any order.
    for features in ["total amount, hour of day, c", "hour of day, c, total amount"] {
        let plan = planned(&case, &document(columns, features, "")).unwrap();
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
        near(&scores(plan, values(), count), &case["predict"]);
    }
    for (features, words) in [
        ("hour of day, total amount, other", "none of its inputs is called `other`, and no feature `c`"),
        ("total amount, hour of day, c d", "none of its inputs is called `c d`, and no feature `c`"),
        ("c, other, c d", "no feature `total_amount`, `hour_of_day`"),
    ] {
        let why = planned(&case, &document(columns, features, "")).unwrap_err();
        assert!(why.contains(words) && why.contains("gives"), "{features}: {why}");
    }
    // None is known: by position, and the plan says so.
    let positions = "{p: '\"total amount\"'}, {q: '\"hour of day\"'}, {r: c}";
    let plan = planned(&case, &document(columns, positions, "")).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("by position")), "{:?}", plan.warnings);
    near(&scores(plan, values(), count), &case["predict"]);
}

/// A model that replaces another must have its columns in the same order.
#[test]
fn a_version_with_its_columns_elsewhere_is_refused() {
    let case = case(LIGHTGBM, "names with blanks");
    let file = case["file"].as_str().unwrap();
    let read = |text: &str| Pretrained::from_bytes("m", text.as_bytes(), Reading::default()).unwrap();
    let moved = file.replace("feature_names=total_amount hour_of_day c", "feature_names=hour_of_day total_amount c");
    assert_ne!(moved, file);
    let why = read(&moved).unlike(&read(file)).unwrap();
    assert!(why.contains("`hour_of_day` stands at another place"), "{why}");
    let renamed = file.replace("feature_names=total_amount", "feature_names=sum");
    assert_eq!(read(&renamed).unlike(&read(file)), None);
}

/// After early stopping as the class that saved the file predicts, or as the document says; the plan says which.
#[test]
fn rounds_are_as_the_document_says() {
    let case = case(XGBOOST, "early stopping, wrapper");
    let (best, all) = (&case["best"], &case["rounds"]);
    let columns = || (0..3).map(|place| Column::Float64(numbers(&case, place).into_iter().collect::<Float64Array>()));
    for (setting, answers, words) in [
        ("", "predict", format!("rounds {best} of {all}: the best by early stopping")),
        (", rounds: best", "predict", format!("rounds {best} of {all}, as `rounds` says")),
        (", rounds: all", "all", format!("rounds {all} of {all}, as `rounds` says")),
        (", rounds: 1", "first 1", format!("rounds 1 of {all}, as `rounds` says")),
    ] {
        let plan = planned(&case, &document("f0: float64, f1: float64, f2: float64", "f0, f1, f2", setting)).unwrap();
        assert!(plan.to_string().contains(&words), "{setting}: {plan}");
        near(&scores(plan, columns().collect(), numbers(&case, 0).len()), &case[answers]);
    }
    for (setting, words) in [
        (", rounds: 99", "asks for 99"),
        (", rounds: 0", "it must be at least 1"),
        (", rounds: last", "neither `best` nor `all`"),
    ] {
        let why =
            planned(&case, &document("f0: float64, f1: float64, f2: float64", "f0, f1, f2", setting)).unwrap_err();
        assert!(why.contains(words), "{setting}: {why}");
    }
}
