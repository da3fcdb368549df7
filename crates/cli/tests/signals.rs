//! Ctrl-C and SIGTERM: the first signal commits and leaves, the second ends a member wherever it is, and logs where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads what was written.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

mod support;
use support::*;

const LONGEST: Duration = Duration::from_secs(60);

/// Hangs in the batch that holds the amount 25, and then writes its process id.
const HANGS: &str = "
import os, sys, time
def load():
    return 0
def predict(model, batch):
    if 25 in batch['amount']:
        with open('pid.part', 'w') as file: file.write(str(os.getpid()))
        os.rename('pid.part', 'pid')
        time.sleep(1000)
    return [0.5] * len(batch)
";

fn document(input: &str) -> String {
    format!(
        "name: hanging
{input}
features: [amount]
model: [{{python: {{path: model.py, interpreter: \"{}\", timeout: 60 min}}}}]
outputs: {{all: {{file: {{path: all.ndjson}}}}}}
dead_letters: {{file: {{path: dead.ndjson}}}}
batch: {{rows: 10}}
",
        python()
    )
}

fn from_a_file(folder: &Path, module: &str) {
    write(folder, "rows.csv", "amount\n".to_string() + &(0..100).map(|n| format!("{n}\n")).collect::<String>());
    write(folder, "model.py", module);
    write(folder, "p.yaml", document("input: {file: {path: rows.csv}, columns: {amount: float64}}"));
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    gristmill(folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the model hangs; its process.
fn hanging(folder: &Path) -> String {
    until("the model is asked for the row", LONGEST, || folder.join("pid").exists());
    std::fs::read_to_string(folder.join("pid")).unwrap()
}

/// Whether a process has ended, or is a zombie.
fn gone(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[test]
fn a_second_signal_ends_a_member_that_is_deep_in_a_step() {
    for (name, quiet, code) in [("TERM", true, 143), ("INT", false, 130)] {
        let folder = folder("signals-file");
        from_a_file(&folder, HANGS);
        let arguments: &[&str] = if quiet { &["run", "p.yaml", "--quiet"] } else { &["run", "p.yaml"] };
        let child = start(&folder, arguments);
        let model = hanging(&folder);
        signal(&child, &format!("-{name}"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!gone(&model), "the first signal waits for the step");
        signal(&child, &format!("-{name}"));
        let said = finish(child, Duration::from_secs(10));
        assert_eq!(said.code, code, "{said:?}");
        let words = format!("stopped at once by a second SIG{name}: member 0 was in a step of pipeline hanging at ");
        assert!(said.err.contains(&(words + "rows.csv, record 21, for ")), "{said:?}");
        assert!(said.err.contains("what was not committed is read again at the next start"), "{said:?}");
        until("the model's process has ended", Duration::from_secs(10), || gone(&model));
    }
}

#[test]
fn the_place_is_said_before_a_second_signal_too() {
    let folder = folder("signals-first");
    from_a_file(&folder, &HANGS.replace("time.sleep(1000)", "time.sleep(8)"));
    let child = start(&folder, &["run", "p.yaml", "--json"]);
    hanging(&folder);
    signal(&child, "-TERM");
    let said = finish(child, LONGEST);
    assert_eq!(said.code, 0, "one signal ends well: {said:?}");
    let place = "still stopping: member 0 is in a step of pipeline hanging at rows.csv, record 21, for ";
    assert!(said.err.contains(place) && said.err.contains("once more to stop at once"), "{said:?}");
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    let folder = folder("signals-log");
    let prints = HANGS.replace("time.sleep(1000)", "\n        while True: print('x' * 1000)");
    from_a_file(&folder, &prints);
    let mut child = start(&folder, &["run", "p.yaml"]);
    let model = hanging(&folder);
    // The log has no reader: its pipe is full after 64 KiB.
    std::thread::sleep(Duration::from_secs(1));
    signal(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    until("the run has ended", Duration::from_secs(10), || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    until("the model's process has ended", Duration::from_secs(10), || gone(&model));
}

#[test]
fn the_place_in_a_topic_is_named_and_read_again_later() {
    let (folder, topic) = (folder("signals-topic"), unique("signals"));
    create(&topic, 2, &[]);
    let record = |n: usize| Record {
        partition: 1,
        value: Some(format!("{{\"amount\": {n}}}").into_bytes()),
        ..Record::default()
    };
    produce(&topic, &(0..100).map(record).collect::<Vec<_>>());
    let input = format!(
        "kafka: {{bootstrap.servers: \"{}\", group.id: {topic}}}
input: {{kafka: {{topics: [{topic}]}}, format: json, columns: {{amount: float64}}}}",
        broker()
    );
    write(&folder, "model.py", HANGS);
    write(&folder, "p.yaml", document(&input));
    let child = start(&folder, &["run", "p.yaml", "--until-end"]);
    hanging(&folder);
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-INT");
    let said = finish(child, Duration::from_secs(10));
    assert_eq!(said.code, 130, "{said:?}");
    let place = format!("pipeline hanging at topic {topic}, partition 1, offset 2");
    assert!(said.err.contains(&place), "{said:?}");
    write(&folder, "model.py", HANGS.replace("25 in", "-1 in"));
    let said = finish(start(&folder, &["run", "p.yaml", "--until-end", "--json"]), LONGEST);
    assert_eq!((said.code, &said.report()["rows"]), (0, &serde_json::json!(100)), "{said:?}");
}
