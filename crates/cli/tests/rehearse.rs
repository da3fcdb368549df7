//! `check --connect` performs everything that a run does before its first record, and refuses what a run refuses,
//! with the same message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads what was written.

mod support;

use std::path::Path;

use support::*;

const DOCUMENT: &str = "\
name: rehearsed
input: {file: {path: rows.csv}, columns: {id: string, shop: string, x: float64, y: boolean}, id: id}
features: [x]
label: {column: y}
model: [standard_scaler, logistic_regression]
outputs: {all: {file: {path: all.ndjson}}}
state: {directory: state}
";

const TABLE: &str = "lookup: {shops: {file: {path: shops.csv}, columns: {shop: string, size: float64}, on: shop}}\n";

/// The message of a command that refuses.
fn refusal(said: &Said) -> String {
    let at = said.err.find("error: ").unwrap_or_else(|| panic!("no error: {said:?}"));
    said.err[at..].to_string()
}

/// Both refuse, with the same message, and nothing has changed in the folder.
fn refused(folder: &Path, document: &str, words: &str) {
    write(folder, "t.yaml", document);
    let before = listed(folder);
    let checked = run(folder, &["check", "t.yaml", "--connect"]);
    assert_eq!(listed(folder), before, "a check leaves no trace");
    let ran = run(folder, &["run", "t.yaml", "--until-end"]);
    assert_eq!((checked.code, ran.code), (1, 1), "{words}:\n{checked:?}\n{ran:?}");
    assert_eq!(refusal(&checked), refusal(&ran), "{words}");
    assert!(refusal(&checked).contains(words), "{words}: {checked:?}");
}

fn fine(folder: &Path, document: &str) {
    write(folder, "t.yaml", document);
    let said = run(folder, &["check", "t.yaml", "--connect"]);
    assert_eq!((said.code, said.out.as_str()), (0, "t.yaml: fine\n"), "{said:?}");
}

/// The files of a folder, and their sizes.
fn listed(folder: &Path) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len()))
        .collect();
    all.sort();
    all
}

#[test]
fn of_a_pipeline_over_a_file() {
    let folder = folder("rehearsed");
    refused(&folder, DOCUMENT, "cannot read rows.csv");
    write(&folder, "rows.csv", "id,shop,y\na,s,true\n");
    refused(&folder, DOCUMENT, "`x`");
    let rows = "id,shop,x,y\na,s,1,true\nb,s,2,false\n";
    write(&folder, "rows.csv", rows);
    // The run before has made it.
    std::fs::remove_file(folder.join("all.ndjson")).unwrap();
    fine(&folder, DOCUMENT);
    assert!(!folder.join("all.ndjson").exists(), "no output is made by a check");
    refused(&folder, &DOCUMENT.replace("all.ndjson", "nowhere/all.ndjson"), "its folder does not exist");
    write(&folder, "shops.csv", "shop,size\ns,big\n");
    let looked_up = DOCUMENT.replace("features: [x]", &format!("{TABLE}features: [x, shops.size]"));
    refused(&folder, &looked_up, "table `shops`");
    write(
        &folder,
        "wrong.py",
        "def load():\n    raise ValueError('no weights here')\n\ndef predict(state, batch):\n    pass\n",
    );
    let python = format!("model: [{{python: {{path: wrong.py, interpreter: \"{}\"}}}}]", python());
    let python = DOCUMENT.replace("model: [standard_scaler, logistic_regression]", &python);
    refused(&folder, &(python + "dead_letters: {file: {path: dead.ndjson}}\n"), "no weights here");
    // What was learned by another document.
    write(&folder, "t.yaml", DOCUMENT);
    assert_eq!(run(&folder, &["run", "t.yaml"]).code, 0);
    let other = DOCUMENT.replace("logistic_regression]", "logistic_regression: {intercept_lr: 0.5}]");
    refused(&folder, &other, "state reset FILE --changed");
    // A committed output that has lost its end.
    let written = std::fs::read(folder.join("all.ndjson")).unwrap();
    write(&folder, "all.ndjson", &written[..written.len() / 2]);
    refused(&folder, DOCUMENT, "bytes of answers were committed to it");
}

#[test]
fn of_a_group() {
    let (name, folder) = (unique("rehearsed"), folder("rehearsed-group"));
    let document = DOCUMENT
        .replace("name: rehearsed\n", &format!("name: {name}\nkafka: {{bootstrap.servers: \"{}\"}}\n", broker()))
        .replace("file: {path: rows.csv}", &format!("kafka: {{topics: [{name}-in]}}, format: json"))
        .replace("file: {path: all.ndjson}", &format!("kafka: {{topic: {name}-out, create: {{partitions: 1}}}}"))
        .replace("state: {directory: state}\n", "");
    refused(&folder, &document, "does not exist");
    create(&format!("{name}-in"), 1, &[]);
    let record = |text: &str| Record { value: Some(text.into()), ..Record::default() };
    produce(
        &format!("{name}-in"),
        &[record(r#"{"id":"a","shop":"s","x":1,"y":true}"#), record(r#"{"id":"b","shop":"s","x":2,"y":false}"#)],
    );
    fine(&folder, &document);
    let said = run(&folder, &["run", "t.yaml", "--until-end"]);
    assert_eq!(said.code, 0, "{said:?}");
    fine(&folder, &document);
    let other = document.replace("logistic_regression]", "logistic_regression: {intercept_lr: 0.5}]");
    refused(&folder, &other, "state reset FILE --changed");
    commit(&name, &format!("{name}-in"), 0, 1);
    refused(&folder, &document, "the group was set back to 1");
}
