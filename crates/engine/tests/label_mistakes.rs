//! Mistakes about labels in records of their own: each is reported once, on its line, with what to do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use gristmill::plan::Plan;

const GOOD: &str = "\
name: reported
kafka: {bootstrap.servers: localhost:9092}
input:
  kafka: {topics: [payments]}
  format: json
  columns: {id: string, amount: float64, ts: timestamp}
  id: id
  time: ts
features: [amount]
label:
  kafka: {topics: [reports]}
  format: json
  columns: {payment: string, at: timestamp, fraud: boolean}
  id: payment
  time: at
  column: fraud
  wait: 7 days
  otherwise: 'false'
model: [logistic_regression]
evaluate: [accuracy]
dead_letters: {kafka: {topic: dead}}
";

/// Replaces `from` by `to` in the good document and expects exactly one problem, on this line, with these words.
fn check(from: &str, to: &str, line: usize, expected: &str) {
    assert!(GOOD.contains(from), "`{from}` is not in the document");
    let problems = match Plan::read("reported.yaml", &GOOD.replacen(from, to, 1), &|_| None) {
        Err(problems) => problems,
        Ok(_) => panic!("`{to}` was accepted"),
    };
    assert_eq!(problems.list().len(), 1, "`{to}`\n{problems}");
    let problem = &problems.list()[0];
    let words = format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default());
    assert!(words.contains(expected), "`{to}`: expected `{expected}`\n{problems}");
    assert_eq!(problems.line_and_column(problem.place.start).0, line, "`{to}`\n{problems}");
}

#[test]
fn the_good_document_is_good() {
    let plan = Plan::read("reported.yaml", GOOD, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(plan.inputs.iter().map(|name| &**name).collect::<Vec<_>>(), ["payments", "reports"]);
    let shown = plan.to_string();
    assert!(
        shown.contains(
            "labels        JSON from topic reports, joined by payment; after 7 days without one it counts as false"
        ),
        "{shown}"
    );
}

#[test]
fn where_labels_come_from() {
    check("topics: [reports]", "topics: [payments]", 11, "labels and rows are both in `payments`");
    check("kafka: {topics: [reports]}", "file: {path: r.ndjson}", 11, "and not from `file`");
    check("  kafka: {topics: [reports]}\n", "  kafka: {topics: [reports]}\n  file: {path: r.csv}\n", 11, "not both");
    check("dead_letters: {kafka: {topic: dead}}", "dead_letters: {kafka: {topic: reports}}", 21, "feed them back");
    check("localhost:9092}", "localhost:9092, partition.assignment.strategy: cooperative-sticky}", 2, "write `range`");
    check("  format: json\n  columns: {payment", "  columns: {payment", 10, "`format` is missing");
}

#[test]
fn what_labels_are_of() {
    check("  columns: {payment: string, at: timestamp, fraud: boolean}\n", "", 10, "have `columns` of their own");
    check("  id: payment\n", "", 10, "`id` is missing: the column that says which row");
    check("  id: payment\n", "  id: paymnt\n", 14, "did you mean `payment`?");
    check("payment: string", "payment: int64", 14, "they never meet");
    check("  id: id\n", "", 9, "rows have none");
    check("  time: ts\n", "", 9, "by event time, and there is none");
    check("  time: at\n", "  time: fraud\n", 15, "must be a `timestamp` column");
    check("  column: fraud\n", "  column: frod\n", 16, "labels have no column `frod`");
    check("  wait: 7 days\n", "", 10, "`wait` is missing");
    check("  wait: 7 days\n", "  wait: 7 days\n  delay: 1 day\n", 18, "`wait` says how long");
    check("otherwise: 'false'", "otherwise: perhaps", 18, "cannot be in `fraud`, a column of type `boolean`");
    check("fraud: boolean}", "fraud: string}\n  positive: yes\n  negative: no", 20, "it is `yes` or `no`");
}

#[test]
fn a_label_in_its_row_has_none_of_it() {
    let own = &GOOD[GOOD.find("  kafka: {topics: [reports]}").unwrap()..GOOD.find("model:").unwrap()];
    let row = GOOD.replace(own, "  column: fraud\n  wait: 1 day\n  otherwise: 'false'\n");
    let row = row.replace("amount: float64,", "amount: float64, fraud: boolean,");
    let problems = Plan::read("reported.yaml", &row, &|_| None).unwrap_err();
    assert_eq!(problems.list().len(), 2, "{problems}");
    assert!(problems.to_string().contains("`wait` is about labels in records of their own"), "{problems}");
}

#[test]
fn files() {
    let of_files = GOOD
        .replace("kafka: {bootstrap.servers: localhost:9092}\n", "")
        .replace("  kafka: {topics: [payments]}", "  file: {path: p.ndjson, shards: {key: id, count: 2}}")
        .replace("  kafka: {topics: [reports]}", "  file: {path: r.ndjson, shards: {key: payment, count: 2}}")
        .replace("kafka: {topic: dead}", "file: {path: dead.ndjson}");
    let said = |from: &str, to: &str| {
        assert!(of_files.contains(from), "`{from}` is not in the document");
        Plan::read("reported.yaml", &of_files.replacen(from, to, 1), &|_| None).unwrap_err().to_string()
    };
    Plan::read("reported.yaml", &of_files, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    for (from, to, expected) in [
        ("{key: payment, count: 2}", "{key: payment, count: 3}", "cut into 2 shards and the labels into 3"),
        ("{key: payment, count: 2}", "{key: paymnt, count: 2}", "did you mean `payment`?"),
        ("  time: at\n", "", "labels of a file are read in the order of time"),
        ("path: r.ndjson", "path: other/p.ndjson", "labels and rows are both in `p.ndjson`"),
        ("path: dead.ndjson", "path: ./r.ndjson", "this would write into the file of the labels"),
    ] {
        let problems = said(from, to);
        assert!(problems.contains(expected), "`{to}`: expected `{expected}`\n{problems}");
    }
}
