//! The whole path on a real broker: a group joins, learns, decides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use support::*;

const PARTITIONS: i32 = 4;
const RECORDS: usize = 100_000;
/// One in this many is broken, in one of six ways.
const BROKEN: usize = 100;

/// Card payments: 225 bytes of JSON, some of them broken. The ids of the good ones, and the broken records.
fn payments(count: usize) -> (Vec<Record>, BTreeSet<String>, Vec<Record>) {
    let (mut all, mut good, mut bad) = (Vec::new(), BTreeSet::new(), Vec::new());
    for number in 0..count {
        let customer = (number * 7_919) % 5_000;
        let amount = (number % 97) as f64 + 0.25;
        let (f1, f2) = ((number % 13) as f64 / 13.0, (number % 29) as f64 / 29.0);
        let fraud = amount + 40.0 * f1 - 20.0 * f2 > 80.0;
        let json = format!(
            r#"{{"id":"p{number}","ts":{},"customer":"c{customer}","amount":{amount},"f1":{f1},"f2":{f2},"note":"card present, chip read, no tip","fraud":{fraud}}}"#,
            1_700_000_000_000_u64 + number as u64 * 10,
        );
        let mut record = Record {
            partition: (customer % PARTITIONS as usize) as i32,
            key: Some(format!("c{customer}").into_bytes()),
            value: Some(json.clone().into_bytes()),
            headers: vec![],
            timestamp: Some(1_700_000_000_000 + number as i64),
        };
        if number % BROKEN == BROKEN - 1 {
            record.value = match number / BROKEN % 6 {
                0 => Some(json[..json.len() / 2].into()),
                1 => Some([json.as_bytes(), b"\xff\xfe"].concat()),
                2 => Some(Vec::new()),
                3 => None,
                4 => Some(json.replace("\"amount\":", "\"amount\":\"much\",\"x\":").into()),
                _ => Some(json.replace("\"amount\"", "\"amuont\"").into()),
            };
            record.headers = vec![("trace".into(), Some(vec![0, 159, 146])), ("empty".into(), None)];
            if number % 3 == 0 {
                record.key = None;
            }
            bad.push(record.clone());
        } else {
            good.insert(format!("p{number}"));
        }
        all.push(record);
    }
    (all, good, bad)
}

fn document(name: &str, more: &str) -> String {
    format!(
        "name: {name}
kafka:
  bootstrap.servers: {}
{more}
input:
  kafka: {{topics: [{name}-in]}}
  format: json
  columns:
    id: string
    ts: {{timestamp: {{unit: ms}}}}
    amount: float64
    f1: float64
    f2: float64
    fraud: boolean
  id: id
  time: ts
features: [amount, f1, f2]
label: {{column: fraud}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc]
outputs:
  decisions: {{kafka: {{topic: {name}-out, create: {{partitions: 4}}}}}}
  alerts: {{kafka: {{topic: {name}-alerts, create: {{partitions: 1}}}}, when: score > 0.5}}
dead_letters: {{kafka: {{topic: {name}-dead, create: {{partitions: 2}}}}}}
commit: {{every: 50 ms, rows: 5000}}
",
        broker()
    )
}

const PROTOCOLS: [(&str, &str); 3] = [
    ("consumer", "  group.protocol: consumer"),
    ("classic", "  group.protocol: classic\n  session.timeout.ms: 6000\n  heartbeat.interval.ms: 500"),
    (
        "cooperative",
        "  group.protocol: classic\n  partition.assignment.strategy: cooperative-sticky\n  session.timeout.ms: 6000\n  heartbeat.interval.ms: 500",
    ),
];

/// How often each id was decided; checks that decisions are correct.
fn decided(topic: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for record in consume(topic) {
        let decision = record.json();
        let id = decision["id"].as_str().unwrap().to_string();
        let score = decision["score"].as_f64().unwrap();
        assert_eq!(decision["prediction"], if score > 0.5 { "true" } else { "false" });
        assert_eq!(decision["probability"]["true"], decision["score"]);
        assert!(decision["time"].as_str().unwrap().starts_with("2023-11-1"));
        assert!(decision["model"].as_str().unwrap().contains('@'));
        assert!(record.header("source").contains("-in-"));
        let number: usize = id[1..].parse().unwrap();
        assert_eq!(record.key, Some(format!("c{}", (number * 7_919) % 5_000).into_bytes()));
        assert_eq!(record.timestamp, Some(1_700_000_000_000 + number as i64));
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}

/// The records in the dead-letter topic, and their reasons.
fn dead(topic: &str) -> (Vec<Record>, BTreeMap<String, u64>) {
    let mut reasons = BTreeMap::new();
    let letters = consume(topic).into_iter().map(|letter| {
        let get = |name: &str| letter.header(&format!("__connect.errors.{name}"));
        assert!(get("topic").ends_with("-in") && get("stage") == "VALUE_CONVERTER");
        assert!(!get("exception.message").is_empty() && get("offset").parse::<i64>().is_ok());
        *reasons.entry(get("exception.class.name")).or_insert(0) += 1;
        let partition = get("partition").parse().unwrap();
        let headers = letter.headers.iter().filter(|(name, _)| !name.starts_with("__connect")).cloned().collect();
        Record { partition, headers, ..letter.clone() }
    });
    (letters.collect(), reasons)
}

fn three_members(protocol: &str, settings: &str) {
    let name = unique(protocol);
    let folder = folder(protocol);
    let (all, good, bad) = payments(RECORDS);
    create(&format!("{name}-in"), PARTITIONS, &[]);
    produce(&format!("{name}-in"), &all);
    write(&folder, "p.yaml", document(&name, settings));
    let said = run(&folder, &["run", "p.yaml", "--members", "3", "--until-end", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);

    let counts = decided(&format!("{name}-out"));
    assert_eq!(counts.len(), good.len(), "missing decisions");
    assert!(counts.values().all(|count| *count == 1), "no member left, so nothing may be doubled");
    assert!(counts.keys().eq(good.iter()));
    let (mut letters, reasons) = dead(&format!("{name}-dead"));
    let mut expected = bad;
    letters.sort();
    expected.sort();
    assert_eq!(letters, expected, "dead letters are not byte for byte what came in");
    let kinds = ["empty", "invalid_json", "invalid_utf8", "missing_column", "null_value", "wrong_type"];
    assert!(reasons.keys().eq(kinds), "{reasons:?}");
    assert_eq!(lag(&name, &format!("{name}-in"), PARTITIONS), 0);

    let report = said.report();
    assert_eq!(report["rows"], RECORDS);
    assert_eq!(report["scored"], good.len());
    assert_eq!(report["learned"], good.len());
    assert_eq!(report["dead_letters"]["total"], 1_000);
    assert_eq!(report["partitions"].as_object().unwrap().len(), 4);
    assert!(report["metrics"]["accuracy"].as_f64().unwrap() > 0.95, "{report}");
    assert!(report["baselines"]["majority_class"]["accuracy"].as_f64().unwrap() < 0.9, "{report}");
    let alerts = consume(&format!("{name}-alerts"));
    assert!(!alerts.is_empty() && alerts.iter().all(|alert| alert.json()["score"].as_f64().unwrap() > 0.5));
}

#[test]
fn three_members_with_kip_848() {
    three_members(PROTOCOLS[0].0, PROTOCOLS[0].1);
}

#[test]
fn three_members_with_the_classic_protocol() {
    three_members(PROTOCOLS[1].0, PROTOCOLS[1].1);
}

#[test]
fn three_members_with_cooperative_rebalances() {
    three_members(PROTOCOLS[2].0, PROTOCOLS[2].1);
}

/// Three processes; midway one is killed and another joins.
fn one_killed_one_added(protocol: &str, settings: &str) {
    let name = unique(protocol);
    let folder = folder(protocol);
    let (all, good, bad) = payments(RECORDS);
    let input = format!("{name}-in");
    create(&input, PARTITIONS, &[]);
    let (first, second) = all.split_at(RECORDS / 2);
    produce(&input, first);
    // The second half must not have arrived when the member dies: processes wait for records, they do not end.
    write(&folder, "p.yaml", document(&name, settings));
    let start = || {
        let mut command = gristmill(&folder, &["run", "p.yaml", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut members = vec![start()];
    until("the topics are created", Duration::from_secs(30), || lag(&name, &input, PARTITIONS) < RECORDS as i64 / 2);
    members.push(start());
    members.push(start());
    until("half of it is done", Duration::from_secs(60), || lag(&name, &input, PARTITIONS) == 0);
    let (third, fourth) = second.split_at(second.len() / 2);
    produce(&input, third);
    let mut victim = members.remove(0);
    victim.kill().unwrap();
    victim.wait().unwrap();
    members.push(start());
    produce(&input, fourth);
    until("all of it is done", Duration::from_secs(90), || lag(&name, &input, PARTITIONS) == 0);
    for member in &members {
        signal(member, "-TERM");
    }
    for member in members {
        let said = finish(member, Duration::from_secs(30));
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.report()["rows"].as_u64().is_some());
    }
    assert_eq!(lag(&name, &input, PARTITIONS), 0);
    let counts = decided(&format!("{name}-out"));
    assert!(counts.keys().eq(good.iter()), "{} of {} decided", counts.len(), good.len());
    assert!(counts.values().all(|count| *count == 1), "decided twice");
    let (mut letters, _) = dead(&format!("{name}-dead"));
    let mut expected = bad;
    letters.sort();
    expected.sort();
    assert!(letters == expected, "{} dead letters of {}, or changed ones", letters.len(), expected.len());
}

#[test]
fn one_killed_one_added_with_kip_848() {
    one_killed_one_added(PROTOCOLS[0].0, PROTOCOLS[0].1);
}

#[test]
fn one_killed_one_added_with_the_classic_protocol() {
    one_killed_one_added(PROTOCOLS[1].0, PROTOCOLS[1].1);
}

/// A broker that offers only the classic protocol: the member falls back to it, and says so.
#[test]
fn a_broker_without_kip_848() {
    let folder = folder("classic-broker");
    let own = Own::start(&folder, &["group.coordinator.rebalance.protocols=classic"]);
    let document = format!(
        "name: t
kafka: {{bootstrap.servers: \"{}\"}}
input: {{kafka: {{topics: [in], create: {{partitions: 2}}}}, format: csv, columns: {{x: float64, class: string}}}}
features: [x]
label: {{column: class, positive: a}}
model: [logistic_regression]
",
        own.address
    );
    write(&folder, "t.yaml", document);
    let mut command = gristmill(&folder, &["run", "t.yaml"]);
    let log = folder.join("log");
    let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap();
    until(&format!("the partitions are assigned, see {}", log.display()), Duration::from_secs(60), || {
        said().contains("in-1 starts")
    });
    assert!(said().contains("does not offer the group protocol of KIP-848: using the classic one"), "{}", said());
    signal(&child, "-TERM");
    assert_eq!(finish(child, Duration::from_secs(10)).code, 0);
}

/// A broker that stalls for longer than a session: the run says so, waits, and nothing is missing.
#[test]
fn a_broker_that_stalls() {
    const ROWS: usize = 200_000;
    let folder = folder("stalling-broker");
    let own = Own::start(&folder, &[]);
    let rows: String = (0..ROWS).map(|number| format!("{number},{}\n", number % 7)).collect();
    write(&folder, "rows.csv", format!("id,x\n{rows}"));
    let document = |name: &str, input: &str, output: &str| {
        let text = format!(
            "name: {name}
kafka: {{bootstrap.servers: \"{}\"}}
input: {{{input}, columns: {{id: string, x: {{float64: {{optional: true}}}}}}, id: id}}
features: [x]
model: [linear_regression]
outputs: {{all: {output}}}
",
            own.address
        );
        write(&folder, &format!("{name}.yaml"), text);
    };
    let topic = |name: &str| format!("{{kafka: {{topic: {name}, create: {{partitions: 4}}}}}}");
    document("fill", "file: {path: rows.csv}", &topic("in"));
    document("pass", "kafka: {topics: [in]}, format: json", &topic("out"));
    document("read", "kafka: {topics: [out]}, format: json", "{stdout: {}}");
    assert_eq!(run(&folder, &["run", "fill.yaml"]).code, 0);
    let mut command = gristmill(&folder, &["run", "pass.yaml", "--members", "2", "--until-end", "--json"]);
    let log = folder.join("log");
    command.env("GRISTMILL_LOG", "debug").stdout(Stdio::piped());
    let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap();
    until("the first partition is assigned", Duration::from_secs(30), || said().contains(" starts"));
    own.signal("-STOP");
    std::thread::sleep(Duration::from_secs(14));
    own.signal("-CONT");
    let logs = || format!("{}\nthe broker:\n{}", last_lines(&said()), last_lines(&own.log()));
    let ended = finish_or(child, Duration::from_secs(90), logs);
    assert_eq!(ended.code, 0, "{}", said());
    let read = run(&folder, &["run", "read.yaml", "--until-end", "--quiet"]);
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_string();
    let ids: BTreeSet<String> = read.out.lines().map(id).collect();
    assert_eq!(ids.len(), ROWS, "{}", said());
}
