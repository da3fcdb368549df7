//! Rules, one by one.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::plan::Plan;
use crate::rows::{Cell, Column, Refusal, Rows, SchemaDrift};

const DOCUMENT: &str = "
name: t
input:
  file: {path: '-'}
  format: json
  columns: {id: string, key: string, ts: timestamp, x: float64, n: int64, s: string}
  id: id
  key: key
  time: ts
clean:
RULES
features: [x, n]
model: [half_space_trees]
dead_letters: {file: {path: dead}}
";

fn plan(rules: &str) -> Arc<Plan> {
    let rules: String = rules.lines().map(|rule| format!("  - {rule}\n")).collect();
    let text = DOCUMENT.replace("RULES", &rules);
    Arc::new(Plan::read("t.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems}")))
}

/// A record: id, key, seconds, x, n, s.
type Record = (&'static str, &'static str, i64, Option<f64>, Option<i64>, Option<&'static str>);

fn rows(records: &[Record]) -> Rows {
    let columns = vec![
        Column::String(records.iter().map(|record| Some(record.0)).collect::<StringArray>()),
        Column::String(records.iter().map(|record| Some(record.1)).collect::<StringArray>()),
        Column::Timestamp(
            records.iter().map(|record| Some(record.2 * 1_000_000)).collect::<TimestampMicrosecondArray>(),
        ),
        Column::Float64(records.iter().map(|record| record.3).collect::<Float64Array>()),
        Column::Int64(records.iter().map(|record| record.4).collect::<Int64Array>()),
        Column::String(records.iter().map(|record| record.5).collect::<StringArray>()),
    ];
    Rows { columns, records: (0..records.len()).collect(), drift: SchemaDrift::default() }
}

struct Cleaned {
    rows: Rows,
    refusals: Vec<Refusal>,
    counts: Vec<u64>,
}

impl Cleaned {
    fn column(&self, column: usize) -> Vec<String> {
        let cell = |row: usize| match self.rows.columns[column].cell(row) {
            Cell::Missing => "-".to_string(),
            cell => cell.text().into_owned(),
        };
        (0..self.rows.len()).map(cell).collect()
    }

    fn refused(&self) -> Vec<(usize, &'static str)> {
        self.refusals.iter().map(|refusal| (refusal.record, refusal.reason)).collect()
    }
}

fn clean(rules: &str, records: &[Record]) -> Cleaned {
    let plan = plan(rules);
    let mut refusals = Vec::new();
    let (input, mut cleaners) = (rows(records), plan.clean.clone());
    let mut batch = Batch::new(&input, plan.flags.len(), &mut refusals);
    cleaners.iter_mut().for_each(|rule| rule.apply(&mut batch));
    let rows = batch.finish();
    Cleaned { rows, refusals, counts: cleaners.iter().map(Cleaner::count).collect() }
}

/// Records of one key a second apart with these values of x.
fn of(values: &[Option<f64>]) -> Vec<Record> {
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    values.iter().zip(ids).zip(0..).map(|((x, id), second)| (id, "k", second, *x, Some(1), Some("s"))).collect()
}

const GONE: Option<f64> = None;

#[test]
fn require_and_check() {
    let records = [
        ("a", "k", 0, Some(1.0), Some(1), Some("s")),
        ("b", "k", 1, None, Some(1), Some("s")),
        ("c", "k", 2, Some(f64::NAN), Some(1), Some("s")),
        ("d", "k", 3, Some(-1.0), Some(1), Some("s")),
        ("e", "k", 4, Some(-2.0), None, Some("")),
    ];
    let cleaned = clean("require: [x]\ncheck: {is: x > 0 OR n IS NULL}", &records);
    assert_eq!(cleaned.refused(), [(1, "missing"), (2, "missing"), (3, "check_failed")]);
    assert_eq!((cleaned.column(0), cleaned.counts), (vec!["a".to_string(), "e".into()], vec![2, 1]));
    // NULL passes, and the empty text is no value.
    assert_eq!(clean("check: {is: x > 0}", &records).refused(), [(3, "check_failed"), (4, "check_failed")]);
    assert_eq!(clean("require: [s]", &records).refused(), [(4, "missing")]);
    let unset = clean("check: {is: x > 0, then: set_missing}", &records);
    assert_eq!(unset.column(3), ["1", "-", "NaN", "-", "-"]);
    let other = clean("check: {is: x > 0, then: set_missing, of: [n]}", &records);
    assert_eq!((other.column(4), other.counts), (["1", "1", "1", "-", "-"].map(String::from).to_vec(), vec![1]));
    let flagged = clean("check: {is: x > 0, then: {flag: odd}}\ncheck: {is: NOT odd}", &records);
    assert_eq!(flagged.refused(), [(3, "check_failed"), (4, "check_failed")]);
    // A failing expression rejects only its record.
    let failing = clean("check: {is: 1 / (n - n) IS NULL AND CAST(s AS BIGINT) > 0}", &records[..2]);
    assert_eq!(failing.refused(), [(0, "check_failed"), (1, "check_failed")]);
    assert!(failing.refusals[0].message.contains("cannot be computed"), "{:?}", failing.refusals[0]);
}

#[test]
fn doubles_within_a_span() {
    let record = |id, seconds| (id, "k", seconds, Some(1.0), Some(1), Some("s"));
    let records = [record("a", 0), record("a", 5), record("b", 6), record("a", 11), record("b", 20), record("a", 1)];
    // The third `a` is 11 s after the first, and the second was none; the last comes when the first is forgotten.
    let cleaned = clean("deduplicate: {within: 10 s}", &records);
    assert_eq!(cleaned.refused(), [(1, "duplicate"), (5, "duplicate")]);
    let flagged = clean("deduplicate: {within: 10 s, then: {flag: double}}", &records);
    assert_eq!(flagged.column(6), ["false", "true", "false", "false", "false", "true"]);
    assert_eq!(clean("deduplicate: {within: 10 s, limit: 1}", &records).refused(), [(1, "duplicate")]);
}

#[test]
fn what_is_late() {
    let record = |seconds| ("a", "k", seconds, Some(1.0), Some(1), Some("s"));
    let records = [record(0), record(100), record(90), record(89), record(101)];
    let cleaned = clean("late: {after: 10 s}", &records);
    assert_eq!(cleaned.refused(), [(3, "late")]);
    let words = "its time is 1970-01-01T00:01:29Z, and its partition is at 1970-01-01T00:01:40Z already";
    assert_eq!(cleaned.refusals[0].message, words);
    assert_eq!(clean("late: {after: 10 s, then: {flag: l}}", &records).counts, [1]);
}

#[test]
fn fillings() {
    let values = [GONE, Some(1.0), Some(4.0), GONE, Some(4.0), Some(7.0), Some(f64::INFINITY)];
    for (with, expected) in [
        ("mean", ["-", "1", "4", "2.5", "4", "7", "4"]),
        ("median", ["-", "1", "4", "2.5", "4", "7", "4"]),
        ("mode", ["-", "1", "4", "1", "4", "7", "4"]),
        ("last", ["-", "1", "4", "4", "4", "7", "7"]),
        ("{constant: 9}", ["9", "1", "4", "9", "4", "7", "9"]),
    ] {
        assert_eq!(clean(&format!("impute: {{of: [x], with: {with}}}"), &of(&values)).column(3), expected, "{with}");
    }
    let record = |key, n, s| ("a", key, 0, Some(1.0), n, s);
    let records = [
        record("k", Some(1), Some("red")),
        record("l", Some(9), Some("blue")),
        record("k", Some(2), Some("red")),
        record("k", None, None),
        record("l", None, None),
        record("m", None, None),
    ];
    let by_key = clean("impute: {of: [n], with: mean, by: key}\nimpute: {of: [s], with: mode, by: key}", &records);
    // A mean of integers is rounded; an unknown key provides no value.
    assert_eq!(by_key.column(4), ["1", "9", "2", "2", "9", "-"]);
    assert_eq!(by_key.column(5), ["red", "blue", "red", "red", "blue", "-"]);
    assert_eq!(by_key.counts, [2, 2]);
}

#[test]
fn outliers_are_judged_by_those_before_them() {
    let values = [1.0, 2.0, 3.0, 2.0, 1.0, 100.0, 2.0].map(Some);
    let rule = |settings: &str| clean(&format!("outliers: {{of: [x], after: 5, {settings}}}"), &of(&values));
    for method in ["z_score", "mad", "iqr", "quantiles"] {
        let cleaned = rule(&format!("method: {method}"));
        assert_eq!(cleaned.refused(), [(5, "outlier")], "{method}");
    }
    assert_eq!(rule("then: set_missing").column(3), ["1", "2", "3", "2", "1", "-", "2"]);
    // The median is 2 and the median distance 1: 2 + 3.5 * 1.4826.
    assert_eq!(rule("then: clip").column(3)[5], "7.1891");
    assert_eq!(rule("then: {flag: odd}").column(6)[5], "true");
    assert_eq!(rule("above: 100").refused(), []);
    // For integers, and by key: the other key has no values yet.
    let record = |key, n| ("a", key, 0, Some(1.0), Some(n), Some("s"));
    let mut records: Vec<Record> = (0..6).map(|n| record("k", n % 3)).collect();
    records.extend([record("l", 1_000), record("k", 1_000)]);
    assert_eq!(clean("outliers: {of: [n], by: key, after: 5}", &records).refused(), [(7, "outlier")]);
}

#[test]
fn text_in_one_form() {
    let record = |s| ("a", "k", 0, Some(1.0), Some(1), s);
    let cleaned = clean(
        "normalise: {of: [s], case: lower}",
        &[record(Some(" KO\u{308}ln ")), record(Some("köln")), record(Some("  ")), record(None)],
    );
    assert_eq!((cleaned.column(5), cleaned.counts), (["köln", "köln", "-", "-"].map(String::from).to_vec(), vec![2]));
}

/// Keys beyond the limit are evicted, those idle for longest first.
#[test]
fn keys_are_bounded() {
    let mut keys = by_key::ByKey::new(recent::Recent::new(4), 10_000);
    for number in 0..1_000 {
        keys.with(&format!("k{number}"), |recent| recent.push(1.0));
        keys.with("steady", |recent| recent.push(f64::from(number)));
        assert!(keys.size() <= 10_000);
    }
    assert_eq!(keys.with("steady", |recent| recent.quantile(1.0)), Some(999.0));
    assert_eq!(keys.with("k3", |recent| recent.quantile(1.0)), None);
}
