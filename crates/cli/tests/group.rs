//! A group on a real broker when its surroundings change: its input grows or is deleted, a member is killed, stalls or
//! is too slow, the broker goes away and returns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use support::*;

/// Generous: these wait for events, on a machine that may be busy.
const LONG: Duration = Duration::from_secs(180);

const CONSUMER: &str = "group.protocol: consumer";
const CLASSIC: &str = "group.protocol: classic, session.timeout.ms: 6000, heartbeat.interval.ms: 500, topic.metadata.refresh.interval.ms: 1000";

struct Group {
    name: String,
    folder: PathBuf,
    broker: String,
    settings: String,
    model: String,
}

/// A running process and its log.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has logged this.
    fn says(&mut self, words: &str) {
        self.waits(&format!("`{words}` is said"), |said| said.contains(words));
    }

    fn waits(&mut self, what: &str, mut holds: impl FnMut(&str) -> bool) {
        let mut ended = None;
        let began = std::time::Instant::now();
        while !holds(&self.said()) {
            assert!(ended.is_none(), "{what}: it ended before that, {ended:?}:\n{}", last_lines(&self.said()));
            assert!(began.elapsed() < LONG, "{what}: not within {LONG:?}:\n{}", last_lines(&self.said()));
            ended = self.child.try_wait().unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; its log is in `err`.
    fn ends(self) -> Said {
        let log = self.log.clone();
        let more = move || last_lines(&std::fs::read_to_string(&log).unwrap());
        let said = finish_or(self.child, LONG, more);
        Said { err: std::fs::read_to_string(&self.log).unwrap(), ..said }
    }

    fn stop(self) -> Said {
        signal(&self.child, "-TERM");
        let said = self.ends();
        assert_eq!(said.code, 0, "{}", last_lines(&said.err));
        said
    }
}

impl Group {
    fn new(name: &str, settings: &str, partitions: i32) -> Self {
        let group = Self::on(&broker(), name, settings);
        create(&group.input(), partitions, &[]);
        group
    }

    /// On the test's own broker; the document creates its topics.
    fn on(broker: &str, name: &str, settings: &str) -> Self {
        let (name, folder) = (unique(name), folder(name));
        let model = "[standard_scaler, logistic_regression]".into();
        Self { name, folder, broker: broker.into(), settings: settings.into(), model }
    }

    fn input(&self) -> String {
        format!("{}-in", self.name)
    }

    fn document(&self) -> String {
        format!(
            "name: {name}
kafka: {{bootstrap.servers: \"{}\", {}}}
input:
  kafka: {{topics: [{name}-in], create: {{partitions: 2}}}}
  format: json
  columns: {{id: string, x: float64, y: boolean}}
  id: id
features: [x]
label: {{column: y}}
model: {}
outputs: {{all: {{kafka: {{topic: {name}-out, create: {{partitions: 2}}}}}}}}
dead_letters: {{kafka: {{topic: {name}-dead, create: {{partitions: 1}}}}}}
",
            self.broker,
            self.settings,
            self.model,
            name = self.name
        )
    }

    fn start(&self) -> Running {
        self.start_with(&["--json"])
    }

    fn start_with(&self, arguments: &[&str]) -> Running {
        write(&self.folder, "t.yaml", self.document());
        let log = self.folder.join(unique("log"));
        let mut command = gristmill(&self.folder, &[&["run", "t.yaml"], arguments].concat());
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        Running { child: command.spawn().unwrap(), log }
    }

    fn to_the_end(&self) -> Said {
        self.start_with(&["--json", "--until-end"]).ends()
    }

    /// This many records for each partition, from a number on.
    fn send(&self, from: usize, count: usize, partitions: i32) {
        let record = |partition: i32, number: usize| {
            let json = format!(r#"{{"id":"{partition}-{number}","x":{},"y":{}}}"#, number % 17, number % 17 > 8);
            Record { partition, value: Some(json.into()), ..Record::default() }
        };
        let all = (0..partitions).flat_map(|partition| (from..from + count).map(move |one| record(partition, one)));
        produce(&self.input(), &all.collect::<Vec<_>>());
    }

    fn reads_all(&self, running: &mut Running, partitions: i32) {
        running.waits("all is read", |_| lag(&self.name, &self.input(), partitions) == 0);
    }

    /// Every decision once.
    fn decided_once(&self, expected: usize) {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for decision in consume(&format!("{}-out", self.name)) {
            *counts.entry(decision.json()["id"].as_str().unwrap().to_string()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), expected, "decided");
        assert!(counts.values().all(|count| *count == 1), "decided twice: {counts:?}");
    }
}

/// Producers' knowledge of a topic's partitions may be stale: an entry for a new partition of the journal must go
/// there all the same.
fn its_input_grows(protocol: &str, settings: &str) {
    let group = Group::new(protocol, settings, 2);
    group.send(0, 30, 2);
    let mut running = group.start();
    group.reads_all(&mut running, 2);
    grow(&group.input(), 5);
    group.send(30, 20, 5);
    group.reads_all(&mut running, 5);
    assert_eq!(running.stop().report()["rows"], 160);
    group.decided_once(160);
    group.send(50, 10, 5);
    assert_eq!(group.to_the_end().report()["rows"], 210, "all partitions are kept");
    group.decided_once(210);
}

#[test]
fn its_input_grows_with_kip_848() {
    its_input_grows("grows-consumer", CONSUMER);
}

#[test]
fn its_input_grows_with_the_classic_protocol() {
    its_input_grows("grows-classic", CLASSIC);
}

#[test]
fn its_input_grows_at_least_once() {
    let mut group = Group::new("grows-alo", CONSUMER, 1);
    group.model += "\nguarantee: at_least_once";
    group.send(0, 30, 1);
    let mut running = group.start();
    group.reads_all(&mut running, 1);
    grow(&group.input(), 3);
    group.send(30, 20, 3);
    group.reads_all(&mut running, 3);
    assert_eq!(running.stop().report()["rows"], 90);
}

/// The run says so and stops, its report has what was read, and its advice works.
fn its_input_is_deleted(protocol: &str, settings: &str) {
    let group = Group::new(protocol, settings, 2);
    group.send(0, 100, 2);
    let mut running = group.start_with(&["--json", "--members", "2"]);
    group.reads_all(&mut running, 2);
    delete(&[&group.input()]);
    let said = running.ends();
    assert_eq!(said.code, 1, "{}", last_lines(&said.err));
    let words = format!("the input topic `{}` is gone", group.input());
    assert!(said.err.contains(&words) && said.err.contains("gristmill state reset"), "{}", last_lines(&said.err));
    assert_eq!(said.report()["rows"], 200, "{}", last_lines(&said.err));
    assert_eq!(said.report()["decisions"], 200);
    // As advised: the topic is created again, and the group starts over.
    create(&group.input(), 2, &[]);
    let reset = run(&group.folder, &["state", "reset", "t.yaml", "--yes"]);
    assert_eq!(reset.code, 0, "{reset:?}");
    group.send(100, 50, 2);
    let said = group.to_the_end();
    assert_eq!((said.code, &said.report()["rows"]), (0, &100.into()), "{}", last_lines(&said.err));
    group.decided_once(300);
}

#[test]
fn its_input_is_deleted_with_kip_848() {
    its_input_is_deleted("deleted-consumer", CONSUMER);
}

#[test]
fn its_input_is_deleted_with_the_classic_protocol() {
    its_input_is_deleted("deleted-classic", CLASSIC);
}

/// The group keeps the place of a killed static member until its session expires.
fn a_static_member_is_killed(protocol: &str, settings: &str) {
    let group = Group::new(protocol, &format!("{settings}, group.instance.id: one"), 2);
    group.send(0, 50, 2);
    let mut running = group.start();
    group.reads_all(&mut running, 2);
    running.kill();
    group.send(50, 50, 2);
    let mut running = group.start();
    if settings == CONSUMER {
        running.says("the group still keeps the place of the member `one-0`");
    }
    group.reads_all(&mut running, 2);
    running.stop();
    group.decided_once(200);
}

#[test]
fn a_static_member_is_killed_with_kip_848() {
    a_static_member_is_killed("static-consumer", CONSUMER);
}

#[test]
fn a_static_member_is_killed_with_the_classic_protocol() {
    a_static_member_is_killed("static-classic", CLASSIC);
}

/// Longer than `max.poll.interval.ms` without a poll: the group has expelled it, and accepts it again as a new
/// member.
fn a_member_stands_still(protocol: &str, settings: &str) {
    let group = Group::new(protocol, &format!("{settings}, max.poll.interval.ms: 6000"), 2);
    group.send(0, 50, 2);
    let mut running = group.start();
    group.reads_all(&mut running, 2);
    for round in 1..3 {
        signal(&running.child, "-STOP");
        std::thread::sleep(Duration::from_secs(13));
        signal(&running.child, "-CONT");
        group.send(50 * round, 50, 2);
        group.reads_all(&mut running, 2);
    }
    running.stop();
    group.decided_once(300);
}

#[test]
fn a_member_stands_still_with_kip_848() {
    a_member_stands_still("still-consumer", CONSUMER);
}

#[test]
fn a_member_stands_still_with_the_classic_protocol() {
    a_member_stands_still("still-classic", CLASSIC);
}

/// A model that takes longer for a batch than `max.poll.interval.ms`: the member rejoins, says what to set, and
/// completes.
fn a_model_is_slow(protocol: &str, settings: &str) {
    let mut group = Group::new(protocol, &format!("{settings}, max.poll.interval.ms: 6000"), 1);
    group.model = format!("[{{python: {{path: slow.py, interpreter: \"{}\"}}}}]", python());
    // A row takes 20 ms, so 400 of them take longer than allowed.
    let module = "import time\ndef load():\n    return 0\ndef predict(state, batch):\n    time.sleep(0.02 * len(batch['x']))\n    return batch['x'] * 0 + 0.5\n";
    write(&group.folder, "slow.py", module);
    group.send(0, 400, 1);
    let mut running = group.start();
    running.says("400 records took longer than that; 200 are taken together from here on");
    group.reads_all(&mut running, 1);
    running.stop();
    group.decided_once(400);
}

#[test]
fn a_model_is_slow_with_kip_848() {
    a_model_is_slow("slow-consumer", CONSUMER);
}

#[test]
fn a_model_is_slow_with_the_classic_protocol() {
    a_model_is_slow("slow-classic", CLASSIC);
}

/// A member without partitions logs the possible reason, and that a broker has returned.
#[test]
fn what_is_waited_for_is_said() {
    let base = folder("waited-for");
    let own = Own::start(&base, &["group.consumer.session.timeout.ms=20000"]);
    let group = Group::on(&own.address, "waited-for", CONSUMER);
    let mut running = group.start();
    running.says("in-1 starts at 0");
    running.kill();
    let mut running = group.start();
    running.says("waiting for partitions of group");
    assert!(running.said().contains("group.consumer.session.timeout.ms"), "{}", running.said());
    running.waits("the partitions come", |said| said.contains("in-0 ") && said.contains("in-1 "));
    Own::xtask(&["restart", "--dir", own.dir.to_str().unwrap()]);
    running.says("no broker answers");
    running.says("answer again");
    assert_eq!(running.stop().report()["rows"], 0);
}
