//! Labels in records of their own, from files and from topics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use support::*;

const ROWS: usize = 12_000;
const SHARDS: usize = 4;
/// Rows come every 36 seconds, labels so much later.
const STEP: usize = 36;
const DELAY: usize = 3_613;
const BEGIN: usize = 1_700_000_000;

struct Payment {
    customer: String,
    time: usize,
    row: String,
    fraud: bool,
}

fn payments() -> Vec<Payment> {
    let payment = |number: usize| {
        let (customer, time) = (format!("customer-{}", number * number % 397), BEGIN + STEP * number);
        let (amount, fraud) = (number * 7 % 211, number * 7 % 211 > 170 || (number * 13).is_multiple_of(31));
        let row = format!(r#""id":"r{number}","customer":"{customer}","ts":{time},"amount":{amount}.25"#);
        Payment { customer, time, row, fraud }
    };
    (0..ROWS).map(payment).collect()
}

fn label(number: usize, payment: &Payment, fraud: bool, after: usize) -> String {
    let (customer, time) = (&payment.customer, payment.time + after);
    format!(r#"{{"payment":"r{number}","customer":"{customer}","at":{time},"fraud":{fraud}}}"#)
}

fn document(input: &str, label: &str, more: &str, outputs: &str) -> String {
    format!(
        "name: labelled
{input}
  format: json
  columns: {{id: string, customer: string, ts: {{timestamp: {{unit: s}}}}, amount: float64{more}}}
  id: id
  key: customer
  time: ts
features: [amount]
label: {label}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc]
{outputs}
"
    )
}

const OWN: &str = "format: json, columns: {payment: string, customer: string, at: {timestamp: {unit: s}}, fraud: boolean}, \
                   id: payment, time: at, column: fraud, wait: 3 hours";

/// Decisions by id.
fn by_id(lines: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_string();
    lines.map(|line| (id(&line), line)).collect()
}

fn lines(text: &str) -> BTreeMap<String, String> {
    by_id(text.lines().map(String::from))
}

/// A label in a file of its own, an hour after its row, is the same as one in the row with a delay of an hour.
#[test]
fn a_file_of_labels_says_what_a_delay_says() {
    let (folder, all) = (folder("labels"), payments());
    let with: Vec<String> = all.iter().map(|one| format!("{{{},\"fraud\":{}}}", one.row, one.fraud)).collect();
    let without: Vec<String> = all.iter().map(|one| format!("{{{}}}", one.row)).collect();
    // Those that are known when the last row comes.
    let known = all.iter().enumerate().filter(|(number, _)| (ROWS - 1 - number) * STEP >= DELAY);
    let labels: Vec<String> = known.map(|(number, one)| label(number, one, one.fraud, DELAY)).collect();
    write(&folder, "with.ndjson", with.join("\n"));
    write(&folder, "without.ndjson", without.join("\n"));
    write(&folder, "labels.ndjson", labels.join("\n"));
    let outputs = "outputs: {all: {file: {path: delayed.ndjson}}}\nstate: {directory: delayed}";
    let delayed = format!("{{column: fraud, delay: {DELAY} s}}");
    let input = "input:\n  file: {path: with.ndjson}";
    write(&folder, "delayed.yaml", document(input, &delayed, ", fraud: boolean", outputs));
    let input = "input:\n  file: {path: without.ndjson}";
    let own = format!("{{file: {{path: labels.ndjson}}, {OWN}}}");
    let outputs = "outputs: {all: {file: {path: own.ndjson}}}\nstate: {directory: kept, snapshot: {rows: 900}}";
    write(&folder, "own.yaml", document(input, &own, "", outputs));
    let ran = |name: &str| {
        let said = run(&folder, &["run", name, "--json", "--quiet"]);
        assert_eq!(said.code, 0, "{said:?}");
        said.report()
    };
    let (delayed, own) = (ran("delayed.yaml"), ran("own.yaml"));
    let read = |name: &str| lines(&std::fs::read_to_string(folder.join(name)).unwrap());
    assert_eq!(read("delayed.ndjson"), read("own.ndjson"));
    for figure in ["scored", "learned"] {
        assert_eq!(delayed[figure], own[figure], "{figure}");
    }
    // Rows are evaluated when their label is known there, and when their wait is over here.
    assert_eq!(delayed["metrics"], own["metrics_at_label_time"]);
    assert_eq!((&own["labels"]["joined"], &own["labels"]["unknown"]), (&labels.len().into(), &0.into()));
    let half = own["labels"]["delay_seconds"]["p50"].as_f64().unwrap();
    assert!((DELAY as f64..DELAY as f64 * 1.13).contains(&half), "{half}");
    // The run goes on where it ended, also after it was reset to a position.
    let said = run(&folder, &["state", "show", "own.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// The records of both, in the order of time, with labels that are corrected, repeated, for nothing, or missing.
fn records(all: &[Payment]) -> (Vec<Record>, Vec<Record>) {
    let record = |one: &Payment, value: String, time: usize| Record {
        key: Some(one.customer.clone().into()),
        value: Some(value.into()),
        timestamp: Some(time as i64 * 1_000),
        ..Record::default()
    };
    let rows = all.iter().map(|one| record(one, format!("{{{}}}", one.row), one.time)).collect();
    let mut labels = Vec::new();
    for (number, one) in all.iter().enumerate() {
        let mut say = |fraud: bool, after: usize| {
            labels.push(record(one, label(number, one, fraud, after), one.time + after));
        };
        match number % 10 {
            0 => {}
            1 => {
                say(!one.fraud, DELAY);
                say(one.fraud, DELAY + 1_800);
            }
            2 => {
                say(one.fraud, DELAY);
                say(one.fraud, DELAY + 720);
            }
            // It has ceased to wait.
            3 => say(one.fraud, 6 * 3_600 + 13),
            _ => say(one.fraud, DELAY),
        }
    }
    labels.sort_by_key(|label| label.timestamp);
    (rows, labels)
}

fn text(records: &[Record]) -> String {
    records.iter().map(|one| String::from_utf8(one.value.clone().unwrap()).unwrap() + "\n").collect()
}

/// What a file of rows and a file of labels say: the decisions, and the report.
fn by_files(folder: &Path, rows: &[Record], labels: &[Record]) -> (BTreeMap<String, String>, Value) {
    write(folder, "rows.ndjson", text(rows));
    write(folder, "labels.ndjson", text(labels));
    let shards = format!("shards: {{key: customer, count: {SHARDS}}}");
    let input = format!("input:\n  file: {{path: rows.ndjson, {shards}}}");
    let own = format!("{{file: {{path: labels.ndjson, {shards}}}, {OWN}, otherwise: \"false\"}}");
    write(
        folder,
        "file.yaml",
        document(&input, &own, "", "outputs: {all: {file: {path: all.ndjson}}}\nstate: {directory: kept}"),
    );
    let said = run(folder, &["run", "file.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    (lines(&std::fs::read_to_string(folder.join("all.ndjson")).unwrap()), said.report())
}

/// Runs a group over both topics, after members were killed if there are three; the report.
fn by_topics(folder: &Path, topic: &str, members: usize, protocol: &str) -> Value {
    let (group, late) = (format!("{topic}-{members}"), format!("{topic}-labels"));
    let input = format!(
        "kafka: {{bootstrap.servers: \"{}\", group.id: {group}, group.protocol: {protocol}}}\ninput:\n  kafka: {{topics: \
         [{topic}]}}",
        broker()
    );
    let own = format!("{{kafka: {{topics: [{late}]}}, {OWN}, otherwise: \"false\"}}");
    let outputs = format!("outputs: {{all: {{kafka: {{topic: {group}-out, create: {{partitions: {SHARDS}}}}}}}}}");
    write(folder, "group.yaml", document(&input, &own, "", &outputs));
    let arguments = ["run", "group.yaml", "--json", "--until-end", "--members", &members.to_string()];
    for _ in 0..if members == 3 { 2 } else { 0 } {
        let mut child = gristmill(folder, &arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(900));
        let _ = child.kill();
        let _ = child.wait();
    }
    let said = run(folder, &arguments);
    assert_eq!(said.code, 0, "{said:?}");
    said.report()
}

/// Topics say what files say, for one member and for several, and after members are killed.
#[test]
fn topics_of_rows_and_labels_say_what_files_say() {
    let (topic, folder) = (unique("labels"), folder("label-topics"));
    let (rows, labels) = records(&payments());
    let (file, expected) = by_files(&folder, &rows, &labels);
    let counts = &expected["labels"];
    assert!(counts["corrected"].as_u64() > Some(1_000) && counts["repeated"].as_u64() > Some(1_000), "{counts}");
    assert!(counts["unlabelled"].as_u64() > Some(2_000) && counts["unknown"].as_u64() > Some(1_000), "{counts}");

    let late = format!("{topic}-labels");
    // Records of 2023 are older than topics keep them by default.
    create(&topic, SHARDS as i32, &[("retention.ms", "-1")]);
    create(&late, SHARDS as i32, &[("retention.ms", "-1")]);
    produce_by_key(&topic, &rows);
    produce_by_key(&late, &labels);
    for (members, protocol) in [(1, "consumer"), (3, "consumer"), (2, "classic")] {
        let report = by_topics(&folder, &topic, members, protocol);
        let decisions = consume(&format!("{topic}-{members}-out"));
        assert_eq!(decisions.len(), ROWS, "{members} members");
        let found = by_id(decisions.into_iter().map(|one| String::from_utf8(one.value.unwrap()).unwrap()));
        for (id, decision) in &file {
            assert_eq!(found.get(id), Some(decision), "{members} members, {id}");
        }
        for figure in ["learned", "metrics", "metrics_at_label_time", "labels"] {
            assert_eq!(report[figure], expected[figure], "{members} members, {figure}");
        }
    }
}

/// In a partition that falls silent rows that wait are released, learned and settled by the clock.
#[test]
fn time_moves_on_in_silence() {
    let (topic, folder) = (unique("silent"), folder("silent"));
    let record = |number: usize| Record {
        key: Some("c".into()),
        value: Some(
            format!(r#"{{"id":"r{number}","customer":"c","ts":{},"amount":1,"fraud":true}}"#, BEGIN + number).into(),
        ),
        ..Record::default()
    };
    create(&topic, 1, &[]);
    create(&format!("{topic}-out"), 1, &[]);
    produce(&topic, &(0..5).map(record).collect::<Vec<_>>());
    let input = format!(
        "kafka: {{bootstrap.servers: \"{}\", group.id: {topic}}}\ninput:\n  kafka: {{topics: [{topic}]}}\n  grace: 2 s\n  \
         idle: 300 ms",
        broker()
    );
    let outputs = format!(
        "outputs: {{all: {{kafka: {{topic: {topic}-out}}}}}}\ndead_letters: {{kafka: {{topic: {topic}-dead, create: \
         {{partitions: 1}}}}}}"
    );
    let document = document(&input, "{column: fraud, delay: 1 s}", ", fraud: boolean", &outputs);
    write(&folder, "silent.yaml", document);
    let child = gristmill(&folder, &["run", "silent.yaml", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("all rows are answered", Duration::from_secs(30), || count(&format!("{topic}-out"), 1) >= 5);
    std::thread::sleep(Duration::from_millis(3_000));
    signal(&child, "-TERM");
    let said = finish(child, Duration::from_secs(30));
    assert_eq!((said.code, &said.report()["learned"]), (0, &5.into()), "{said:?}");
    // Nothing happens twice when the run goes on.
    let said = run(&folder, &["run", "silent.yaml", "--json", "--until-end"]);
    assert_eq!((said.code, &said.report()["learned"]), (0, &5.into()), "{said:?}");
    assert_eq!(consume(&format!("{topic}-out")).len(), 5);
}

/// A label that cannot be read is a dead letter, which goes back to the topic of labels.
#[test]
fn a_label_that_cannot_be_read_goes_back_where_it_came_from() {
    let (topic, folder) = (unique("letters"), folder("letters"));
    let late = format!("{topic}-labels");
    create(&topic, 1, &[]);
    create(&late, 1, &[]);
    let record = |value: &str| Record { value: Some(value.into()), ..Record::default() };
    produce(&topic, &[record(r#"{"id":"r0","customer":"c","ts":1700000000,"amount":1}"#)]);
    produce(&late, &[record("no JSON"), record(r#"{"payment":"r0","customer":"c","at":1700000060,"fraud":true}"#)]);
    let input = format!("kafka: {{bootstrap.servers: \"{}\"}}\ninput:\n  kafka: {{topics: [{topic}]}}", broker());
    let own = format!("{{kafka: {{topics: [{late}]}}, {OWN}}}");
    let outputs = format!("dead_letters: {{kafka: {{topic: {topic}-dead, create: {{partitions: 1}}}}}}");
    let document = document(&input, &own, "", &outputs).replace("name: labelled", &format!("name: {topic}"));
    write(&folder, "letters.yaml", document);
    let said = run(&folder, &["run", "letters.yaml", "--json", "--until-end"]);
    let report = said.report();
    assert_eq!(
        (said.code, &report["learned"], &report["dead_letters"]["total"]),
        (0, &1.into(), &1.into()),
        "{said:?}"
    );
    let said = run(&folder, &["dead-letters", "replay", "letters.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!((consume(&topic).len(), consume(&late).len()), (1, 3));
}

/// Both topics are cut alike, or the run says so before it begins.
#[test]
fn topics_that_are_cut_differently_are_refused() {
    let (topic, folder) = (unique("cut"), folder("cut"));
    let late = format!("{topic}-labels");
    create(&topic, 2, &[]);
    create(&late, 3, &[]);
    let input = format!("kafka: {{bootstrap.servers: \"{}\"}}\ninput:\n  kafka: {{topics: [{topic}]}}", broker());
    let own = format!("{{kafka: {{topics: [{late}]}}, {OWN}}}");
    write(&folder, "cut.yaml", document(&input, &own, "", ""));
    for arguments in [&["run", "cut.yaml", "--until-end"][..], &["check", "cut.yaml", "--connect"]] {
        let said = run(&folder, arguments);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(&format!("the labels' topic {late} has 3 partitions")), "{said:?}");
    }
}

/// Runs over a data set whose rows get a time each, with their labels in a file of their own, so much later; a metric.
fn of_their_own(name: &str, set: &Set<'_>, metric: &str) -> Option<f64> {
    let path = data::find(set.file)?.join(set.file);
    let text = String::from_utf8(zstd::decode_all(&std::fs::read(path).unwrap()[..]).unwrap()).unwrap();
    let mut records = text.lines();
    let header: Vec<&str> = records.next().unwrap().split(',').collect();
    let label = header.iter().position(|column| *column == set.label).unwrap();
    let without = |fields: &[&str]| {
        let rest: Vec<&str> =
            fields.iter().enumerate().filter(|(at, _)| *at != label).map(|(_, field)| *field).collect();
        rest.join(",")
    };
    let (mut rows, mut labels) = (format!("id,ts,{}\n", without(&header)), "row,at,label\n".to_string());
    for (number, record) in records.enumerate() {
        let fields: Vec<&str> = record.split(',').collect();
        let time = (set.time)(number, &fields);
        rows += &format!("r{number},{time},{}\n", without(&fields));
        labels += &format!("r{number},{},{}\n", time + set.delay, fields[label]);
    }
    let folder = folder(name);
    write(&folder, "rows.csv", rows);
    write(&folder, "labels.csv", labels);
    let document = format!(
        "name: set
input: {{file: {{path: rows.csv}}, columns: {{id: string, ts: {{timestamp: {{unit: s}}}}, {}}}, id: id, time: ts}}
label:
  file: {{path: labels.csv}}
  columns: {{row: string, at: {{timestamp: {{unit: s}}}}, label: {}}}
  id: row
  time: at
  column: label
  wait: {} s
{}
",
        set.columns,
        set.kind,
        2 * set.delay,
        set.rest
    );
    write(&folder, "set.yaml", document);
    let said = run(&folder, &["run", "set.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.report()["metrics"][metric].as_f64()
}

/// A data set, and what is learned of it.
struct Set<'a> {
    file: &'a str,
    columns: &'a str,
    label: &'a str,
    kind: &'a str,
    /// The second of a row, by its number and fields.
    time: fn(usize, &[&str]) -> i64,
    /// How many seconds later its label is known.
    delay: i64,
    rest: &'a str,
}

/// River 0.26.1: `progressive_val_score(delay=1 day)` of `StandardScaler | LogisticRegression` on Elec2, a row every 30 minutes.
#[test]
fn elec2_with_labels_a_day_late_is_rivers() {
    let set = Set {
        file: "elec2/electricity.csv.zst",
        columns: "date: float64, day: float64, period: float64, nswprice: float64, nswdemand: float64, vicprice: float64, \
                  vicdemand: float64, transfer: float64",
        label: "class",
        kind: "string",
        time: |number, _| 831_427_200 + 1_800 * number as i64,
        delay: 86_400,
        rest: "  positive: UP
features: [date, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer]
model: [standard_scaler, {logistic_regression: {optimizer: {sgd: {lr: 0.01}}, intercept_lr: 0.01}}]
evaluate: [accuracy]",
    };
    let Some(accuracy) = of_their_own("elec2-late", &set, "accuracy") else { return };
    assert!((accuracy - 0.780919).abs() < 1e-6, "{accuracy}");
}

/// The second since 1970 of a time such as 2016-04-01 00:00:07, by H. Hinnant's `days_from_civil`.
fn seconds(text: &str) -> i64 {
    let parts: Vec<i64> = text.split(['-', ' ', ':']).map(|part| part.parse().unwrap()).collect();
    let (year, month) = if parts[1] <= 2 { (parts[0] - 1, parts[1] + 9) } else { (parts[0], parts[1] - 3) };
    let (era, of_era) = (year / 400, year % 400);
    let days =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + parts[2] - 1 - 719_468;
    ((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]
}

/// Bikes at stations of Toulouse, labels 30 minutes late: River publishes a mean absolute error of 2.293.
#[test]
fn bikes_with_labels_half_an_hour_late() {
    let set = Set {
        file: "toulouse_bikes/toulouse_bikes.csv.zst",
        columns: "moment: string, station: string, clouds: float64, description: string, humidity: float64, pressure: float64, \
                  temperature: float64, wind: float64",
        label: "bikes",
        kind: "int64",
        time: |_, fields| seconds(fields[0]),
        delay: 1_800,
        rest: "
features: [clouds, humidity, pressure, temperature, wind, station]
model:
  - target_encoder: {prior_weight: 0, fading_factor: 0.8}
  - standard_scaler
  - linear_regression: {optimizer: {sgd: {lr: 0.002}}, intercept_lr: 0.01}
evaluate: [mae]",
    };
    let Some(error) = of_their_own("bikes-late", &set, "mae") else { return };
    assert!(error <= 2.293, "{error}");
}
