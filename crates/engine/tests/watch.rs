//! What is watched in a whole shard: mistakes in documents, what alarms do, and what they say.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::sync::Arc;

use arrow_array::{Float64Array, StringArray, TimestampMicrosecondArray};
use gristmill::plan::Plan;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard};
use gristmill_formats::encoder;
use serde_json::Value;

const GOOD: &str = "\
name: elec2
input:
  file: {path: '-'}
  format: json
  columns: {price: float64, demand: int64, land: string, ts: timestamp, class: string}
  time: ts
clean: [{outliers: {of: [price], above: 8, method: mad, then: clip}}, {normalise: {of: [land], case: upper}}]
features: [price, demand, {twice: price * 2}]
label: {column: class, positive: UP, negative: DOWN}
model: [standard_scaler, logistic_regression]
watch:
  - psi: {of: price, window: 1 day}
outputs:
  all: {stdout: {}}
  alarms: {stdout: {}, events: true}
";

fn files(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "good.json" => Ok(br#"{"price": {"values": [1, 2, 3], "rows": 100}, "land": {"counts": {"DE": 3}}}"#.to_vec()),
        "bad.json" => Ok(b"[]".to_vec()),
        _ => Err("there is no such file".into()),
    }
}

/// Replaces `from` by `to` in the good document and expects exactly these problems: line, column, words.
fn check(from: &str, to: &str, expected: &[(usize, usize, &str)]) {
    assert!(GOOD.contains(from), "`{from}` is not in the document");
    let text = GOOD.replacen(from, to, 1);
    let problems = match Plan::read_with("t.yaml", &text, &|_| None, &files) {
        Err(problems) => problems,
        Ok(_) => panic!("`{to}` was accepted"),
    };
    support::problems_are(&problems, to, expected);
}

fn read(watch: &str) -> Plan {
    let text = GOOD.replacen("psi: {of: price, window: 1 day}", watch, 1);
    Plan::read_with("t.yaml", &text, &|_| None, &files).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn mistakes_in_watches() {
    const WATCH: &str = "psi: {of: price, window: 1 day}";
    let wrong = |to: &str, expected: &[(usize, usize, &str)]| check(WATCH, to, expected);
    wrong("psy: {of: price}", &[(12, 5, "did you mean `psi`?")]);
    wrong("psi: {of: prize}", &[(12, 15, "no column or feature `prize`; did you mean `price`?")]);
    wrong("psi: {of: [price, scor]}", &[(12, 23, "did you mean `score`?")]);
    wrong("psi: {of: [price, price]}", &[(12, 23, "listed twice")]);
    wrong("psi: {on: price}", &[(12, 11, "did you mean `of`?")]);
    wrong("psi: {of: {a: b}}", &[(12, 15, "expected")]);
    wrong("psi: {of: ts}", &[(12, 15, "times are not compared")]);
    wrong("psi: {of: price, threshold: 0}", &[(12, 33, "must be above 0")]);
    wrong("psi: {of: price, false_alarms: 0.7}", &[(12, 36, "at most 0.5")]);
    wrong("psi: {of: price, window: soon}", &[(12, 30, "is no time")]);
    wrong("psi: {of: price, by: lande}", &[(12, 26, "did you mean `land`?")]);
    wrong("psi: {of: price, reference: {frist: 3}}", &[(12, 34, "did you mean `first`?")]);
    wrong("psi: {of: price, reference: {file: none.json}}", &[(12, 40, "there is no such file")]);
    wrong("psi: {of: price, reference: {file: bad.json}}", &[(12, 40, "cannot be read")]);
    wrong("psi: {of: demand, reference: {file: good.json}}", &[(12, 15, "the reference has no `demand`")]);
    wrong("wasserstein: {of: twice, reference: {file: good.json}}", &[(12, 23, "the reference has no `twice`")]);
    wrong("psi: {of: price, by: land, reference: {file: good.json}}", &[(12, 26, "leave it out")]);
    wrong("kolmogorov_smirnov: {of: land}", &[(12, 30, "compares numbers, and `land` is `string`")]);
    wrong("new_categories: {of: price}", &[(12, 26, "compares categories, and `price` is `float64`")]);
    wrong("psi: {of: price, then: alarms}", &[(12, 28, "did you mean `alarm`?")]);
    wrong("psi: {of: price, then: promote_candidate}", &[(12, 28, "there is no candidate here")]);
    wrong("rules: {of: outlier}", &[(12, 17, "did you mean `outliers`?")]);
    wrong("rules: {by: land}", &[(12, 17, "knows no column")]);
    wrong("adwin: {of: land}", &[(12, 17, "watches numbers, and `land` is `string`")]);
    wrong("adwin: {delat: 0.1}", &[(12, 13, "did you mean `delta`?")]);
    wrong("ddm: {of: price}", &[(12, 15, "mistakes, which are 0 or 1")]);
    wrong("hddm_w: {of: price}", &[(12, 18, "numbers from 0 to 1")]);
    check("  time: ts\n", "", &[(11, 30, "the window is one of event time, and there is none")]);
}

#[test]
fn mistakes_around_watches() {
    let label = "label: {column: class, positive: UP, negative: DOWN}\n";
    let no_label = GOOD.replace(label, "").replace("psi: {of: price, window: 1 day}", "adwin");
    let problems = Plan::read("t.yaml", &no_label, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("without a `label` nobody knows the `error`"), "{problems}");
    let forgotten = GOOD.replace("watch:\n  - psi: {of: price, window: 1 day}\n", "");
    let problems = Plan::read("t.yaml", &forgotten, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("takes events, and nothing here makes any"), "{problems}");
    check(
        "alarms: {stdout: {}, events: true}",
        "alarms: {stdout: {}, events: true, when: score > 0.5}",
        &[(15, 44, "about decisions")],
    );
    check(
        "alarms: {stdout: {}, events: true}",
        "alarms: {stdout: {}, events: true, select: [score]}",
        &[(15, 38, "about decisions")],
    );
    let csv =
        GOOD.replace("alarms: {stdout: {}, events: true}", "alarms: {file: {path: a.csv}, events: true, format: csv}");
    let problems = Plan::read("t.yaml", &csv, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("only JSON has a form for"), "{problems}");
    let silent = read("psi");
    assert_eq!(silent.warnings, Vec::<String>::new());
    let silent = GOOD.replace("  alarms: {stdout: {}, events: true}\n", "");
    let plan = Plan::read("t.yaml", &silent, &|_| None).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("only counted in the report")), "{:?}", plan.warnings);
}

/// By default everything is watched that can be, and the chance of a false alarm is divided among all comparisons.
#[test]
fn what_is_watched_is_in_the_plan() {
    let plan = read(
        "psi\n  - adwin: {of: [error, twice]}\n  - rules\n  - chi_square: {of: land, reference: {file: good.json}}",
    );
    let names: Vec<&str> = plan.watch.iter().map(|watch| watch.name.as_str()).collect();
    let rules = ["rules[outliers[price]]", "rules[normalise[land]]"];
    let expected = [
        "psi[price]",
        "psi[demand]",
        "psi[twice]",
        "adwin[error]",
        "adwin[twice]",
        rules[0],
        rules[1],
        "chi_square[land]",
    ];
    assert_eq!(names, expected);
    let shown = plan.to_string();
    assert!(shown.contains("watch         psi of price\n"), "{shown}");
    assert!(shown.contains("watch         chi_square of land {reference: {file: good.json}}\n"), "{shown}");
    assert!(shown.contains("events alone"), "{shown}");
}

/// Rows a second apart: a number, a whole number, and whether the class is the positive one.
fn block(first: usize, rows: &[(f64, bool)]) -> (RawRows, Rows) {
    let mut raw = RawRows::new(Partition::new("t", 0));
    for index in 0..rows.len() {
        let position = Position::number((first + index) as u64);
        raw.push(RawRecord { position, timestamp: None, key: Some(b"k"), value: Some(b"{}"), headers: &[] });
    }
    let columns = vec![
        Column::Float64(rows.iter().map(|row| Some(row.0)).collect::<Float64Array>()),
        Column::Int64((0..rows.len()).map(|row| Some(row as i64 % 5)).collect()),
        Column::String(rows.iter().map(|_| Some("de")).collect::<StringArray>()),
        Column::Timestamp(
            (0..rows.len()).map(|row| Some((first + row) as i64 * 1_000_000)).collect::<TimestampMicrosecondArray>(),
        ),
        Column::String(rows.iter().map(|row| Some(if row.1 { "UP" } else { "DOWN" })).collect::<StringArray>()),
    ];
    (raw, Rows { columns, records: (0..rows.len()).collect(), drift: SchemaDrift::default() })
}

/// The events of all rows, with their keys, and the shard at the end.
fn events(plan: Plan, rows: &[(f64, bool)]) -> (Vec<(String, Value)>, Shard) {
    let mut shard = Shard::open(&RunnablePlan::alone(&Arc::new(plan), encoder), Partition::new("t", 0), None).unwrap();
    let (mut told, mut first) = (Vec::new(), 0);
    for rows in rows.chunks(173) {
        let ((raw, rows), mut outbox) = (block(first, rows), Outbox::default());
        shard.step(&raw, &rows, &mut Vec::new(), &mut outbox).unwrap();
        for one in outbox.decisions().filter(|one| one.output == 1) {
            let value: Value = serde_json::from_slice(one.value).unwrap();
            assert_eq!(value["position"].as_u64(), one.position.as_number());
            told.push((String::from_utf8(one.key.unwrap().to_vec()).unwrap(), value));
        }
        first += rows.records.len();
    }
    (told, shard)
}

/// The relation of price and class turns round in the middle: the error says so, and a model that starts over is better
/// than one that goes on.
#[test]
fn a_model_that_is_reset_starts_over() {
    let rows: Vec<(f64, bool)> = (0..8_000)
        .map(|row| {
            let price = (row * 37 % 100) as f64 / 50.0 - 1.0;
            (price, (price > 0.0) == (row < 4_000))
        })
        .collect();
    let mut errors = Vec::new();
    for then in ["alarm", "reset_model"] {
        let text = GOOD.replacen("psi: {of: price, window: 1 day}", &format!("adwin: {{then: {then}}}"), 1);
        let text = text.replace("outputs:", "evaluate: [accuracy]\noutputs:");
        let plan = Plan::read("t.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        let (told, shard) = events(plan, &rows);
        let raised: Vec<&Value> =
            told.iter().map(|(_, event)| event).filter(|event| event["state"] == "raised").collect();
        assert!(!raised.is_empty() && raised.len() < 4, "{raised:?}");
        assert!(raised.iter().all(|event| event["then"] == then && event["feature"] == "error"));
        let at = raised.iter().find(|event| event["position"].as_u64() > Some(3_999)).unwrap();
        assert!(at["position"].as_u64() < Some(4_300), "{at}");
        assert_eq!(told[0].0, "adwin[error]");
        assert!(shard.counted().iter().any(|counted| counted.figure.key == "alarms" && counted.count > 0));
        errors.push(1.0 - shard.evaluation().scores()[0].1);
    }
    assert!(errors[1] < errors[0] - 0.01, "{errors:?}");
}

/// How often a rule fires is watched row by row, whatever the cuts into blocks.
#[test]
fn rules_that_fire_more_often() {
    let plan = || {
        let text = GOOD.replacen(
            "psi: {of: price, window: 1 day}",
            "rules: {of: outliers, window: 500, reference: {first: 1000}}",
            1,
        );
        Plan::read("t.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems}"))
    };
    let rows: Vec<(f64, bool)> = (0..4_000)
        .map(|row| {
            let often = if row < 2_500 { 200 } else { 10 };
            let price = if row % often == 7 { 1e6 } else { (row * 37 % 100) as f64 };
            (price, row % 2 == 0)
        })
        .collect();
    let (told, _) = events(plan(), &rows);
    let raised: Vec<&Value> = told.iter().map(|(_, event)| event).filter(|event| event["state"] == "raised").collect();
    assert_eq!(raised.len(), 1, "{told:?}");
    assert_eq!((raised[0]["position"].as_u64(), &raised[0]["window"]["fired"]), (Some(2_999), &50.into()));
}
