//! Lookups in tables: files with versions by event time, and compacted topics that change between runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::*;

const TERMINALS: &str = "terminal,country,risk,since
7,NL,1,2026-01-01T00:00:00Z
7,BE,5,2026-01-03T00:00:00Z
8,DE,,2026-01-02T00:00:00Z
";

const DOCUMENT: &str = "name: t
input:
  file: {path: rows.csv}
  columns: {id: int64, ts: timestamp, terminal: int64, amount: float64, class: string}
  id: id
  time: ts
lookup:
  at:
    file: {path: terminals.csv}
    columns: {terminal: int64, country: string, risk: float64, since: timestamp}
    on: terminal
    time: since
features:
  - amount
  - at.country
  - weight: amount * coalesce(at.risk, -1)
  - seen: count(*) OVER (PARTITION BY at.country ORDER BY ts RANGE INTERVAL '9 days' PRECEDING)
label: {column: class, positive: a, negative: b}
model: [one_hot_encoder, standard_scaler, logistic_regression]
evaluate: [accuracy]
outputs:
  dutch: {file: {path: dutch.ndjson}, when: at.country = 'NL'}
dead_letters: {file: {path: dead.ndjson}}
state: {directory: state, snapshot: {rows: 200000, every: 1 hour}}
commit: {rows: 1000, every: 20 ms}
";

const ROWS: &str = "id,ts,terminal,amount,class
1,2026-01-01T12:00:00Z,7,10,a
2,2026-01-02T12:00:00Z,8,10,b
3,2026-01-03T00:00:00Z,7,10,a
4,2026-01-02T12:00:00Z,7,10,b
5,2026-01-04T12:00:00Z,9,10,a
6,2026-01-01T12:00:00Z,8,10,a
";

#[test]
fn a_row_finds_what_held_at_its_time() {
    let folder = folder("lookup");
    write(&folder, "t.yaml", DOCUMENT);
    write(&folder, "rows.csv", ROWS);
    write(&folder, "terminals.csv", TERMINALS);
    let said = run(&folder, &["features", "t.yaml", "--out", "out.csv"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        std::fs::read_to_string(folder.join("out.csv")).unwrap(),
        "id,ts,amount,at.country,weight,seen,class
1,2026-01-01T12:00:00Z,10.0,NL,10.0,1,a
2,2026-01-02T12:00:00Z,10.0,DE,-10.0,1,b
3,2026-01-03T00:00:00Z,10.0,BE,50.0,1,a
4,2026-01-02T12:00:00Z,10.0,NL,10.0,2,b
5,2026-01-04T12:00:00Z,10.0,,-10.0,1,a
6,2026-01-01T12:00:00Z,10.0,,-10.0,1,a
"
    );
    let said = run(&folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.report()["unmatched"], serde_json::json!({"at": 2}));
    assert_eq!(said.report()["outputs"]["dutch"], 2);
    let plan = run(&folder, &["plan", "t.yaml"]);
    assert!(plan.out.contains("at by terminal int64, from file terminals.csv, as of since"), "{plan:?}");
}

#[test]
fn a_table_that_cannot_be_used_is_refused_with_its_place() {
    let folder = folder("lookup-mistakes");
    write(&folder, "rows.csv", ROWS);
    write(&folder, "terminals.csv", TERMINALS);
    let refused = |code: i32, document: &str, words: &[&str]| {
        write(&folder, "t.yaml", document);
        let said = run(&folder, &["run", "t.yaml", "--quiet"]);
        assert_eq!(said.code, code, "{said:?}");
        words.iter().for_each(|word| assert!(said.err.contains(word), "`{word}` is not in\n{}", said.err));
    };
    let slip = |from: &str, to: &str| DOCUMENT.replacen(from, to, 1);
    refused(
        2,
        &slip("at.country\n", "at.contry\n"),
        &["no column `at.contry`; did you mean `at.country`?", "t.yaml:15:5"],
    );
    refused(2, &slip("at.risk,", "at.rsk,"), &["no column `at.rsk`; did you mean `at.risk`?", "t.yaml:16:31"]);
    refused(2, &slip("'NL'", "'NL' AND at.county = 'x'"), &["`at.county`", "did you mean `at.country`?"]);
    refused(
        2,
        &slip("on: terminal", "on: terminals"),
        &["no column `terminals`; did you mean `terminal`?", "t.yaml:11:9"],
    );
    refused(2, &slip("time: since", "time: sinc"), &["the table has no column `sinc`; did you mean `since`?"]);
    refused(2, &slip("time: since", "time: country"), &["must be a `timestamp`; this one is `string`"]);
    refused(2, &slip("    file: {path: terminals.csv}\n", ""), &["the table says not where from"]);
    refused(1, &slip("terminals.csv", "terminal.csv"), &["table `at`", "terminal.csv", "there is no such file"]);
    write(&folder, "terminals.csv", TERMINALS.replace("BE,5", "BE,five"));
    refused(1, DOCUMENT, &["table `at`, terminals.csv, record 2", "five", "mend it"]);
    write(&folder, "terminals.csv", "terminal,country,risk\n7,NL,1\n");
    refused(1, DOCUMENT, &["table `at`, the header", "since"]);
}

/// A replay after a crash must look rows up in the same content as before.
#[test]
fn a_table_that_changed_after_a_crash_is_noticed() {
    let folder = folder("lookup-changed");
    write(&folder, "t.yaml", DOCUMENT);
    let rows =
        (0..400_000).map(|n| format!("{n},2026-01-05T12:00:00Z,{},{},{}\n", 7 + n % 3, n % 17, ["a", "b"][n % 2]));
    write(&folder, "rows.csv", "id,ts,terminal,amount,class\n".to_string() + &rows.collect::<String>());
    write(&folder, "terminals.csv", TERMINALS);
    let mut child = gristmill(&folder, &["run", "t.yaml"]).stderr(Stdio::null()).spawn().unwrap();
    let journal = || std::fs::metadata(folder.join("state/journal")).map_or(0, |file| file.len());
    while journal() < 2_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    write(&folder, "terminals.csv", TERMINALS.replace("NL", "LU"));
    let said = run(&folder, &["run", "t.yaml", "--quiet"]);
    assert_eq!(said.code, 1, "{said:?}");
    for word in ["a table has changed", "rows.csv-0", "put it back", "state adopt"] {
        assert!(said.err.contains(word), "`{word}` is not in\n{}", said.err);
    }
    // With the content restored it resumes; after a clean stop it may change.
    write(&folder, "terminals.csv", TERMINALS);
    let said = run(&folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!((said.code, &said.report()["rows"]), (0, &400_000.into()), "{said:?}");
    write(&folder, "terminals.csv", TERMINALS.replace("BE", "NL"));
    let more = std::fs::read_to_string(folder.join("rows.csv")).unwrap()
        + "x,2026-01-05T12:00:00Z,7,1,a\n400000,2026-01-05T12:00:00Z,7,1,a\n";
    write(&folder, "rows.csv", more);
    let said = run(&folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!((said.code, &said.report()["outputs"]["dutch"]), (0, &1.into()), "{said:?}");
}

/// A topic has changed when it is read after a crash: the state holds the content that was used.
fn keyed(partition: i32, key: &str, value: Option<String>) -> Record {
    Record { partition, key: Some(key.into()), value: value.map(String::into_bytes), ..Record::default() }
}

fn country(key: &str, country: &str) -> Record {
    keyed(key.len() as i32 % 3, key, Some(format!(r#"{{"country":"{country}"}}"#)))
}

/// Payments to three merchants in turn.
fn pay(name: &str, from: usize, count: usize) {
    let one = |n: usize| {
        let (merchant, x, y) = (["m1", "m22", "m333"][n % 3], n % 17, n % 17 > 8);
        let json = format!(r#"{{"id":"{n}","merchant":"{merchant}","x":{x},"y":{y}}}"#);
        keyed((n % 2) as i32, "k", Some(json))
    };
    produce(&format!("{name}-in"), &(from..from + count).map(one).collect::<Vec<_>>());
}

fn with_a_topic_as_table(name: &str) -> String {
    format!(
        "name: {name}
kafka: {{bootstrap.servers: \"{}\"}}
input: {{kafka: {{topics: [{name}-in]}}, format: json, columns: {{id: string, merchant: string, x: float64, y: boolean}}, id: id}}
lookup:
  shop: {{kafka: {{topic: {name}-table}}, format: json, columns: {{country: string}}, on: merchant}}
features: [x, shop.country]
label: {{column: y}}
model: [one_hot_encoder, standard_scaler, logistic_regression]
outputs: {{dutch: {{kafka: {{topic: {name}-out, create: {{partitions: 2}}}}, when: shop.country = 'NL'}}}}
commit: {{every: 1 s}}
state: {{snapshot: {{rows: 1000000, every: 1 hour}}}}
",
        broker()
    )
}

/// A run that is killed when something was committed.
fn killed_after_a_commit(folder: &Path, committed: impl Fn() -> bool) {
    let mut child = gristmill(folder, &["run", "t.yaml"]).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !committed() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no decisions");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_topic_is_a_table_that_may_change_between_runs() {
    let (name, folder) = (unique("lookup"), folder("lookup-topic"));
    let table = format!("{name}-table");
    create(&format!("{name}-in"), 2, &[]);
    create(&table, 3, &[("cleanup.policy", "compact")]);
    produce(&table, &[country("m1", "NL"), country("m22", "DE"), country("m1", "BE"), country("m333", "NL")]);
    write(&folder, "t.yaml", with_a_topic_as_table(&name));
    let dutch = || {
        let decided = consume(&format!("{name}-out"));
        let id = |one: &Record| one.json()["id"].as_str().unwrap().parse().unwrap();
        let mut ids: Vec<u64> = decided.iter().map(id).collect();
        ids.sort_unstable();
        ids
    };
    pay(&name, 0, 600);
    // The table was saved along with what was committed.
    killed_after_a_commit(&folder, || dutch().len() >= 200);
    let said = run(&folder, &["run", "t.yaml", "--until-end", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(dutch(), (0..600).filter(|n| n % 3 == 2).collect::<Vec<u64>>());
    // What it saved holds the table; the topic changes, and rows that come then find the new one.
    produce(&table, &[keyed(1, "m333", None), country("m1", "NL")]);
    pay(&name, 600, 300);
    let said = run(&folder, &["run", "t.yaml", "--until-end", "--json"]);
    assert_eq!(
        (said.code, &said.report()["rows"], &said.report()["unmatched"]["shop"]),
        (0, &900.into(), &100.into()),
        "{said:?}"
    );
    let expected = (0..900).filter(|n| if *n < 600 { n % 3 == 2 } else { n % 3 == 0 });
    assert_eq!(dutch(), expected.collect::<Vec<u64>>());
    let missing = std::fs::read_to_string(folder.join("t.yaml")).unwrap().replace(&table, &format!("{name}-tabel"));
    write(&folder, "t.yaml", missing);
    let said = run(&folder, &["run", "t.yaml", "--until-end"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&format!("{name}-tabel")) && said.err.contains("table `shop`"), "{said:?}");
}
