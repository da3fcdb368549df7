//! What a group leaves on a real broker: no lag where only transaction markers remain to be read, and whole lines in
//! files, even after a kill or on a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use support::*;

const ANSWER: Duration = Duration::from_secs(30);

fn document(name: &str, outputs: &str) -> String {
    format!(
        "name: {name}
kafka: {{bootstrap.servers: \"{}\"}}
input: {{kafka: {{topics: [{name}-in]}}, format: json, columns: {{id: string, x: float64, y: boolean}}, id: id}}
features: [x]
label: {{column: y}}
model: [standard_scaler, logistic_regression]
outputs: {{all: {outputs}}}
",
        broker()
    )
}

fn json(number: usize) -> String {
    format!(r#"{{"id":"{number}","x":{},"y":{}}}"#, number % 17, number % 17 > 8)
}

/// A transactional producer, as another pipeline or Kafka Streams is.
struct Transactions {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Transactions {
    fn new(topic: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker()).set("transactional.id", topic);
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().unwrap();
        producer.init_transactions(ANSWER).unwrap();
        Self { producer, topic: topic.into() }
    }

    /// Writes this many records to a partition, and commits or aborts them.
    fn write(&self, partition: i32, records: std::ops::Range<usize>, commit: bool) {
        self.producer.begin_transaction().unwrap();
        for number in records {
            let json = json(number);
            let record: BaseRecord<'_, str, str> = BaseRecord::to(&self.topic).partition(partition).payload(&json);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        self.producer.flush(ANSWER).unwrap();
        let end =
            if commit { self.producer.commit_transaction(ANSWER) } else { self.producer.abort_transaction(ANSWER) };
        end.unwrap();
    }
}

#[test]
fn behind_transactions_the_lag_of_a_bounded_run_is_nothing() {
    let (name, folder) = (unique("lag-bounded"), folder("lag-bounded"));
    let input = format!("{name}-in");
    create(&input, 4, &[]);
    write(&folder, "t.yaml", document(&name, "{stdout: {}}"));
    let writer = Transactions::new(&input);
    let bounded = || run(&folder, &["run", "t.yaml", "--until-end", "--json"]);
    for round in 0..3 {
        let from = round * 100;
        writer.write(0, from..from + 20, true);
        writer.write(1, from + 20..from + 40, true);
        writer.write(1, 0..51, false);
        // Between two committed ones, and alone.
        writer.write(2, from + 40..from + 60, true);
        writer.write(2, 0..3, false);
        writer.write(2, from + 60..from + 80, true);
        writer.write(3, 0..7, false);
        let said = bounded();
        assert_eq!((said.code, &said.report()["rows"]), (0, &(80 * (round + 1)).into()), "{}", said.err);
        assert_eq!(lag(&name, &input, 3), 0, "round {round}: {}", said.err);
    }
}

#[test]
fn behind_transactions_the_lag_of_a_running_group_comes_to_nothing() {
    let (name, folder) = (unique("lag"), folder("lag"));
    let input = format!("{name}-in");
    create(&input, 4, &[]);
    write(&folder, "t.yaml", document(&name, &format!("{{kafka: {{topic: {name}-out, create: {{partitions: 4}}}}}}")));
    let writer = Transactions::new(&input);
    (0..4).for_each(|partition| writer.write(partition, 0..20, true));
    let child =
        gristmill(&folder, &["run", "t.yaml", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let nothing = |what: &str| until(what, Duration::from_secs(60), || lag(&name, &input, 4) == 0);
    nothing("behind committed ones");
    for round in 1..4 {
        writer.write(0, 20 * round..20 * round + 20, true);
        writer.write(1, 0..52, false);
        nothing("behind committed and aborted ones");
    }
    signal(&child, "-TERM");
    let said = finish(child, Duration::from_secs(60));
    assert_eq!((said.code, &said.report()["rows"]), (0, &140.into()), "{}", said.err);
    assert_eq!(lag(&name, &input, 4), 0);
}

/// Sooner than it checks behind its last records by itself: no later member would.
#[test]
fn behind_transactions_the_lag_of_a_member_that_stops_is_nothing() {
    let (name, folder) = (unique("lag-stop"), folder("lag-stop"));
    let input = format!("{name}-in");
    create(&input, 4, &[]);
    write(&folder, "t.yaml", document(&name, &format!("{{kafka: {{topic: {name}-out, create: {{partitions: 4}}}}}}")));
    let writer = Transactions::new(&input);
    for round in 0..3 {
        let child = gristmill(&folder, &["run", "t.yaml", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Aborted ones behind them, too.
        (0..4).for_each(|partition| writer.write(partition, 20 * round..20 * round + 20, true));
        writer.write(1, 0..52, false);
        // As soon as nothing but markers is left.
        until("it has read", Duration::from_secs(60), || lag(&name, &input, 4) <= 4 + 53);
        signal(&child, "-TERM");
        let said = finish(child, Duration::from_secs(60));
        assert_eq!((said.code, &said.report()["rows"]), (0, &(80 * (round + 1)).into()), "{}", said.err);
        assert_eq!(lag(&name, &input, 4), 0, "round {round}: {}", said.err);
    }
}

/// Every line is an answer, and every record has at least one; the numbers of the records.
fn answers(path: &Path) -> BTreeMap<usize, u64> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "its last line has no end");
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        *counts.entry(answer["id"].as_str().unwrap().parse().unwrap()).or_insert(0) += 1;
    }
    counts
}

const RECORDS: usize = 30_000;

fn group(name: &str) -> (String, std::path::PathBuf) {
    let (name, folder) = (unique(name), folder(name));
    create(&format!("{name}-in"), 2, &[]);
    let commits = "commit: {every: 20 ms, rows: 500}\n";
    let letters = "dead_letters: {file: {path: dead.ndjson}}\n";
    write(&folder, "t.yaml", document(&name, "{file: {path: out.ndjson}}") + letters + commits);
    let value = |number: usize| if number % 10 == 9 { format!("bad {number}") } else { json(number) };
    let record = |number: usize| Record {
        partition: (number % 2) as i32,
        value: Some(value(number).into()),
        ..Record::default()
    };
    produce(&format!("{name}-in"), &(0..RECORDS).map(record).collect::<Vec<_>>());
    (name, folder)
}

/// Output and dead letters are complete, and no line is torn.
fn whole(folder: &Path) {
    let said = run(folder, &["run", "t.yaml", "--until-end", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.report()["rows"], RECORDS);
    assert_eq!(answers(&folder.join("out.ndjson")).len(), RECORDS / 10 * 9);
    let letters = std::fs::read_to_string(folder.join("dead.ndjson")).unwrap();
    let places: std::collections::BTreeSet<(i64, i64)> = letters
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .map(|letter: serde_json::Value| (letter["partition"].as_i64().unwrap(), letter["offset"].as_i64().unwrap()))
        .collect();
    assert_eq!(places.len(), RECORDS / 10);
}

/// Limits files to this many blocks, as on a full disk. `ignored`: whether that only fails the write, or also kills the
/// process.
fn limited(folder: &Path, blocks: u32, ignored: bool) -> Said {
    let trap = if ignored { "trap '' XFSZ; " } else { "" };
    let script = format!("{trap}ulimit -f {blocks}; exec \"$0\" run t.yaml --until-end --json");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_gristmill")]).current_dir(folder).env_remove("GRISTMILL_LOG");
    Said::from(&command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_line_torn_by_a_full_disk_is_written_again_whole() {
    for ignored in [true, false] {
        let (_, folder) = group("full");
        let mut torn = 0;
        for blocks in [7, 33, 65, 301, 1_001] {
            let said = limited(&folder, blocks, ignored);
            assert_ne!(said.code, 0, "{said:?}");
            assert!(!ignored || said.err.contains("File too large"), "{}", said.err);
            let files = ["out.ndjson", "dead.ndjson"].map(|file| std::fs::read(folder.join(file)).unwrap());
            torn += files.iter().filter(|bytes| bytes.last().is_some_and(|last| *last != b'\n')).count();
        }
        assert!(torn >= 3, "{torn} torn lines are too few to show anything");
        whole(&folder);
    }
}

#[test]
fn a_line_torn_by_a_kill_is_written_again_whole() {
    let (_, folder) = group("killed");
    for pause in 0..12 {
        let mut command = gristmill(&folder, &["run", "t.yaml", "--until-end"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let before = std::fs::metadata(folder.join("out.ndjson")).map_or(0, |data| data.len());
        let grown = || std::fs::metadata(folder.join("out.ndjson")).is_ok_and(|data| data.len() > before);
        until("it writes", Duration::from_secs(60), || grown() || child.try_wait().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(7 * pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    whole(&folder);
}

/// Dead letters in a file that is still being written, or was torn, are read up to there.
#[test]
fn dead_letters_are_read_up_to_a_torn_line() {
    let (_, folder) = group("letters");
    whole(&folder);
    let letters = std::fs::read(folder.join("dead.ndjson")).unwrap();
    std::fs::write(folder.join("dead.ndjson"), &letters[..letters.len() - 9]).unwrap();
    let said = run(&folder, &["dead-letters", "list", "t.yaml", "--json"]);
    assert_eq!((said.code, said.out.lines().count()), (0, RECORDS / 10 - 1), "{}", said.err);
    assert!(said.err.contains("has no end"), "{}", said.err);
}

#[test]
fn two_processes_do_not_write_into_one_file() {
    let (name, folder) = group("shared");
    let mut child = gristmill(&folder, &["run", "t.yaml"]).stderr(Stdio::null()).spawn().unwrap();
    let input = format!("{name}-in");
    until("it has read", Duration::from_secs(60), || lag(&name, &input, 2) == 0);
    let said = run(&folder, &["run", "t.yaml", "--until-end"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("file out.ndjson: another run writes to it"), "{}", said.err);
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
    whole(&folder);
}
