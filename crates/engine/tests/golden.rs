//! Every shard ever saved still loads in this program, and continues as it did then.
//!
//! `tests/golden` has a file for each document and layout: the document, the state after its rows, what each part of it
//! depends on, and the answers to the rows that follow. A new layout is added by `UPDATE_EXPECTED=1 cargo test --test golden`;
//! a file that is there is never written again. Where a key of documents has another name since, that
//! key alone is written anew in them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Float64Array, StringArray};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gristmill::augment::Augment;
use gristmill::clean::Clean;
use gristmill::lookup::Content;
use gristmill::plan::Plan;
use gristmill::resources::{Resources, RunnablePlan};
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard, saved_parts};
use gristmill::watch::Watch;
use gristmill_formats::encoder;

const HEAD: &str = "
name: t
input:
  file: {path: '-'}
  format: json
  columns: {x: float64, y: float64, class: string, ts: timestamp, card: string, id: string, note: string}
  id: id
  key: card
  time: ts
";
const FEATURES: &str = "features:
  - x
  - y
  - note
  - mean: avg(x) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '5 seconds' PRECEDING)
  - highest: max(y) OVER (ORDER BY ts)
  - risk: >-
      avg(CASE WHEN class = 'a' THEN 1 ELSE 0 END)
      OVER (ORDER BY ts RANGE BETWEEN INTERVAL '20 seconds' PRECEDING AND INTERVAL '3 seconds' PRECEDING)
";
const LEARNING: &str = "label: {column: class, positive: a, negative: b, delay: 3 s}
augment: RULES
model: [one_hot_encoder, standard_scaler, {logistic_regression: {l2: 0.001}}]
evaluate: [accuracy, roc_auc, {f1: {window: 5}}, {log_loss: {window: 4 s}}, {accuracy: {by: card}}]
";
const TAIL: &str = "outputs: {all: {file: {path: out}}}\ndead_letters: {file: {path: dead}}\n";

/// The documents, by the names of their files: together they have every part that a shard saves.
fn documents() -> Vec<(&'static str, String)> {
    let plain = "features: [x, note]\nlabel: {column: class}\nmodel: [hoeffding_tree_classifier]\n";
    let grace = HEAD.replace("  time: ts\n", "  time: ts\n  grace: 4 s\n");
    let clean = |grace| format!("clean: {}\n", serde_json::to_string(&Clean::every(grace)).unwrap());
    let (rules, patient) = (clean(false), clean(true));
    let learning = LEARNING.replace("RULES", &serde_json::to_string(&Augment::every()).unwrap());
    let watch = format!("watch: {}\n", serde_json::to_string(&Watch::every(Some("outliers"))).unwrap());
    let told = TAIL.replace("out}}}", "out}}, alarms: {file: {path: alarms}, events: true}}");
    let table = "lookup:\n  shops: {kafka: {topic: shops}, format: json, columns: {code: string, rent: float64}, key: code, on: card}\n";
    let looked = "features: [x, shops.rent]\nlabel: {column: y}\nmodel: [standard_scaler, linear_regression]\n";
    let number = "features: [x, y]\nmodel: [half_space_trees]\n";
    let shards = HEAD.replace("{path: '-'}", "{path: t.ndjson, shards: {key: card, count: 3}}");
    vec![
        ("learning", format!("{HEAD}{rules}{FEATURES}{learning}{TAIL}")),
        ("grace", format!("{grace}{patient}{FEATURES}{learning}{TAIL}")),
        ("classes", format!("{HEAD}{plain}{TAIL}")),
        ("lookup", format!("{HEAD}kafka: {{bootstrap.servers: localhost}}\n{table}{looked}{TAIL}")),
        ("anomalies", format!("{HEAD}{number}{TAIL}")),
        ("watch", format!("{HEAD}{rules}{FEATURES}{learning}{watch}{told}")),
        ("shards", format!("{shards}{plain}{TAIL}")),
    ]
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Golden {
    document: String,
    /// What each part of the state depends on, by its name.
    parts: Vec<(String, String)>,
    /// Compressed by zstd, in base64.
    state: String,
    answers: Vec<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn plan(name: &str, document: &str) -> Arc<Plan> {
    let plan = Plan::read("t.yaml", document, &|_| None).unwrap_or_else(|problems| panic!("{name}: {problems}"));
    Arc::new(plan)
}

/// The plan with filled tables.
fn runnable(plan: &Arc<Plan>) -> RunnablePlan {
    let content = |_| {
        let codes = ["c0", "c2"];
        let columns = vec![
            Column::String(codes.iter().map(Some).collect::<StringArray>()),
            Column::Float64([Some(7.5), None].into_iter().collect::<Float64Array>()),
        ];
        let rows = codes.iter().zip(0..).map(|(code, row)| ((*code).into(), Some(row)));
        Arc::new(Content::of(columns, rows, None))
    };
    let tables = plan.lookups.iter().map(content).collect();
    RunnablePlan::new(plan, Resources { tables, ..Resources::new(plan, encoder) })
}

/// Rows from one number on: with missing values, times that go back, repeated notes and ids.
fn step(shard: &mut Shard, numbers: std::ops::Range<i64>) -> Vec<String> {
    let mut raw = RawRows::new(Partition::new("t", 3));
    for offset in numbers.clone() {
        let key = format!("c{}", offset % 3);
        let (key, value) = (Some(key.as_bytes()), Some(b"{}".as_slice()));
        raw.push(RawRecord { position: Position::number(offset as u64), timestamp: Some(7), key, value, headers: &[] });
    }
    let number = |scale: i64, gone: i64| {
        let value = |row: i64| (row % gone != 3).then_some((row * scale % 41) as f64 / 4.0 - 5.0);
        Column::Float64(numbers.clone().map(value).collect::<Float64Array>())
    };
    let text =
        |text: &dyn Fn(i64) -> Option<String>| Column::String(numbers.clone().map(text).collect::<StringArray>());
    let time = |row: i64| if row % 7 == 3 { row - 3 } else { row } * 1_000_000;
    let columns = vec![
        number(7, 11),
        number(13, 9),
        text(&|row| (row % 8 != 5).then(|| if row * 7 % 41 > 20 { "a" } else { "b" }.to_string())),
        Column::Timestamp(numbers.clone().map(|row| Some(time(row))).collect()),
        text(&|row| Some(format!("c{}", row % 3))),
        text(&|row| Some(format!("i{}", row / 2 * 3 % 11))),
        text(&|row| ["red ", "Red", "blue"].get((row % 5) as usize).map(|note| (*note).to_string())),
    ];
    let records = (0..numbers.clone().count()).collect();
    let rows = Rows { columns, records, drift: SchemaDrift::default() };
    let (mut refusals, mut outbox) = (Vec::new(), Outbox::default());
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    outbox.decisions().map(|one| String::from_utf8(one.value.to_vec()).unwrap()).collect()
}

fn open(plan: &Arc<Plan>, saved: Option<&[u8]>) -> Shard {
    Shard::open(&runnable(plan), Partition::new("t", 3), saved).unwrap_or_else(|error| panic!("{error}"))
}

fn unpacked(state: &str) -> Vec<u8> {
    zstd::decode_all(BASE64_STANDARD.decode(state).unwrap().as_slice()).unwrap()
}

/// The files of a document, oldest first.
fn written(name: &str) -> Vec<Golden> {
    let read = |number: u32| std::fs::read_to_string(folder().join(format!("{name}.{number}.json"))).ok();
    (1..).map_while(read).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// What a document saves today, and its decisions then.
fn today(name: &str, document: &str) -> Golden {
    let plan = plan(name, document);
    let mut shard = open(&plan, None);
    (0..9).for_each(|batch| drop(step(&mut shard, batch * 5..batch * 5 + 5)));
    let saved = shard.snapshot();
    let parts = saved_parts(&saved).unwrap().into_iter().map(|part| (part.name, part.definition)).collect();
    let state = BASE64_STANDARD.encode(zstd::encode_all(saved.as_slice(), 19).unwrap());
    Golden { document: document.to_string(), parts, state, answers: step(&mut shard, 45..60) }
}

#[test]
fn every_shard_ever_saved_still_loads() {
    let mut missing = Vec::new();
    for (name, document) in documents() {
        let golden = written(name);
        for (number, golden) in (1..).zip(&golden) {
            let plan = plan(name, &golden.document);
            let mut shard = open(&plan, Some(&unpacked(&golden.state)));
            assert_eq!(step(&mut shard, 45..60), golden.answers, "{name}.{number}");
        }
        let today = today(name, &document);
        assert!(!today.answers.is_empty(), "{name}");
        if golden.iter().any(|golden| unpacked(&golden.state) == unpacked(&today.state)) {
            continue;
        }
        if std::env::var_os("UPDATE_EXPECTED").is_none() {
            missing.push(name);
            continue;
        }
        let text = serde_json::to_string_pretty(&today).unwrap() + "\n";
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(folder().join(format!("{name}.{}.json", golden.len() + 1)), text).unwrap();
    }
    assert_eq!(missing, Vec::<&str>::new(), "these save another state than any before: see this file's first lines");
}

/// A document with a default written out has the same state.
#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let document = written("learning").remove(0).document;
    let saved = unpacked(&today("learning", &document).state);
    for (short, long) in [
        (
            "{logistic_regression: {l2: 0.001}}",
            "{logistic_regression: {optimizer: {sgd: {lr: 0.01}}, l2: 0.001, l1: 0}}",
        ),
        ("one_hot_encoder", "{one_hot_encoder: {}}"),
        ("  - jitter\n", "  - jitter: {}\n"),
        ("{f1: {window: 5}}", "{f1: {window: 5, average: binary}}"),
        ("x: float64", "x: {float64: {optional: false}}"),
        ("{of: [note], case: upper}", "{case: upper, of: [note]}"),
    ] {
        let other = document.replacen(short, long, 1);
        assert_ne!(other, document, "{short}");
        open(&plan(long, &other), Some(&saved));
    }
    let other = document.replace("l2: 0.001", "l2: 0.002");
    assert!(Shard::open(&runnable(&plan("other", &other)), Partition::new("t", 3), Some(&saved)).is_err());
}

/// Together the golden files have every part that any of the catalogs can put into a shard.
#[test]
fn every_part_has_a_golden_file() {
    let golden: Vec<Golden> = documents().iter().flat_map(|(name, _)| written(name)).collect();
    let parts: Vec<&String> = golden.iter().flat_map(|golden| &golden.parts).map(|part| &part.0).collect();
    for rule in Clean::every(false) {
        let rule = rule.name();
        assert!(parts.iter().any(|part| part.starts_with(rule)), "no golden file has `{rule}`: {parts:?}");
    }
    let augmented = golden.iter().flat_map(|golden| &golden.parts).filter(|part| part.0 == "augment");
    let augmented: Vec<&String> = augmented.map(|part| &part.1).collect();
    for rule in Augment::every() {
        let rule = format!("\"{}\":", rule.name());
        assert!(augmented.iter().any(|of| of.contains(&rule)), "no golden file has {rule}");
    }
    for watch in Watch::every(Some("outliers")) {
        let watch = watch.name();
        assert!(parts.iter().any(|part| part.starts_with(watch)), "no golden file has `{watch}`: {parts:?}");
    }
    for part in [
        "watched errors",
        "label",
        "shards and label",
        "grace",
        "table shops",
        "categories",
        "windows",
        "pending",
        "augment",
        "baselines",
    ] {
        assert!(parts.iter().any(|known| *known == part), "no golden file has `{part}`: {parts:?}");
    }
}
