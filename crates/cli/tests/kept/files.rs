//! The same for pipelines over files.

use super::*;

const DOCUMENT: &str = "name: t
input:
  file: {path: rows.csv}
  columns: {id: int64, x: float64, y: boolean}
  id: id
features: [x]
label: {column: y}
model: [standard_scaler, logistic_regression]
outputs: {all: {file: {path: all.ndjson}}}
state: {directory: state}
";

type Damage = (&'static str, fn(&Path), &'static str, usize);

/// What happened to a folder in which sixty rows were read, the error, and how many commands are advised.
const STOPS: [Damage; 5] = [
    ("journal", |folder| std::fs::remove_file(folder.join("state/journal")).unwrap(), "its journal is gone", 1),
    (
        "entry",
        |folder| {
            let payload = b"nothing that was ever a commit";
            let mut frame = (payload.len() as u64).to_le_bytes().to_vec();
            frame.extend(xxhash_rust::xxh3::xxh3_64(payload).to_le_bytes());
            frame.extend(payload);
            write(&folder.join("state"), "journal", frame);
        },
        "the state in state/journal",
        1,
    ),
    ("output", |folder| drop(write(folder, "all.ndjson", "")), "somebody else has changed it", 1),
    ("shorter", |folder| rows(folder, 30), "it has 30 records, but 60 of it were learned already", 1),
    (
        "changed",
        |folder| drop(write(folder, "t.yaml", DOCUMENT.replace("[standard_scaler, ", "["))),
        "saved with other `logistic_regression`",
        1,
    ),
];

fn rows(folder: &Path, count: usize) {
    let rows = (0..count).map(|row| format!("{row},{},{}\n", row % 17, row % 17 > 8));
    write(folder, "rows.csv", "id,x,y\n".to_string() + &rows.collect::<String>());
}

#[test]
fn every_stop_over_files_is_repaired_by_whatever_it_advises() {
    for (name, meddle, words, advice) in STOPS {
        for number in 0..advice {
            let folder = folder(name);
            rows(&folder, 60);
            write(&folder, "t.yaml", DOCUMENT);
            let bounded = || run(&folder, &["run", "t.yaml", "--json", "--quiet"]);
            assert_eq!(bounded().code, 0);
            meddle(&folder);
            let said = bounded();
            refused(&said, &[words]);
            let commands = advised(&said.err);
            assert_eq!(commands.len(), advice, "{name}: {}", said.err);
            let command: Vec<&str> = commands[number].iter().map(String::as_str).collect();
            let done = run(&folder, &command);
            assert_eq!(done.code, 0, "{name}, {command:?}: {done:?}");
            rows(&folder, 80);
            let said = bounded();
            assert_eq!((said.code, &said.report()["rows"]), (0, &80.into()), "{name}, {command:?}: {}", said.err);
        }
    }
}
