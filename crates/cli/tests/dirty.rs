//! Dirty data: one record in five is broken, in one of twenty named ways. Every record becomes either decisions or a
//! dead letter, and each reason is counted correctly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::*;

const PIPELINE: &str = "
name: dirty
input:
  file: {path: dirty.ndjson, max_record: 4 KB}
  columns: {id: string, card: string, ts: timestamp, amount: float64, items: int64, country: string, code: string, fraud: string}
  id: id
  key: card
  time: ts
clean:
  - require: [card, country]
  - late: {after: 1 hour}
  - deduplicate: {within: 1 hour}
  - check: {is: items > 0, then: dead_letter}
  - check: {is: amount >= 0, then: set_missing}
  - normalise: {of: [country], case: upper}
  - outliers: {of: [amount], above: 50, then: dead_letter}
  - outliers: {of: [items], method: iqr, above: 20, then: clip}
  - impute: {of: [amount], with: median}
features:
  - amount
  - items
  - country
  - number: CAST(code AS BIGINT)
  - count_1h: count(*) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)
label: {column: fraud, positive: yes, negative: no}
model: [one_hot_encoder, standard_scaler, logistic_regression]
outputs:
  all: {file: {path: decisions.ndjson}}
dead_letters: {file: {path: dead.ndjson}}
";

/// A way to break a record: its name, and the reason of the dead letter; none where the record is repaired.
type Way = (&'static str, Option<&'static str>);

/// For lines that are not records at all.
const SKIPPED: &str = "skipped";

const WAYS: [Way; 20] = [
    ("card absent", Some("missing")),
    ("card null", Some("missing")),
    ("country empty", Some("missing")),
    ("id absent", Some("missing_column")),
    ("id null", Some("missing_column")),
    ("items absent", Some("missing_column")),
    ("amount is a word", Some("wrong_type")),
    ("time is no time", Some("wrong_type")),
    ("cut short", Some("invalid_json")),
    ("a list", Some("not_an_object")),
    ("Latin-1", Some("invalid_utf8")),
    ("an empty line", Some(SKIPPED)),
    ("far too long", Some("too_large")),
    ("a double", Some("duplicate")),
    ("long past", Some("late")),
    ("no items", Some("check_failed")),
    ("a huge amount", Some("outlier")),
    ("a code that is no number", Some("feature_failed")),
    ("a third label", Some("unknown_label")),
    ("a negative amount, untidy text, too many items", None),
];

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn record(number: u64, random: &mut Random) -> serde_json::Value {
    let (hour, minute, second) = (number / 3_600 % 24, number / 60 % 60, number % 60);
    let country = ["DE", "FR", "IT"][random.below(3) as usize];
    serde_json::json!({
        "id": format!("r{number}"),
        "card": format!("c{}", random.below(50)),
        "ts": format!("2026-03-01T{hour:02}:{minute:02}:{second:02}Z"),
        "amount": random.below(10_000) as f64 / 100.0,
        "items": 1 + random.below(9),
        "country": country,
        "code": random.below(1_000).to_string(),
        "fraud": if random.below(20) == 0 { "yes" } else { "no" },
    })
}

fn broken(way: &str, good: &serde_json::Value, before: &[u8]) -> Vec<u8> {
    let mut record = good.clone();
    let fields = record.as_object_mut().unwrap();
    let text = |value: &serde_json::Value| value.to_string().into_bytes();
    match way {
        "card absent" => drop(fields.remove("card")),
        "card null" => drop(fields.insert("card".into(), serde_json::Value::Null)),
        "country empty" => drop(fields.insert("country".into(), "".into())),
        "id absent" => drop(fields.remove("id")),
        "id null" => drop(fields.insert("id".into(), serde_json::Value::Null)),
        "items absent" => drop(fields.remove("items")),
        "amount is a word" => drop(fields.insert("amount".into(), "many".into())),
        "time is no time" => drop(fields.insert("ts".into(), "yesterday".into())),
        "cut short" => return text(good)[..40].to_vec(),
        "a list" => return b"[1, 2, 3]".to_vec(),
        "Latin-1" => return [b"{\"id\": \"x\xe9\"".to_vec(), b"}".to_vec()].concat(),
        "an empty line" => return Vec::new(),
        "far too long" => drop(fields.insert("note".into(), "x".repeat(5_000).into())),
        "a double" => return before.to_vec(),
        "long past" => drop(fields.insert("ts".into(), "2026-02-01T00:00:00Z".into())),
        "no items" => drop(fields.insert("items".into(), 0.into())),
        "a huge amount" => drop(fields.insert("amount".into(), 1e7.into())),
        "a code that is no number" => drop(fields.insert("code".into(), "n/a".into())),
        "a third label" => drop(fields.insert("fraud".into(), "perhaps".into())),
        _ => {
            fields.insert("amount".into(), (-5).into());
            fields.insert("country".into(), " de ".into());
            fields.insert("items".into(), 100_000.into());
        }
    }
    text(&record)
}

/// Records, one in five of them broken, and what is to become of them.
#[derive(Default)]
struct Records {
    lines: Vec<Vec<u8>>,
    /// How many are refused for each reason.
    expected: BTreeMap<String, u64>,
    mended: u64,
    answered: BTreeSet<String>,
}

fn records() -> Records {
    let (mut made, mut random, mut before) = (Records::default(), Random(7), Vec::new());
    for number in 0..20_000_u64 {
        let good = record(number, &mut random);
        let id = good["id"].as_str().unwrap().to_string();
        // The statistics of outliers need a few good ones first.
        let line = if number >= 100 && random.below(5) == 0 {
            let (way, reason) = WAYS[random.below(WAYS.len() as u64) as usize];
            match reason {
                Some(reason) => *made.expected.entry(reason.to_string()).or_insert(0_u64) += 1,
                None => {
                    made.mended += 1;
                    made.answered.insert(id);
                }
            }
            broken(way, &good, &before)
        } else {
            made.answered.insert(id);
            before = good.to_string().into_bytes();
            before.clone()
        };
        made.lines.push(line);
    }
    made
}

#[test]
fn every_record_ends_in_one_place_for_one_reason() {
    let folder = folder("dirty");
    let Records { lines, mut expected, mended, answered } = records();
    write(&folder, "dirty.yaml", PIPELINE);
    write(&folder, "dirty.ndjson", lines.join(&b'\n'));
    let said = run(&folder, &["run", "dirty.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.report();
    let reasons: BTreeMap<String, u64> = serde_json::from_value(report["dead_letters"]["by_reason"].clone()).unwrap();
    let skipped = expected.remove(SKIPPED).unwrap();
    assert!(skipped > 100, "{skipped}");
    assert_eq!(reasons, expected);
    let parse = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let decisions = std::fs::read_to_string(folder.join("decisions.ndjson")).unwrap();
    let decided: Vec<String> = decisions.lines().map(|line| parse(line)["id"].as_str().unwrap().to_string()).collect();
    assert_eq!(decided.len(), answered.len(), "each is answered once");
    assert_eq!(decided.into_iter().collect::<BTreeSet<_>>(), answered);
    let dead = std::fs::read_to_string(folder.join("dead.ndjson")).unwrap();
    let refused: BTreeSet<u64> = dead.lines().map(|line| parse(line)["offset"].as_u64().unwrap()).collect();
    assert_eq!(refused.len() as u64, expected.values().sum::<u64>(), "each is refused once");
    assert_eq!(refused.len() + answered.len() + skipped as usize, lines.len());
    assert!(refused.iter().all(|offset| !lines[*offset as usize].is_empty()), "places count blank lines");
    // Only the records that are far too long have an extra column, and those are not even read.
    assert_eq!(report["unknown_columns"], serde_json::Value::Null);
    assert!(report["absent_columns"]["card"].as_u64().unwrap() > 100, "{}", report["absent_columns"]);
    let clean = &report["clean"];
    assert_eq!(clean["check[amount >= 0]"], mended);
    assert_eq!(clean["normalise[country]"], mended);
    assert_eq!(clean["outliers[items]"], mended);
    assert_eq!(clean["impute[amount]"], mended);
    for (rule, reason) in [("require", "missing"), ("deduplicate", "duplicate"), ("late", "late")] {
        assert_eq!(clean[rule], expected[reason], "{rule}");
    }
}
