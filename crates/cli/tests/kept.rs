//! The state of a group on a real broker: shown, exported, restored, adopted, changed in parts, and reset; and a
//! partition that is added while it runs. The advice of every stop is followed, and the group resumes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "kept/files.rs"]
mod files;
#[path = "kept/stops.rs"]
mod stops;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use support::*;

const PARTITIONS: i32 = 2;

struct Group {
    name: String,
    folder: PathBuf,
}

impl Group {
    fn new(name: &str) -> Self {
        let (name, folder) = (unique(name), folder(name));
        create(&format!("{name}-in"), PARTITIONS, &[]);
        let group = Self { name, folder };
        group.write(&group.document());
        group
    }

    fn document(&self) -> String {
        format!(
            "name: {name}
kafka: {{bootstrap.servers: \"{}\", topic.metadata.refresh.interval.ms: 500}}
input: {{kafka: {{topics: [{name}-in]}}, format: json, columns: {{id: string, x: float64, y: boolean}}, id: id}}
features: [x]
label: {{column: y}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy]
outputs: {{all: {{kafka: {{topic: {name}-out, create: {{partitions: {PARTITIONS}}}}}}}}}
dead_letters: {{kafka: {{topic: {name}-dead, create: {{partitions: 1}}}}}}
state: {{snapshot: {{keep: 4}}}}
",
            broker(),
            name = self.name
        )
    }

    /// Another document: one component has another definition.
    fn slower(&self) -> String {
        let document = std::fs::read_to_string(self.folder.join("t.yaml")).unwrap();
        document.replace("logistic_regression]", "logistic_regression: {intercept_lr: 0.5}]")
    }

    fn input(&self) -> String {
        format!("{}-in", self.name)
    }

    fn topic(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }

    fn write(&self, document: &str) {
        write(&self.folder, "t.yaml", document);
    }

    /// This many records for each partition, from a number on.
    fn send(&self, from: usize, count: usize, partitions: i32) {
        let record = |partition: i32, number: usize| {
            let json = format!(r#"{{"id":"{partition}-{number}","x":{},"y":{}}}"#, number % 17, number % 17 > 8);
            Record { partition, value: Some(json.into()), ..Record::default() }
        };
        let all = (0..partitions).flat_map(|partition| (from..from + count).map(move |one| record(partition, one)));
        produce(&format!("{}-in", self.name), &all.collect::<Vec<_>>());
    }

    fn run(&self) -> Said {
        run(&self.folder, &["run", "t.yaml", "--until-end", "--json"])
    }

    fn state(&self, arguments: &[&str]) -> Said {
        run(&self.folder, &[&["state", arguments[0], "t.yaml"], &arguments[1..]].concat())
    }

    fn exported(&self, arguments: &[&str]) -> Vec<u8> {
        let said = self.state(&[arguments, &["--partition", "0", "--out", "exported"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        std::fs::read(self.folder.join("exported")).unwrap()
    }

    fn decisions(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for decision in consume(&format!("{}-out", self.name)) {
            *counts.entry(decision.json()["id"].as_str().unwrap().to_string()).or_insert(0) += 1;
        }
        counts
    }
}

fn ok(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 0, "{said:?}");
    words.iter().for_each(|word| assert!(said.out.contains(word), "`{word}` is not in {}", said.out));
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{said:?}");
    words.iter().for_each(|word| assert!(said.err.contains(word), "`{word}` is not in {}", said.err));
}

#[test]
fn the_model_as_of_any_offset() {
    let group = Group::new("as-of");
    group.send(0, 100, PARTITIONS);
    assert_eq!(group.run().code, 0);
    let early = group.exported(&["export"]);
    group.send(100, 150, PARTITIONS);
    let said = group.run();
    assert_eq!(said.report()["rows"], 500);
    assert!(said.err.contains("resumed at 100") && !said.err.contains("replayed"), "{}", said.err);
    ok(&group.state(&["show"]), &["journal    commit", " at 250", "snapshot   at 250, 100", "of logistic_regression"]);
    // The same bytes as when it stood there; a place between two snapshots is replayed from the one before.
    assert!(group.exported(&["as-of", "--offset", "100"]) == early);
    let between = group.exported(&["as-of", "--offset", "130"]);
    assert!(between != early && between != group.exported(&["export"]));
    refused(&group.state(&["as-of", "--offset", "900", "--out", "x"]), &["has come to 250: 900 is still to be read"]);
    // Back to there, and forward again: the answers are written again, the model is the same.
    let late = group.exported(&["export"]);
    refused(&group.state(&["reset", "--to", "130", "--yes"]), &["there are 2 partitions: say which"]);
    let said = group.state(&["reset", "--to", "130", "--partition", "0", "--yes"]);
    ok(&said, &["-in-0 is back at 130"]);
    assert!(group.exported(&["export"]) == between);
    assert_eq!(group.run().code, 0);
    assert!(group.exported(&["export"]) == late);
    let decisions = group.decisions();
    assert_eq!((decisions["0-129"], decisions["0-130"], decisions["1-130"]), (1, 2, 1));
}

/// The expected state is that of a group that read no more than that.
#[test]
fn the_model_as_of_an_offset_before_the_oldest_snapshot() {
    let (whole, part) = (Group::new("as-of-whole"), Group::new("as-of-part"));
    part.send(0, 30, PARTITIONS);
    assert_eq!(part.run().code, 0);
    for from in [0, 100, 200] {
        whole.send(from, 100, PARTITIONS);
        assert_eq!(whole.run().code, 0);
    }
    // The whole journal is there, so any state can be put together again.
    assert!(whole.exported(&["as-of", "--offset", "30"]) == part.exported(&["export"]));
    let late = whole.exported(&["export"]);
    // Not any more: nothing else is written in its place, and nothing is taken back there.
    delete_records(&whole.topic("journal"), 0, 2);
    let words = "-in-0: the state as of 30 is not kept any more: the oldest offset that is there is 100";
    refused(&whole.state(&["as-of", "--offset", "30", "--partition", "0", "--out", "none"]), &[words]);
    refused(&whole.state(&["reset", "--to", "30", "--partition", "0", "--yes"]), &[words]);
    assert!(!whole.folder.join("none").exists() && whole.exported(&["export"]) == late);
    whole.exported(&["as-of", "--offset", "170"]);
    // Under another document neither of these states has ever been.
    for (document, other) in [
        (whole.document().replace("logistic_regression]", "{logistic_regression: {intercept_lr: 0.5}}]"), "logistic_"),
        (whole.document().replace("evaluate: [accuracy]", "evaluate: [accuracy, log_loss]"), "log_loss"),
        (whole.document().replace("evaluate: [accuracy]", "evaluate: [f1]"), "accuracy"),
    ] {
        whole.write(&document);
        for offset in ["100", "170", "300"] {
            let said = whole.state(&["as-of", "--offset", offset, "--partition", "0", "--out", "none"]);
            refused(&said, &["was saved under another document", other]);
        }
        assert!(!whole.folder.join("none").exists());
    }
}

/// What happens to a group that has read sixty records of each partition.
type Meddle = fn(&Group);

/// Ends a run before it has saved anything. The group waits for the killed member until its session expires.
fn killed(group: &Group) {
    let classic = "kafka: {group.protocol: classic, session.timeout.ms: 6000, ";
    group.write(
        &std::fs::read_to_string(group.folder.join("t.yaml"))
            .unwrap()
            .replace("kafka: {bootstrap", &format!("{classic}bootstrap")),
    );
    let mut child = start(&group.folder);
    let input = format!("{}-in", group.name);
    until("it has read", Duration::from_secs(60), || lag(&group.name, &input, PARTITIONS) == 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn clean(group: &Group) {
    let said = group.run();
    assert_eq!(said.code, 0, "{}", said.err);
}

/// The commands that a stop names, ready to be run.
fn advised(words: &str) -> Vec<Vec<String>> {
    let quoted = words.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("gristmill "));
    let commands = quoted.map(|command| {
        let mut command: Vec<String> = command.split(' ').map(String::from).collect();
        match command.iter_mut().find(|word| *word == "FILE") {
            Some(file) => *file = "t.yaml".into(),
            None => command.insert(2, "t.yaml".into()),
        }
        command.iter_mut().filter(|word| *word == "P").for_each(|partition| *partition = "0".into());
        command.push("--yes".into());
        command
    });
    commands.collect()
}

/// What another version of the program has not saved is not replayed by this one; that version can.
#[test]
fn another_program_goes_on_from_a_clean_stop_alone() {
    use std::io::Write;
    let group = Group::new("other-program");
    group.send(0, 60, PARTITIONS);
    killed(&group);
    let other = group.folder.join("gristmill");
    std::fs::copy(env!("CARGO_BIN_EXE_gristmill"), &other).unwrap();
    std::fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"another version").unwrap();
    let by_other = |arguments: &[&str]| {
        Said::from(&std::process::Command::new(&other).args(arguments).current_dir(&group.folder).output().unwrap())
    };
    let bounded = ["run", "t.yaml", "--until-end", "--json"];
    group.send(60, 1, PARTITIONS);
    refused(&by_other(&bounded), &["from 0 to 60 was learned by another version of this program", "state adopt"]);
    clean(&group);
    group.send(61, 39, PARTITIONS);
    assert_eq!(by_other(&bounded).code, 0);
    // It has gone on from a snapshot of the other one; killed before its own first one, it can read again what is its own.
    let document = group.document().replace("keep: 4", "keep: 4, rows: 1000000000, every: 1 hour");
    group.write(&document);
    group.send(100, 40, PARTITIONS);
    killed(&group);
    group.send(140, 1, PARTITIONS);
    let said = group.run();
    assert_eq!((said.code, &said.report()["rows"]), (0, &282.into()), "{}", said.err);
    assert!(said.err.contains("40 records replayed"), "{}", said.err);
}

/// A pipeline without state has only its position to lose.
#[test]
fn without_a_state_records_that_are_gone_are_passed_over_on_demand() {
    let group = Group::new("stateless");
    let all = group.document();
    let (head, rest) = all.split_once("features:").unwrap();
    let outputs = rest.split_once("outputs:").unwrap().1.split("state:").next().unwrap();
    group.write(&format!("{head}features: [x]\nmodel: [logistic_regression]\noutputs:{outputs}"));
    group.send(0, 60, PARTITIONS);
    clean(&group);
    group.send(60, 40, PARTITIONS);
    delete_records(&group.input(), 0, 70);
    let said = group.run();
    refused(&said, &["the log begins at 70: up to 10 records"]);
    let commands = advised(&said.err);
    assert_eq!(commands.len(), 1, "{}", said.err);
    ok(&run(&group.folder, &commands[0].iter().map(String::as_str).collect::<Vec<_>>()), &["-in-0 resumes at 70"]);
    clean(&group);
    assert_eq!(lag(&group.name, &group.input(), PARTITIONS), 0);
    assert_eq!(group.decisions().len(), 190, "ten are gone");
}

#[test]
fn what_does_not_fit_together_is_refused_and_repaired() {
    let group = Group::new("repaired");
    group.send(0, 60, PARTITIONS);
    assert_eq!(group.run().code, 0);
    // The group's offset is set back.
    commit(&group.name, &format!("{}-in", group.name), 0, 20);
    refused(&group.run(), &["-in-0: the group was set back to 20 although 60 was learned already", "reset", "--to 20"]);
    ok(&group.state(&["show"]), &["group      at 20: not where the journal ends"]);
    assert_eq!(group.state(&["adopt"]).code, 2, "nobody said yes");
    ok(&group.state(&["adopt", "--yes"]), &["-in-0 resumes at 20, as of 60", "-in-1 resumes at 60, as of 60"]);
    let said = group.run();
    assert_eq!(said.report()["partitions"][format!("{}-in-0", group.name)], 100, "40 were learned twice, as was asked");
    // Everything is lost but the group's offsets.
    delete(&[&format!("{}.journal", group.name), &format!("{}.state", group.name)]);
    refused(&group.run(), &["the group stands at 60, but there is no state", "state adopt", "state reset"]);
    ok(&group.state(&["adopt", "--yes"]), &["-in-0 resumes at 60, untrained"]);
    group.send(60, 10, PARTITIONS);
    assert_eq!(group.run().report()["rows"], 20);
    // From the beginning.
    ok(&group.state(&["reset", "--yes"]), &["the next run starts over"]);
    assert_eq!(group.run().report()["rows"], 140);
}

#[test]
fn a_changed_component_begins_anew_and_the_rest_is_kept() {
    let group = Group::new("changed");
    group.send(0, 50, PARTITIONS);
    assert_eq!(group.run().code, 0);
    let slower = group.slower();
    group.write(&slower);
    let words = ["saved with other `logistic_regression`", "state reset FILE --changed"];
    refused(&group.run(), &words);
    ok(&group.state(&["reset", "--changed", "--yes"]), &["-in-0 resumes at 50; untrained: logistic_regression"]);
    ok(&group.state(&["reset", "--changed", "--yes"]), &["nothing has changed"]);
    group.send(50, 50, PARTITIONS);
    let said = group.run();
    assert_eq!((said.code, &said.report()["rows"]), (0, &200.into()));
    // Another output does not depend on what was learned.
    group
        .write(&slower.replace("outputs: {", &format!("outputs: {{more: {{kafka: {{topic: {}-dead}}}}, ", group.name)));
    assert_eq!(group.run().code, 0);
}

#[test]
fn a_group_at_work_is_not_meddled_with() {
    let group = Group::new("at-work");
    group.send(0, 50, PARTITIONS);
    let child = start(&group.folder);
    until("it has read", Duration::from_secs(30), || lag(&group.name, &format!("{}-in", group.name), PARTITIONS) == 0);
    for arguments in
        [&["reset", "--yes"][..], &["adopt", "--yes"], &["reset", "--to", "5", "--partition", "0", "--yes"]]
    {
        refused(&group.state(arguments), &["is at work: stop its members first"]);
    }
    ok(&group.state(&["show"]), &["journal    commit"]);
    signal(&child, "-TERM");
    assert_eq!(finish(child, Duration::from_secs(30)).code, 0);
}

fn start(folder: &Path) -> std::process::Child {
    gristmill(folder, &["run", "t.yaml", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_partition_that_is_added_while_it_runs_is_read_from_its_beginning() {
    let group = Group::new("grown");
    let input = format!("{}-in", group.name);
    let latest = group.document().replace("kafka: {bootstrap", "kafka: {auto.offset.reset: latest, bootstrap");
    group.write(&latest);
    group.send(0, 30, PARTITIONS);
    let child = start(&group.folder);
    until("it stands at the end", Duration::from_secs(30), || lag(&group.name, &input, PARTITIONS) == 0);
    grow(&input, PARTITIONS + 1);
    group.send(30, 20, PARTITIONS + 1);
    until("all is read", Duration::from_secs(60), || lag(&group.name, &input, PARTITIONS + 1) == 0);
    signal(&child, "-TERM");
    let said = finish(child, Duration::from_secs(30));
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.report()["rows"], 60, "the first 30 of each were not asked for");
    assert!(group.decisions().values().all(|count| *count == 1));
    assert_eq!(group.run().report()["rows"], 60, "three partitions are kept");
}

#[test]
fn a_compacted_input_is_refused() {
    let group = Group::new("compacted");
    let input = format!("{}-compacted", group.name);
    create(&input, 1, &[("cleanup.policy", "compact")]);
    group.write(&group.document().replace(&format!("[{}-in]", group.name), &format!("[{input}]")));
    refused(&group.run(), &["is compacted (cleanup.policy=compact)", "at_least_once"]);
}

/// A run at least once: with the journal, learning counts once.
#[test]
fn at_least_once_keeps_what_was_learned_too() {
    let group = Group::new("alo");
    let document = group.document() + "guarantee: at_least_once\n";
    group.write(&document);
    group.send(0, 80, PARTITIONS);
    assert_eq!(group.run().code, 0);
    commit(&group.name, &format!("{}-in", group.name), 0, 10);
    group.send(80, 20, PARTITIONS);
    let said = group.run();
    assert_eq!((said.code, &said.report()["rows"]), (0, &200.into()), "the journal wins: {}", said.err);
    assert!(group.decisions().values().all(|count| *count == 1));
}
