//! What is reported of a run while it continues and at its end: periodic metrics, and what this run has read and used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads what was written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;

mod support;
use support::*;

const LONGEST: Duration = Duration::from_secs(60);

const COLUMNS: &str = "columns: {x: float64, up: boolean}
features: [x]
label: {column: up}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, f1]
dead_letters: {file: {path: dead.ndjson}}
";

#[test]
fn a_program_reads_the_log_by_the_names_of_its_events() {
    let folder = folder("running-events");
    write(&folder, "p.yaml", format!("name: p\ninput:\n  file: {{path: rows.csv}}\n  {COLUMNS}"));
    write(&folder, "rows.csv", "");
    let log = |format: &str| {
        let output = gristmill(&folder, &["run", "p.yaml", "--json"]).env("GRISTMILL_LOG_FORMAT", format).output();
        Said::from(&output.unwrap()).err
    };
    let events: Vec<serde_json::Value> = log("json")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}")))
        .collect();
    let empty = events.iter().find(|event| event["event"] == "input_empty").unwrap();
    assert_eq!(
        (&empty["level"], &empty["message"]),
        (&json!("WARN"), &json!("rows.csv is empty: there is nothing to do"))
    );
    assert!(empty["time"].as_str().unwrap().ends_with('Z'), "{empty}");
    // People get the sentence and nothing else.
    let sentence = log("text");
    assert!(sentence.trim_end().ends_with(" WARN rows.csv is empty: there is nothing to do"), "{sentence}");
}

#[test]
fn a_run_says_what_it_has_read_itself() {
    let folder = folder("running-kept");
    let rows =
        |count: usize| "x,up\n".to_string() + &(0..count).map(|n| format!("{n},{}\n", n % 3 == 0)).collect::<String>();
    write(
        &folder,
        "p.yaml",
        format!("name: p\nstate: {{directory: kept}}\ninput:\n  file: {{path: rows.csv}}\n  {COLUMNS}"),
    );
    write(&folder, "rows.csv", rows(300));
    let first = run(&folder, &["run", "p.yaml", "--json"]).report();
    assert_eq!((&first["rows"], &first["rows_read"]), (&json!(300), &json!(300)));
    for (count, read, words) in
        [(337, 37, "rows          337; this run read 37 in "), (337, 0, "rows          337; this run read 0 in ")]
    {
        write(&folder, "rows.csv", rows(count));
        let said = run(&folder, &["run", "p.yaml", "--quiet"]);
        let line = said.err.lines().find(|line| line.starts_with("rows ")).unwrap_or_else(|| panic!("{said:?}"));
        assert!(line.starts_with(words), "{line}");
        // The rate is that of what was read.
        let rate: f64 = line.split_once('(').unwrap().1.trim_end_matches("/s)").parse().unwrap();
        let seconds: f64 = line.split_once(" in ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        assert!(rate * (seconds - 0.005).max(0.0) <= f64::from(read) + 1.0, "{line}");
        assert!(read > 0 || rate == 0.0, "{line}");
    }
    let again = run(&folder, &["run", "p.yaml", "--json"]).report();
    assert_eq!((&again["rows"], &again["rows_read"]), (&json!(337), &json!(0)));
}

fn group(folder: &Path, partitions: i32) -> String {
    let topic = unique("running");
    create(&topic, partitions, &[]);
    let document = format!(
        "name: p
kafka: {{bootstrap.servers: \"{}\", group.id: {topic}}}
input:
  kafka: {{topics: [{topic}]}}
  format: json
  {COLUMNS}",
        broker()
    );
    write(folder, "p.yaml", document);
    topic
}

fn record(partition: i32, n: usize) -> Record {
    let value = format!("{{\"x\": {n}, \"up\": {}}}", n % 4 == 1);
    Record { partition, value: Some(value.into_bytes()), ..Record::default() }
}

/// A run whose log is in a file.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    gristmill(folder, arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap()
}

/// The processor time that the system has counted for a process.
fn processor_seconds(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

#[test]
fn an_idle_run_says_what_it_has_used() {
    let folder = folder("running-idle");
    let topic = group(&folder, 1);
    produce(&topic, &(0..10).map(|n| record(0, n)).collect::<Vec<_>>());
    let child = start(&folder, &["run", "p.yaml", "--json"]);
    until("the records are committed", LONGEST, || lag(&topic, &topic, 1) == 0);
    std::thread::sleep(Duration::from_secs(6));
    let used = processor_seconds(&child);
    signal(&child, "-TERM");
    let report = finish(child, LONGEST).report();
    let (cpu, seconds) = (report["cpu_seconds"].as_f64().unwrap(), report["run_seconds"].as_f64().unwrap());
    assert!(seconds > 6.0, "{report}");
    assert!(cpu > 0.5 * used && cpu < used + 2.0, "{cpu} s, where the system counts {used} s");
}

/// The fields of the newest line of metrics.
fn metrics(log: &str) -> Option<BTreeMap<String, String>> {
    let line = log.lines().rfind(|line| line.contains(" metrics rows="))?;
    let fields = line.split_once(" metrics ").unwrap().1.split(' ');
    Some(fields.map(|field| field.split_once('=').unwrap()).map(|(key, value)| (key.into(), value.into())).collect())
}

#[test]
fn members_tell_their_metrics_while_they_run() {
    let folder = folder("running-metrics");
    let topic = group(&folder, 2);
    let child = start(&folder, &["run", "p.yaml", "--members", "2", "--metrics-every", "1", "--json"]);
    produce(&topic, &(0..400).map(|n| record((n % 2) as i32, n)).collect::<Vec<_>>());
    let bad = Record { value: Some(b"{".to_vec()), ..Record::default() };
    produce(&topic, &[bad]);
    let shown = |rows: &str| metrics(&log(&folder)).filter(|fields| fields["rows"] == rows);
    until("metrics of all rows are in the log", LONGEST, || shown("401").is_some());
    let fields = shown("401").unwrap();
    // They go on, and follow what comes.
    produce(&topic, &(400..500).map(|n| record((n % 2) as i32, n)).collect::<Vec<_>>());
    until("metrics of more rows are in the log", LONGEST, || shown("501").is_some());
    let last = shown("501").unwrap();
    signal(&child, "-TERM");
    let report = finish(child, LONGEST).report();
    for (key, expected) in
        [("partitions", "2"), ("scored", "400"), ("learned", "400"), ("dead_letters", "1"), ("rows_read", "401")]
    {
        assert_eq!(fields[key], expected, "{fields:?}");
    }
    for metric in ["accuracy", "f1"] {
        assert_eq!(last[metric], format!("{:.6}", report["metrics"][metric].as_f64().unwrap()), "{last:?}");
    }
}
