//! The same rows in the same shards give the same features, scores and models, wherever they come from: a file cut into
//! shards, a topic read by one member, and by four.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeMap;

use support::*;

const ROWS: usize = 30_000;
const SHARDS: usize = 4;

fn document(input: &str, outputs: &str) -> String {
    format!(
        "name: same
{input}
  format: json
  columns: {{id: string, customer: string, terminal: string, ts: {{timestamp: {{unit: s}}}}, amount: float64, fraud: boolean}}
  id: id
  key: customer
  time: ts
  grace: 2 min
clean:
  - late: {{then: {{flag: late}}}}
  - impute: {{of: [amount], with: mean, by: key}}
lookup:
  at: {{file: {{path: terminals.csv}}, columns: {{terminal: string, risk: float64}}, on: terminal}}
features:
  - amount
  - late
  - at.risk
  - n_1h: count(*) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)
  - mean_1d: avg(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)
  - most: max(amount) OVER (PARTITION BY customer, terminal ORDER BY ts ROWS 5 PRECEDING)
  - risk: >-
      avg(CASE WHEN fraud THEN 1 ELSE 0 END) OVER (PARTITION BY customer ORDER BY ts
      RANGE BETWEEN INTERVAL '2 days' PRECEDING AND INTERVAL '1 hour' PRECEDING)
label: {{column: fraud, delay: 1 hour}}
augment: [{{undersample: {{desired_dist: {{'true': 0.4}}}}}}]
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc]
{outputs}
"
    )
}

fn records() -> Vec<Record> {
    let record = |number: usize| {
        let customer = format!("customer-{}", number * number % 397);
        let time = 1_700_000_000 + 20 * number - number % 9 * 14 - if number % 701 == 9 { 600 } else { 0 };
        let amount = if number.is_multiple_of(29) { "null".to_string() } else { format!("{}.25", number * 7 % 211) };
        let fraud = (number * 13).is_multiple_of(31) || number * 7 % 211 > 200;
        let json = format!(
            r#"{{"id":"r{number}","customer":"{customer}","terminal":"t{}","ts":{time},"amount":{amount},"fraud":{fraud}}}"#,
            number % 23
        );
        Record { key: Some(customer.into()), value: Some(json.into()), ..Record::default() }
    };
    (0..ROWS).map(record).collect()
}

/// Decisions by id, and the totals of the report.
type Found = (BTreeMap<String, String>, [serde_json::Value; 5]);

fn found(said: &Said, decisions: impl Iterator<Item = String>) -> Found {
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.report();
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_string();
    let by_id: BTreeMap<String, String> = decisions.map(|line| (id(&line), line)).collect();
    (by_id, ["rows", "learned", "late", "unmatched", "metrics"].map(|name| report[name].clone()))
}

#[test]
fn a_file_in_shards_and_a_group_of_any_size_say_the_same() {
    let (topic, folder, all) = (unique("same"), folder("same"), records());
    let terminals: String = (0..20).map(|number| format!("t{number},{}\n", number * 7 % 5)).collect();
    write(&folder, "terminals.csv", "terminal,risk\n".to_string() + &terminals);
    let lines: Vec<String> = all.iter().map(|one| String::from_utf8(one.value.clone().unwrap()).unwrap()).collect();
    write(&folder, "rows.ndjson", lines.join("\n"));
    let shards = format!("input:\n  file: {{path: rows.ndjson, shards: {{key: customer, count: {SHARDS}}}}}");
    // A state that is kept goes on waiting for labels at the end, as a group's does.
    let outputs = "outputs: {all: {file: {path: all.ndjson}}}\ndead_letters: {file: {path: dead.ndjson}}\n\
                   state: {directory: state}";
    write(&folder, "file.yaml", document(&shards, outputs));
    let said = run(&folder, &["run", "file.yaml", "--json", "--quiet"]);
    let text = std::fs::read_to_string(folder.join("all.ndjson")).unwrap();
    let file = found(&said, text.lines().map(String::from));
    assert_eq!((file.0.len(), &file.1[0]), (ROWS, &ROWS.into()));
    assert!(file.1[2].as_u64().unwrap() > 20 && file.1[3]["at"].as_u64().unwrap() > 1_000, "{:?}", file.1);

    create(&topic, SHARDS as i32, &[]);
    produce_by_key(&topic, &all);
    for members in [1, 4] {
        let group = format!("{topic}-{members}");
        let input = format!(
            "kafka: {{bootstrap.servers: \"{}\", group.id: {group}}}\ninput:\n  kafka: {{topics: [{topic}]}}",
            broker()
        );
        let outputs = format!(
            "outputs: {{all: {{kafka: {{topic: {group}-out, create: {{partitions: {SHARDS}}}}}}}}}\n\
             dead_letters: {{kafka: {{topic: {group}-dead, create: {{partitions: 1}}}}}}"
        );
        write(&folder, "group.yaml", document(&input, &outputs));
        let said = run(&folder, &["run", "group.yaml", "--json", "--until-end", "--members", &members.to_string()]);
        let decisions = consume(&format!("{group}-out")).into_iter();
        let group = found(&said, decisions.map(|one| String::from_utf8(one.value.unwrap()).unwrap()));
        for (id, decision) in &file.0 {
            assert_eq!(group.0.get(id), Some(decision), "{members} members, {id}");
        }
        assert_eq!((group.0.len(), &group.1), (ROWS, &file.1), "{members} members");
    }
}
