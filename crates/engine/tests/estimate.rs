//! The section `estimate` of a document: what it refuses, what it reports, and that it is part of the fold.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{Float64Array, StringArray};
use gristmill::plan::Plan;
use gristmill::report::{Closed, Report, Tally};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Refusal, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard, saved_parts};
use gristmill_formats::encoder;
use serde_json::Value;

const HEAD: &str = "\
name: t
input:
  file: {path: '-'}
  format: json
  columns: {x: float64, colour: string, class: string, number: float64, ts: timestamp}
  time: ts
outputs: {all: {stdout: {}}}
";
const CLASSES: &str = "\
features: [x, colour]
label: {column: class, positive: yes, delay: 60 s}
model: [one_hot_encoder, standard_scaler, logistic_regression]
evaluate: [accuracy]
estimate: {metrics: [accuracy, roc_auc, f1], chunk: 100}
";
const NUMBERS: &str = "\
features: [x, colour]
label: {column: number, delay: 60 s}
model: [hoeffding_tree_regressor]
evaluate: [mae]
estimate: {metrics: [mae, rmse], chunk: 2 minutes, loss_model: {hoeffding_tree_regressor: {grace_period: 50}}}
";

fn plan(body: &str) -> Arc<Plan> {
    let plan = Plan::read("t.yaml", &format!("{HEAD}{body}"), &|_| None);
    Arc::new(plan.unwrap_or_else(|problems| panic!("{problems}")))
}

fn open(plan: &Arc<Plan>, partition: i32, saved: Option<&[u8]>) -> Shard {
    Shard::open(&RunnablePlan::alone(plan, encoder), Partition::new("t", partition), saved).unwrap()
}

/// Rows one second apart. The class is `yes` with the probability x, and in one row of eleven missing.
fn step(shard: &mut Shard, numbers: std::ops::Range<i64>) -> Vec<Vec<u8>> {
    let mut raw = RawRows::new(shard.partition().clone());
    for number in numbers.clone() {
        let position = Position::number(number as u64);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(b"{}"), headers: &[] });
    }
    let share = |row: i64, factor: i64, of: i64| (row * factor % of) as f64 / of as f64;
    let x = |row: i64| share(row, 37, 101);
    let class = |row: i64| (row % 11 != 3).then_some(if share(row, 71, 89) < x(row) { "yes" } else { "no" });
    let number = |row: i64| (row % 11 != 3).then_some(10.0 * x(row) + 4.0 * x(row) * (share(row, 53, 97) - 0.5));
    let columns = vec![
        Column::Float64(numbers.clone().map(|row| Some(x(row))).collect::<Float64Array>()),
        Column::String(numbers.clone().map(|row| ["red", "green"].get((row % 3) as usize)).collect::<StringArray>()),
        Column::String(numbers.clone().map(class).collect::<StringArray>()),
        Column::Float64(numbers.clone().map(number).collect::<Float64Array>()),
        Column::Timestamp(numbers.clone().map(|row| Some(row * 1_000_000)).collect()),
    ];
    let records = (0..numbers.clone().count()).collect();
    let rows = Rows { columns, records, drift: SchemaDrift::default() };
    let (mut refusals, mut outbox) = (Vec::<Refusal>::new(), Outbox::default());
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    outbox.decisions().map(|one| one.value.to_vec()).collect()
}

fn report(plan: &Arc<Plan>, shards: &[Shard]) -> Report {
    let mut tally = Tally::default();
    shards.iter().for_each(|shard| tally.close(Closed::of(shard)));
    tally.report(plan).unwrap()
}

fn json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn of<'a>(report: &'a Value, metric: &str, key: &str) -> &'a Value {
    &report["estimate"]["metrics"][metric][key]
}

fn run(body: &str, rows: i64) -> Value {
    let plan = plan(body);
    let mut shard = open(&plan, 0, None);
    step(&mut shard, 0..rows);
    json(&report(&plan, &[shard]))
}

#[test]
fn classes_are_estimated_before_their_labels_come() {
    let report = run(CLASSES, 3_050);
    assert_eq!((report["estimate"]["chunks"].as_u64(), report["estimate"]["given_up"].as_u64()), (Some(30), Some(0)));
    let accuracy = report["metrics"]["accuracy"].as_f64().unwrap();
    for key in ["last_chunk", "without_labels"] {
        let estimated = of(&report, "accuracy", key).as_f64().unwrap();
        assert!((estimated - accuracy).abs() < 0.1, "{key}: {estimated}, {accuracy}");
    }
    // The last minute has no labels yet: 10 rows of the last complete chunk, of which one never has one.
    assert_eq!(of(&report, "accuracy", "rows_without_labels").as_f64(), Some(9.0), "{report}");
    for metric in ["accuracy", "roc_auc", "f1"] {
        let error = of(&report, metric, "error").as_f64().unwrap();
        assert!(error < 0.1, "{metric}: {error}");
        assert!(of(&report, metric, "reference_error").as_f64().is_some());
        // The first two chunks began before 100 labels were known.
        assert_eq!(of(&report, metric, "chunks_compared").as_f64(), Some(27.0), "{report}");
    }
}

#[test]
fn losses_are_estimated_before_their_labels_come() {
    let report = run(NUMBERS, 3_050);
    let mae = report["metrics"]["mae"].as_f64().unwrap();
    let (last, error) = (of(&report, "mae", "last_chunk").as_f64(), of(&report, "mae", "error").as_f64());
    assert!((last.unwrap() - mae).abs() < 0.5 * mae && error.unwrap() < 0.5 * mae, "{report}");
    assert_eq!(report["estimate"]["chunks"].as_u64(), Some(25));
    assert!(of(&report, "rmse", "last_chunk").as_f64() > of(&report, "mae", "last_chunk").as_f64());
}

/// The truth is in the next chunk's grade: a label that is known at once grades a chunk when it ends.
#[test]
fn labels_that_are_known_at_once_are_compared_at_once() {
    let report = run(&CLASSES.replace(", delay: 60 s", ""), 1_000);
    assert_eq!(of(&report, "accuracy", "rows_without_labels").as_f64(), Some(0.0));
    assert_eq!(of(&report, "accuracy", "without_labels"), &Value::Null);
    assert_eq!(of(&report, "accuracy", "chunks_compared").as_f64(), Some(8.0), "{report}");
}

#[test]
fn the_text_has_a_table_and_the_plan_a_line() {
    let plan = plan(CLASSES);
    let shown = plan.to_string();
    assert!(
        shown.contains("estimate      accuracy, roc_auc, f1 of each 100 rows, from the last 2000 labels"),
        "{shown}"
    );
    let mut shard = open(&plan, 0, None);
    step(&mut shard, 0..2_000);
    let text = report(&plan, &[shard]).to_string();
    assert!(text.contains("\nestimate  last chunk  without labels  off by  reference off by\naccuracy  "), "{text}");
    assert!(text.contains(" of 20 chunks compared\n"), "{text}");
    assert!(!report(&plan, &[]).to_string().contains("off by"));
}

/// Batches and snapshots change nothing, and estimates change no decision and no other part of the state.
#[test]
fn estimates_are_part_of_the_fold_and_change_nothing_else() {
    for body in [CLASSES, NUMBERS] {
        let plan = plan(body);
        let mut whole = open(&plan, 0, None);
        let decided = step(&mut whole, 0..1_000);
        let (mut cut, mut decisions, mut from) = (open(&plan, 0, None), Vec::new(), 0);
        for size in [1, 7, 92, 130, 270, 500] {
            decisions.extend(step(&mut cut, from..from + size));
            from += size;
            cut = open(&plan, 0, Some(&cut.snapshot()));
        }
        assert_eq!((from, decisions.len()), (1_000, 1_000));
        assert_eq!((decisions, cut.snapshot()), (decided.clone(), whole.snapshot()));
        let without: String =
            body.lines().filter(|line| !line.starts_with("estimate")).map(|l| format!("{l}\n")).collect();
        let bare = self::plan(&without);
        let mut other = open(&bare, 0, None);
        assert_eq!(step(&mut other, 0..1_000), decided);
        let parts = |shard: &Shard| saved_parts(&shard.snapshot()).unwrap();
        let mut kept = parts(&whole);
        assert_eq!(kept.pop().unwrap().name, "estimate");
        assert_eq!(
            kept.iter().map(|part| &part.definition).collect::<Vec<_>>(),
            parts(&other).iter().map(|part| &part.definition).collect::<Vec<_>>()
        );
        // A pipeline that was running goes on when the section is added.
        let adapted =
            Shard::adapt(&RunnablePlan::alone(&plan, encoder), Partition::new("t", 0), &other.snapshot(), &[]);
        assert_eq!(adapted.unwrap().changed, ["estimate"]);
    }
}

#[test]
fn shards_come_to_one_table() {
    let plan = plan(CLASSES);
    let shards = [0, 1].map(|partition| {
        let mut shard = open(&plan, partition, None);
        step(&mut shard, 0..1_000 * i64::from(partition + 1));
        shard
    });
    let alone = json(&report(&plan, &shards[..1]));
    let both = json(&report(&plan, &shards));
    assert_eq!(both["estimate"]["chunks"].as_u64(), Some(30));
    let compared = |report: &Value| of(report, "f1", "chunks_compared").as_f64().unwrap();
    assert!(compared(&both) > 2.0 * compared(&alone), "{both}");
}

/// What is refused: where, and in which words.
#[test]
fn mistakes_are_found() {
    let classes = |estimate: &str| CLASSES.replace("{metrics: [accuracy, roc_auc, f1], chunk: 100}", estimate);
    let numbers = |estimate: &str| {
        let kept = NUMBERS.split("estimate:").next().unwrap();
        format!("{kept}estimate: {estimate}\n")
    };
    let tree = "loss_model: hoeffding_tree_regressor";
    for (document, expected) in [
        (classes("{metrics: [mae]}"), "`mae` cannot be estimated for this model"),
        (classes("{metrics: [acuracy]}"), "did you mean `accuracy`?"),
        (classes("{metrics: [f1, f1]}"), "`f1` is listed twice"),
        (classes("{metrics: [f1], chunk: 5}"), "a chunk has 10 to 100,000 rows"),
        (classes("{metrics: [f1], chunk: 200000}"), "a chunk has 10 to 100,000 rows"),
        (classes("{metrics: [f1], reference: 50}"), "reference"),
        (classes("{metrics: []}"), "metrics"),
        (classes("{chunk: 100}"), "metrics"),
        (classes(&format!("{{metrics: [f1], {tree}}}")), "`loss_model` is for a model that predicts numbers"),
        (numbers("{metrics: [roc_auc]}"), "metrics that are estimated for it: mae, mse, rmse, mape, msle, rmsle"),
        (numbers("{metrics: [mae], loss_model: logistic_regression}"), "must be a model that predicts numbers"),
        (numbers("{metrics: [mae], loss_model: linear_regression}"), "some features are categories"),
        (CLASSES.replace("label: {column: class, positive: yes, delay: 60 s}\n", ""), "without a `label`"),
    ] {
        let problems = Plan::read("t.yaml", &format!("{HEAD}{document}"), &|_| None);
        let problems = problems.err().unwrap_or_else(|| panic!("{document} was accepted")).to_string();
        assert!(problems.contains(expected), "expected `{expected}`\n{problems}");
    }
    let timeless = format!("{HEAD}{NUMBERS}").replace("  time: ts\n", "").replace(", delay: 60 s", "");
    let problems = Plan::read("t.yaml", &timeless, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("this chunk is a stretch of event time, and there is none"), "{problems}");
}

/// A model from a file that decides alone: losses are estimated from the features that it takes, in its order.
#[test]
fn losses_of_a_model_from_a_file_are_estimated() {
    let cases = include_str!("../../models/tests/boosters/lightgbm.jsonl");
    let named = |case: &Value| case["name"] == "regression gbdt";
    let case = cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(named).unwrap();
    let file = case["file"].as_str().unwrap().as_bytes().to_vec();
    let document = "\
name: t
input: {file: {path: '-'}, format: json, columns: {Column_0: float64, Column_1: float64, Column_2: float64, y: float64}}
features: [Column_2, Column_0, Column_1]
label: {column: y}
model: [{file: {path: model}}]
evaluate: [mae]
estimate: {metrics: [mae], chunk: 50, loss_model: hoeffding_tree_regressor}
";
    let plan = Plan::read_with("t.yaml", document, &|_| None, &|_| Ok(file.clone()));
    let plan = Arc::new(plan.unwrap_or_else(|problems| panic!("{problems}")));
    let mut shard = open(&plan, 0, None);
    let mut raw = RawRows::new(shard.partition().clone());
    for number in 0..400 {
        let position = Position::number(number);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(b"{}"), headers: &[] });
    }
    let column = |factor: i64| {
        Column::Float64((0..400).map(|row| Some((row * factor % 97) as f64 / 97.0)).collect::<Float64Array>())
    };
    let columns = [37, 53, 71, 29].map(column).to_vec();
    let rows = Rows { columns, records: (0..400).collect(), drift: SchemaDrift::default() };
    shard.step(&raw, &rows, &mut Vec::new(), &mut Outbox::default()).unwrap();
    let saved = shard.snapshot();
    assert_eq!(open(&plan, 0, Some(&saved)).snapshot(), saved);
    let report = json(&report(&plan, &[shard]));
    let mae = report["metrics"]["mae"].as_f64().unwrap();
    assert!(of(&report, "mae", "error").as_f64().unwrap() < 0.2 * mae, "{report}");
    assert_eq!(of(&report, "mae", "chunks_compared").as_f64(), Some(6.0), "{report}");
}
