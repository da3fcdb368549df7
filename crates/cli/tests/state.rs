//! Exactly once over files: a run that is killed at any moment and restarted ends with the same bytes, in its
//! outputs, its dead letters and its state, as one that was never killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use support::*;

const DOCUMENT: &str = "name: t
input:
  file: {path: ../rows.csv}
  columns: {id: int64, x: float64, y: float64, class: string}
  id: id
features: [x, y]
label: {column: class, positive: a, negative: b}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc, log_loss, {f1: {window: 100}}]
outputs:
  all: {file: {path: all.ndjson}}
  some: {file: {path: some.ndjson}, when: score > 0.6}
  table: {file: {path: table.csv}, format: csv, select: [id, class, score]}
dead_letters: {file: {path: dead.ndjson}}
commit: {rows: 1000, every: 20 ms}
state: {directory: state, snapshot: {rows: 20000, every: 1 hour}}
";

fn rows(count: usize) -> String {
    let mut text = "id,x,y,class\n".to_string();
    for number in 0..count {
        let (x, y) = ((number * 7) % 101, (number * 13) % 97);
        text += &match number % 251 {
            0 => format!("{number},{x},much,a\n"),
            1 => format!("{number},{x}\n"),
            2 => format!("{number},{x},{y},neither\n"),
            _ => format!("{number},{x},{y},{}\n", if x > y { "a" } else { "b" }),
        };
    }
    text
}

const FILES: [&str; 5] = ["all.ndjson", "some.ndjson", "table.csv", "dead.ndjson", "exported"];

/// What a finished run has left: outputs, dead letters, state, and its report.
fn result(folder: &Path) -> (Vec<Vec<u8>>, serde_json::Value) {
    let said = run(folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let mut report = said.report();
    for passing in PASSING {
        report.as_object_mut().unwrap().remove(passing);
    }
    assert_eq!(run(folder, &["state", "export", "t.yaml", "--out", "exported"]).code, 0);
    (FILES.iter().map(|file| std::fs::read(folder.join(file)).unwrap()).collect(), report)
}

fn same(found: &(Vec<Vec<u8>>, serde_json::Value), expected: &(Vec<Vec<u8>>, serde_json::Value)) {
    for ((file, found), expected) in FILES.iter().zip(&found.0).zip(&expected.0) {
        assert!(found == expected, "{file}: {} bytes, expected {}", found.len(), expected.len());
    }
    assert_eq!(found.1, expected.1);
}

fn beside(base: &Path, name: &str, document: &str) -> std::path::PathBuf {
    let folder = base.join(name);
    std::fs::create_dir(&folder).unwrap();
    write(&folder, "t.yaml", document);
    folder
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_bytes() {
    let base = folder("state");
    write(&base, "rows.csv", rows(150_000));
    let expected = result(&beside(&base, "whole", DOCUMENT));
    assert_eq!(expected.1["rows"], 150_000);
    assert_eq!(expected.1["dead_letters"]["total"], 3 * 598);

    let killed = beside(&base, "killed", DOCUMENT);
    kill_until_it_ends(&killed);
    same(&result(&killed), &expected);
}

/// Kills a run repeatedly, a while after its start, until it completes.
fn kill_until_it_ends(killed: &Path) {
    let (mut kills, mut again, mut seed) = (0_u32, 0, 12_345_u64);
    loop {
        let mut command = gristmill(killed, &["run", "t.yaml", "--json"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Longer and longer, so that a slow machine comes to an end, too.
        std::thread::sleep(Duration::from_millis(30 + (seed >> 33) % 120 + 5 * u64::from(kills)));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        let said = Said::from(&child.wait_with_output().unwrap());
        again += u32::from(said.err.contains("records replayed"));
        if ended {
            assert_eq!(said.code, 0, "{said:?}");
            break;
        }
        kills += 1;
        assert!(kills < 1_000, "it never ends");
    }
    println!("{kills} kills, {again} starts that replayed");
    assert!(kills >= 3 && again >= 2, "{kills} kills, {again} starts that replayed: too few to show anything");
}

/// Three shards, rules, windows, and buffered rows.
const CUT: &str = "name: t
input:
  file: {path: ../rows.csv, shards: {key: k, count: 3}}
  columns: {id: int64, ts: {timestamp: {unit: s}}, k: string, x: float64, class: string}
  id: id
  time: ts
  grace: 5 s
clean:
  - late: {then: {flag: tardy}}
  - impute: {of: [x], with: last, by: key}
features:
  - x
  - tardy
  - n: count(*) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '60 seconds' PRECEDING)
  - mean: avg(x) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '9 seconds' PRECEDING)
label: {column: class, positive: a, negative: b}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc]
outputs:
  all: {file: {path: all.ndjson}}
  some: {file: {path: some.ndjson}, when: n > 8}
dead_letters: {file: {path: dead.ndjson}}
commit: {rows: 1000, every: 20 ms}
state: {directory: state, snapshot: {rows: 20000, every: 1 hour}}
";

fn cut_rows(count: usize) -> String {
    let mut text = "id,ts,k,x,class\n".to_string();
    for number in 0..count {
        let (time, x) = (1_700_000_000 + number / 10 + number * 31 % 7, number * 7 % 101);
        let x = if number % 19 == 0 { String::new() } else { x.to_string() };
        let class = ["a", "b", "b", "neither"][if number % 301 == 0 { 3 } else { number * 13 % 3 }];
        text += &format!("{number},{time},k{},{x},{class}\n", number % 11);
    }
    text
}

/// The lines of a finished run's outputs, which keep the order of each shard alone; the states; the report.
fn cut_result(folder: &Path) -> (Vec<Vec<String>>, Vec<Vec<u8>>, serde_json::Value) {
    let said = run(folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let mut report = said.report();
    for passing in PASSING {
        report.as_object_mut().unwrap().remove(passing);
    }
    assert_eq!(run(folder, &["state", "export", "t.yaml", "--out", "exported"]).code, 0);
    let lines = ["all.ndjson", "some.ndjson", "dead.ndjson"].map(|file| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    });
    let states = (0..3).map(|shard| std::fs::read(folder.join(format!("exported/{shard}"))).unwrap());
    (lines.into(), states.collect(), report)
}

#[test]
fn shards_of_a_file_killed_at_any_moment_end_with_the_same_answers() {
    let base = folder("shards");
    write(&base, "rows.csv", cut_rows(150_000));
    let expected = cut_result(&beside(&base, "whole", CUT));
    assert_eq!((&expected.2["rows"], &expected.2["waiting"]), (&150_000.into(), &serde_json::Value::Null));
    assert_eq!(expected.2["dead_letters"]["by_reason"]["unknown_label"], 499);
    assert_eq!(expected.2["decisions"], 150_000 - 499);
    assert_eq!(expected.0[0].len(), 150_000 - 499);
    assert!(expected.2["late"].as_u64().unwrap() > 100, "{}", expected.2);
    assert_eq!(expected.2["partitions"].as_object().unwrap().len(), 3);

    let killed = beside(&base, "killed", CUT);
    kill_until_it_ends(&killed);
    assert!(cut_result(&killed) == expected, "other answers, states, or another report");
}

#[test]
fn a_file_that_grew_is_gone_on_with() {
    let base = folder("grown");
    let all = rows(30_000);
    write(&base, "rows.csv", &all);
    let expected = result(&beside(&base, "whole", DOCUMENT));
    let grown = beside(&base, "grown", DOCUMENT);
    let half = all.lines().take(12_001).map(|line| format!("{line}\n")).collect::<String>();
    write(&base, "rows.csv", half);
    assert_eq!(result(&grown).1["rows"], 12_000);
    write(&base, "rows.csv", &all);
    same(&result(&grown), &expected);
    // Once more: nothing is new, nothing changes, however a path is spelled.
    let spelled =
        DOCUMENT.replace("path: all.ndjson", "path: ./all.ndjson").replace("path: dead", "path: ../grown/dead");
    write(&grown, "t.yaml", spelled);
    same(&result(&grown), &expected);
    let other = DOCUMENT.replace("path: table.csv}, format: csv", "path: table.csv}");
    refused(&grown, &other, &["does not begin with a JSON object", "name another file"]);
    let other = DOCUMENT.replace("select: [id, class, score]", "select: [id, score, class]");
    refused(&grown, &other, &["does not name the fields that `select` names now"]);
}

fn refused(folder: &Path, document: &str, words: &[&str]) {
    write(folder, "t.yaml", document);
    let said = run(folder, &["run", "t.yaml", "--quiet"]);
    assert_eq!(said.code, 1, "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "`{word}` is not in\n{}", said.err);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_command_that_repairs_it() {
    let base = folder("refused");
    write(&base, "rows.csv", rows(3_000));
    let folder = beside(&base, "run", DOCUMENT);
    let expected = result(&folder);
    refused(
        &folder,
        &DOCUMENT.replace("features: [x, y]", "features: [y]"),
        &["other `standard_scaler`, `logistic_regression`", "state reset"],
    );
    refused(&folder, &DOCUMENT.replace("[standard_scaler, ", "["), &["other `logistic_regression`", "state reset"]);
    write(&folder, "some.ndjson", "");
    refused(&folder, DOCUMENT, &["some.ndjson", "somebody else has changed it"]);
    std::fs::write(folder.join("some.ndjson"), &expected.0[1]).unwrap();
    write(&base, "rows.csv", rows(1_000));
    refused(&folder, DOCUMENT, &["it has 1000 records, but 3000 of it were learned already"]);
    let said = run(&folder, &["state", "show", "t.yaml"]);
    assert!(said.out.contains("snapshot   at 3000, ") && said.out.contains("bytes of logistic_regression"), "{said:?}");
    assert_eq!(run(&folder, &["state", "reset", "t.yaml"]).code, 2, "nobody said yes");
    assert_eq!(run(&folder, &["state", "reset", "t.yaml", "--yes"]).code, 0);
    assert_eq!(result(&folder).1["rows"], 1_000);
}

/// Starts a run and kills it once it has committed something; without snapshots everything is replayed.
fn killed_after_a_commit(folder: &Path) {
    let mut child = gristmill(folder, &["run", "t.yaml", "--quiet"]).stderr(Stdio::piped()).spawn().unwrap();
    let journal = folder.join("state/journal");
    until("a commit", Duration::from_secs(10), || std::fs::metadata(&journal).is_ok_and(|data| data.len() > 500));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn other_records_than_those_learned_are_noticed() {
    let base = folder("differs");
    let all = rows(400_000);
    write(&base, "rows.csv", &all);
    let document = DOCUMENT.replace("rows: 20000, every: 1 hour", "rows: 1000000000, every: 1 hour");
    let folder = beside(&base, "run", &document);
    killed_after_a_commit(&folder);
    write(&base, "rows.csv", all.replacen("\n7,49,91,", "\n7,49,90,", 1));
    refused(&folder, &document, &["rows.csv-0: the records from 0 to", "and they differ", "state reset"]);
    // The journal's end is torn: complete entries count, and the outputs are truncated to them.
    write(&base, "rows.csv", &all);
    let journal = std::fs::read(folder.join("state/journal")).unwrap();
    std::fs::write(folder.join("state/journal"), &journal[..journal.len() - 5]).unwrap();
    let expected = result(&beside(&base, "whole", &document));
    same(&result(&folder), &expected);
    // Without its journal a snapshot is worth nothing.
    std::fs::remove_file(folder.join("state/journal")).unwrap();
    refused(&folder, &document, &["its journal is gone", "state reset"]);
}

/// Killed after the last commit and before the last snapshot: the next run finds nothing new, and still saves.
#[test]
fn a_run_with_nothing_new_saves_what_it_learned_again() {
    let base = folder("nothing-new");
    let all = rows(400_000);
    write(&base, "rows.csv", &all);
    let document = DOCUMENT.replace("rows: 20000, every: 1 hour", "rows: 1000000000, every: 1 hour");
    let folder = beside(&base, "run", &document);
    killed_after_a_commit(&folder);
    let shown = run(&folder, &["state", "show", "t.yaml"]).out;
    let records = shown.lines().find_map(|line| line.strip_prefix("journal")?.split_once(" at ")).unwrap().1;
    let committed: usize = records.parse().unwrap();
    write(&base, "rows.csv", all.lines().take(committed + 1).map(|line| format!("{line}\n")).collect::<String>());
    let expected = result(&beside(&base, "whole", &document));
    same(&result(&folder), &expected);
}

/// Rows a second apart; labels are known after a while.
fn late_rows(count: usize) -> String {
    let row = |number: usize| {
        let class = if number % 17 > 8 { "a" } else { "b" };
        format!("{number},{},{},{},{class}\n", 1_700_000_000 + number, number % 17, number % 5)
    };
    "id,ts,x,y,class\n".to_string() + &(0..count).map(row).collect::<String>()
}

const LATE: &str = "name: t
input:
  file: {path: ../rows.csv}
  columns: {id: int64, ts: {timestamp: {unit: s}}, x: float64, y: float64, class: string}
  id: id
  time: ts
features: [x, y]
label: {column: class, positive: a, negative: b, delay: 40 s}
model: [standard_scaler, {logistic_regression: {optimizer: {sgd: {lr: 0.1}}}}]
evaluate: [accuracy]
outputs: {all: {file: {path: all.ndjson}}}
state: {directory: state, snapshot: {rows: 200, every: 1 hour, keep: 3}}
commit: {rows: 100, every: 1 hour}
";

fn exported(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let said = run(folder, &[&["state", arguments[0], "t.yaml"], &arguments[1..], &["--out", "exported"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    std::fs::read(folder.join("exported")).unwrap()
}

#[test]
fn what_a_change_costs_is_said_before_it_is_done() {
    let base = folder("costs");
    write(&base, "rows.csv", late_rows(1_000));
    let folder = beside(&base, "run", LATE);
    assert_eq!(run(&folder, &["run", "t.yaml", "--quiet"]).code, 0);
    let before = exported(&folder, &["export"]);
    let more = LATE.replace("features: [x, y]", "features: [x, y, both: x * y]");
    write(&folder, "t.yaml", &more);
    let costs = [
        "begins untrained   windows, pending, standard_scaler, logistic_regression\n",
        // A number more leaves the codes of text alone.
        "is kept            label, categories, accuracy, baselines\n",
        "is lost            40 rows wait for their labels and will never be learned\n",
    ];
    let said = run(&folder, &["state", "reset", "t.yaml", "--changed"]);
    assert_eq!(said.code, 2, "nobody said yes: {said:?}");
    costs.iter().for_each(|cost| assert!(said.out.contains(cost), "`{cost}` is not in\n{}", said.out));
    write(&folder, "t.yaml", LATE);
    assert!(exported(&folder, &["export"]) == before, "nothing was changed");
    write(&folder, "t.yaml", &more);
    let said = run(&folder, &["state", "reset", "t.yaml", "--changed", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    costs.iter().for_each(|cost| assert!(said.out.contains(cost), "`{cost}` is not in\n{}", said.out));
    // They are those that it names: with forty more rows everything else is learned.
    write(&base, "rows.csv", late_rows(1_100));
    let said = run(&folder, &["run", "t.yaml", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.report();
    assert_eq!((&report["rows"], &report["learned"]), (&1_100.into(), &(1_100 - 40 - 40).into()), "{report}");
}

#[test]
fn a_step_keeps_what_it_has_learned_under_another_learning_rate() {
    let base = folder("keep");
    write(&base, "rows.csv", late_rows(1_000));
    let folder = beside(&base, "run", LATE);
    assert_eq!(run(&folder, &["run", "t.yaml", "--quiet"]).code, 0);
    let before = exported(&folder, &["export"]);
    let reset = |document: &str, more: &[&str]| {
        write(&folder, "t.yaml", document);
        run(&folder, &[&["state", "reset", "t.yaml", "--changed", "--yes"], more].concat())
    };
    let keep = ["--keep", "logistic_regression"];
    let faster = LATE.replace("lr: 0.1", "lr: 0.2");
    for (document, more, words) in [
        (faster.replace("features: [x, y]", "features: [y, x]"), &keep[..], "where the features are what they were"),
        (LATE.replace("sgd: {lr: 0.1}", "adam: {lr: 0.1}"), &keep, "have changed in more than `lr`"),
        (faster.replace("0.2}}}}]", "0.2}}, l1: 0.01}}]"), &keep, "does not fit"),
        (
            faster.clone(),
            &["--keep", "logistic"],
            "this pipeline has no such part: it has label, categories, pending, ",
        ),
        (faster.replace("standard_scaler, ", "min_max_scaler, "), &keep, "have changed in more than `lr`"),
    ] {
        let said = reset(&document, more);
        assert_eq!(said.code, 1, "{document}: {said:?}");
        assert!(said.err.contains(words), "`{words}` is not in {}", said.err);
        write(&folder, "t.yaml", LATE);
        assert!(exported(&folder, &["export"]) == before, "{words}: something was changed");
    }
    let said = reset(&faster, &keep);
    assert!(said.code == 0 && !said.out.contains("untrained") && said.out.contains("logistic_regression"), "{said:?}");
    // Byte for byte what it was, but for the rate, which comes to bear.
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let kept = exported(&folder, &["export"]);
    assert!(text(&kept) == text(&before).replace("\"lr\":0.1", "\"lr\":0.2"), "something else has changed");
    write(&base, "rows.csv", late_rows(1_200));
    assert_eq!(run(&folder, &["run", "t.yaml", "--quiet"]).code, 0);
    let faster = exported(&folder, &["export"]);
    let slower = beside(&base, "slower", LATE);
    assert_eq!(run(&slower, &["run", "t.yaml", "--quiet"]).code, 0);
    assert!(text(&faster) != text(&exported(&slower, &["export"])).replace("\"lr\":0.1", "\"lr\":0.2"));
}

/// The expected state is that of a run that was given no more rows than that.
#[test]
fn the_state_as_of_any_row_is_the_state_of_a_run_that_ended_there() {
    let base = folder("as-of");
    let whole = beside(&base, "whole", LATE);
    for rows in [500, 900, 1_300, 1_700] {
        write(&base, "rows.csv", late_rows(rows));
        assert_eq!(run(&whole, &["run", "t.yaml", "--quiet"]).code, 0);
    }
    let expected = |rows: usize| {
        write(&base, "rows.csv", late_rows(rows));
        let part = beside(&base, &format!("part-{rows}"), LATE);
        assert_eq!(run(&part, &["run", "t.yaml", "--quiet"]).code, 0);
        exported(&part, &["export"])
    };
    let shown = run(&whole, &["state", "show", "t.yaml"]).out;
    let line = shown.lines().find_map(|line| line.strip_prefix("snapshot   at ")).unwrap();
    let positions = line.split(", ").map_while(|position| position.parse::<usize>().ok());
    let oldest = positions.min().unwrap();
    assert!((600..1_700).contains(&oldest), "{shown}");
    for rows in [oldest, oldest + 1, oldest + 37, 1_400, 1_555, 1_700] {
        let right = expected(rows);
        write(&base, "rows.csv", late_rows(1_700));
        assert!(exported(&whole, &["as-of", "--offset", &rows.to_string()]) == right, "as of {rows}");
    }
    for command in
        [&["as-of", "t.yaml", "--offset", "500", "--out", "none"][..], &["reset", "t.yaml", "--to", "500", "--yes"]]
    {
        let said = run(&whole, &[&["state"], command].concat());
        let words = format!("the state as of 500 is not kept any more: the oldest offset that is there is {oldest}");
        assert!(said.code == 1 && said.err.contains(&words), "`{words}` is not in {said:?}");
    }
    assert!(!whole.join("none").exists());
}

#[test]
fn two_runs_do_not_share_a_state() {
    let base = folder("shared");
    write(&base, "rows.csv", rows(400_000));
    let folder = beside(&base, "run", DOCUMENT);
    let mut first = gristmill(&folder, &["run", "t.yaml", "--quiet"]).stderr(Stdio::piped()).spawn().unwrap();
    until("the first has begun", Duration::from_secs(10), || folder.join("state/journal").exists());
    refused(&folder, DOCUMENT, &["another run uses it"]);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn the_plan_says_which_guarantee_holds() {
    let base = folder("guarantee");
    let check = |document: &str, code: i32, words: &str| {
        write(&base, "t.yaml", document);
        let said = run(&base, &["plan", "t.yaml"]);
        assert_eq!(said.code, code, "{said:?}");
        assert!((said.out.clone() + &said.err).contains(words), "`{words}` is not in {said:?}");
    };
    check(DOCUMENT, 0, "exactly_once: the state says how far outputs in files are right");
    let stdout = DOCUMENT.replace("{file: {path: some.ndjson}, when", "{stdout: {}, when");
    check(&stdout, 0, "at_least_once: what was learned counts once");
    check(&format!("{stdout}guarantee: exactly_once\n"), 2, "output `some` is not");
    let bare = DOCUMENT
        .replace("state: {directory: state, snapshot: {rows: 20000, every: 1 hour}}", "guarantee: exactly_once");
    check(&bare, 2, "add `state: {directory: …}`");
}
