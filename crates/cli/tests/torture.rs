//! Real members of real groups, killed, stopped, stalled and moved at random while records arrive, with a broker that
//! is restarted: every decision and every dead letter appears exactly once, and the models equal, byte for byte, those
//! of one undisturbed process. The test also fails if the faults that it injects never occurred.
//!
//! `cargo xtask torture --minutes M` runs it for longer than the tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use gristmill::protocol::Entry;
use support::*;

const RECORDS: usize = 200_000;
const PARTITIONS: i32 = 8;
const MEMBERS: usize = 4;
/// One in this many records cannot be read.
const BROKEN: usize = 400;
/// Longer than a session (6 s) and longer than a transaction may take (2 s).
const STALL: Duration = Duration::from_secs(9);
/// Longer than a transaction may take, shorter than a session: still a member, but fenced.
const SHORT_STALL: Duration = Duration::from_secs(4);

fn document(broker: &str, group: &str, input: &str, settings: &str) -> String {
    format!(
        "name: torture
kafka:
  bootstrap.servers: {broker}
  group.id: {group}
  transaction.timeout.ms: 2000
  {settings}
input:
  kafka: {{topics: [{input}]}}
  format: json
  columns: {{id: string, k: string, ts: {{timestamp: {{unit: s}}}}, a: float64, b: float64, y: boolean}}
  id: id
  key: k
  time: ts
clean:
  - late: {{after: 5 min, then: {{flag: late}}}}
  - outliers: {{of: [a], method: iqr, window: 50, then: clip, by: key}}
features:
  - a
  - b
  - late
  - n: count(*) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '10 minutes' PRECEDING)
  - mean: avg(b) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)
  - most: max(a) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '2 hours' PRECEDING AND INTERVAL '5 minutes' PRECEDING)
  - before: a - lag(a) OVER (PARTITION BY k ORDER BY ts)
label: {{column: y}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, log_loss, roc_auc, {{f1: {{window: 500}}}}]
outputs:
  decisions: {{kafka: {{topic: {group}-out}}}}
dead_letters: {{kafka: {{topic: {group}-dead, create: {{partitions: 2}}}}}}
commit: {{every: 50 ms, rows: 2000}}
state: {{snapshot: {{every: 3 s, rows: 20000}}}}
"
    )
}

fn record(number: usize) -> Record {
    let (a, b) = ((number % 97) as f64 / 9.0, (number % 89) as f64 / 7.0);
    // A record a second, some out of order, few of them by much.
    let time = 1_700_000_000 + number + if number % 50 == 7 { 0 } else { number % 11 * 7 } + number % 997 / 990 * 400;
    let y = a + (number % 13) as f64 > b + 5.0;
    let json = format!(r#"{{"id":"r{number}","k":"k{}","ts":{time},"a":{a},"b":{b},"y":{y}}}"#, number % 500);
    let value = if number % BROKEN == BROKEN - 1 { json[..json.len() / 2].into() } else { json.into_bytes() };
    Record {
        partition: (number * 31 % PARTITIONS as usize) as i32,
        key: Some(format!("k{}", number % 500).into_bytes()),
        value: Some(value),
        ..Record::default()
    }
}

/// A process and its log.
struct Process {
    child: Child,
    log: PathBuf,
    until: Option<Instant>,
}

impl Process {
    /// Whether the last event of its commits is that one was sent.
    fn in_transaction(&self) -> bool {
        let said = self.said();
        let name = |event: serde_json::Value| event["event"].as_str().map(str::to_string);
        let commits = events(&said).filter_map(name).filter(|name| name == "commit_sent" || name == "commit_done");
        commits.last().is_some_and(|name| name == "commit_sent")
    }

    /// Stops it in the middle of a transaction, if one begins soon.
    fn stop_in_transaction(&self) {
        for _ in 0..40 {
            signal(&self.child, "-STOP");
            std::thread::sleep(Duration::from_millis(5));
            if self.in_transaction() {
                return;
            }
            signal(&self.child, "-CONT");
            std::thread::sleep(Duration::from_millis(7));
        }
        signal(&self.child, "-STOP");
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// What must have happened.
#[derive(Debug, Default)]
struct Happened {
    kills: usize,
    kills_in_transactions: usize,
    stalls: usize,
    fenced: usize,
    resent: usize,
    replays: usize,
    taken_over: usize,
}

struct Torture<'a> {
    folder: &'a Path,
    group: String,
    processes: Vec<Process>,
    ended: Vec<Process>,
    happened: Happened,
    seed: u64,
}

impl Torture<'_> {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn start(&mut self) {
        let log = self.folder.join(format!("log-{}", self.processes.len() + self.ended.len() + self.happened.kills));
        let mut command = gristmill(self.folder, &["run", "t.yaml"]);
        command
            .env("GRISTMILL_LOG", "gristmill_runtime=debug,gristmill_connect=debug,info")
            .env("GRISTMILL_LOG_FORMAT", "json")
            .stdout(std::process::Stdio::null());
        let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        self.processes.push(Process { child, log, until: None });
    }

    fn kill(&mut self) {
        let index = self.random(self.processes.len() as u64) as usize;
        let mut process = self.processes.remove(index);
        if self.random(2) == 0 && process.until.is_none() {
            process.stop_in_transaction();
        }
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        self.happened.kills_in_transactions += usize::from(process.in_transaction());
        self.happened.kills += 1;
        self.ended.push(process);
    }

    fn stop(&mut self) {
        let index = self.random(self.processes.len() as u64) as usize;
        let mut process = self.processes.remove(index);
        signal(&process.child, "-CONT");
        signal(&process.child, "-TERM");
        let began = Instant::now();
        while process.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not stop: {}", process.log.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.ended.push(process);
    }

    fn stall(&mut self, time: Duration) {
        let index = self.random(self.processes.len() as u64) as usize;
        let process = &mut self.processes[index];
        if process.until.is_none() {
            process.stop_in_transaction();
            process.until = Some(Instant::now() + time);
            self.happened.stalls += 1;
        }
    }

    /// A process that has stalled for long enough resumes; one that has failed is a bug.
    fn look(&mut self) {
        for process in &mut self.processes {
            if process.until.is_some_and(|until| until <= Instant::now()) {
                signal(&process.child, "-CONT");
                process.until = None;
            }
            if let Some(status) = process.child.try_wait().unwrap() {
                println!("breaks in the journal: {:#?}", breaks(&self.group));
                panic!(
                    "a member has ended by itself, {status}: {}\n{}",
                    process.log.display(),
                    last_lines(&process.said())
                );
            }
        }
    }

    fn anything(&mut self) {
        match self.random(10) {
            0..5 => {
                self.kill();
                self.start();
            }
            5 => self.stall(STALL),
            6 => self.stall(SHORT_STALL),
            7 => {
                self.stop();
                self.start();
            }
            8 if self.processes.len() < MEMBERS + 2 => self.start(),
            _ if self.processes.len() > MEMBERS - 1 => self.stop(),
            _ => self.start(),
        }
    }

    /// Adds up the events in the logs.
    fn count(&mut self) {
        let mut owners: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
        for process in self.processes.iter().chain(&self.ended) {
            for event in events(&process.said()) {
                match event["event"].as_str() {
                    Some("transaction_ended_early") => self.happened.fenced += usize::from(event["fenced"] == true),
                    Some("commit_resent") => self.happened.resent += 1,
                    Some("partition_resumed") => {
                        self.happened.replays += usize::from(event["replayed"].as_u64() > Some(0));
                        let partition = event["partition"].as_str().unwrap().to_string();
                        owners.entry(partition).or_default().insert(process.log.clone());
                    }
                    _ => {}
                }
            }
        }
        self.happened.taken_over = owners.values().map(|logs| logs.len().saturating_sub(1)).sum();
    }

    /// Injects faults until all records were sent and the time is over; in the middle of it a broker is restarted.
    fn while_records_arrive(&mut self, input: &str, time: Duration, mut restart: Option<&Own>) {
        let records: Vec<Record> = (0..RECORDS).map(record).collect();
        let (began, mut sent) = (Instant::now(), 0);
        let (mut next, mut steps) = (Instant::now() + Duration::from_secs(5), 0);
        while began.elapsed() < time || sent < RECORDS {
            let due = (began.elapsed().as_secs_f64() / time.as_secs_f64() * RECORDS as f64) as usize;
            let due = due.min(RECORDS);
            produce(input, &records[sent..due]);
            sent = due;
            self.look();
            if Instant::now() >= next && began.elapsed() < time {
                match steps {
                    1 | 5 => self.stall(SHORT_STALL),
                    3 => self.stall(STALL),
                    _ => self.anything(),
                }
                steps += 1;
                next = Instant::now() + Duration::from_millis(500 + self.random(2_500));
            }
            if let Some(own) = restart.take_if(|_| began.elapsed() > time / 2) {
                Own::xtask(&["restart", "--dir", own.dir.to_str().unwrap()]);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn until_all_is_done(&mut self, input: &str) {
        until("everybody goes on", 2 * STALL, || {
            self.look();
            self.processes.iter().all(|process| process.until.is_none())
        });
        until("all of it is done", Duration::from_secs(120), || {
            self.look();
            lag(&self.group, input, PARTITIONS) == 0
        });
        while !self.processes.is_empty() {
            self.stop();
        }
    }
}

/// The events in a log; what was cut off by a kill is none.
fn events(log: &str) -> impl Iterator<Item = serde_json::Value> + '_ {
    log.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("DEBUG")).collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// The report of a complete run, without what differs between runs.
fn report(folder: &Path, document: &str) -> serde_json::Value {
    let said = run(folder, &["run", document, "--until-end", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let mut report = said.report();
    for passing in PASSING {
        report.as_object_mut().unwrap().remove(passing);
    }
    report
}

fn torture(own: &Own, folder: &Path, protocol: &str, settings: &str, time: Duration, restart: bool) -> Happened {
    let group = unique(protocol);
    let input = format!("{group}-in");
    prepare(own, folder, &group, settings);
    let seed = std::env::var("GRISTMILL_TORTURE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) + began_before());
    println!("{protocol}: seed {seed}");
    let happened = Happened::default();
    let mut torture =
        Torture { folder, group: group.clone(), processes: Vec::new(), ended: Vec::new(), happened, seed };
    (0..MEMBERS).for_each(|_| torture.start());
    torture.while_records_arrive(&input, time, restart.then_some(own));
    torture.until_all_is_done(&input);
    torture.count();
    assert_eq!(breaks(&group), Vec::<String>::new());
    let pause = once(&group);
    println!("{protocol}: {:?}, longest pause of a partition {:.1} s", torture.happened, pause.as_secs_f64());
    as_one_undisturbed_process(folder);
    torture.happened
}

/// The topics and the documents of a group, and of one process that is left alone.
fn prepare(own: &Own, folder: &Path, group: &str, settings: &str) {
    let input = format!("{group}-in");
    create(&input, PARTITIONS, &[]);
    // The time of a decision's arrival shows how long a partition was stalled.
    create(&format!("{group}-out"), PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]);
    create(&format!("{group}-alone-out"), PARTITIONS, &[]);
    write(folder, "t.yaml", document(&own.address, group, &input, settings));
    write(folder, "alone.yaml", document(&own.address, &format!("{group}-alone"), &input, ""));
}

/// The models, and everything that was measured, are those of one undisturbed process.
fn as_one_undisturbed_process(folder: &Path) {
    let (found, expected) = (report(folder, "t.yaml"), report(folder, "alone.yaml"));
    for key in
        ["rows", "scored", "learned", "decisions", "outputs", "dead_letters", "metrics", "baselines", "partitions"]
    {
        assert_eq!(found[key], expected[key], "{key}");
    }
    for document in ["t.yaml", "alone.yaml"] {
        let out = format!("{document}.state");
        let said = run(folder, &["state", "export", document, "--out", &out]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    for partition in 0..PARTITIONS {
        let state = |document: &str| std::fs::read(folder.join(format!("{document}.state/{partition}"))).unwrap();
        assert!(state("t.yaml") == state("alone.yaml"), "partition {partition}: the model is another");
    }
}

/// Where the journals are not one chain of entries, each beginning where the one before ended.
fn breaks(group: &str) -> Vec<String> {
    let mut tails: BTreeMap<i32, Entry> = BTreeMap::new();
    let mut breaks = Vec::new();
    for record in consume(&format!("{group}.journal")) {
        let entry = Entry::decode(record.value.as_deref().unwrap()).unwrap();
        let (sequence, from) =
            tails.get(&record.partition).map_or((0, entry.begins()), |tail| (tail.sequence + 1, tail.ends()));
        if entry.sequence != sequence || entry.begins() != from {
            breaks.push(format!("partition {}: {:?}, then {entry:?}", record.partition, tails.get(&record.partition)));
        }
        tails.insert(record.partition, entry);
    }
    breaks
}

/// Every decision and every dead letter once; the longest time that a partition was stalled.
fn once(group: &str) -> Duration {
    let mut seen = BTreeMap::new();
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    let mut longest = 0;
    for decision in consume(&format!("{group}-out")) {
        let id = decision.json()["id"].as_str().unwrap().to_string();
        let source = decision.header("source");
        if let Some(before) = seen.insert(id.clone(), source.clone()) {
            panic!("{id} was decided twice: {before}, {source}");
        }
        let now = decision.timestamp.unwrap();
        longest = longest.max(now - last.insert(decision.partition, now).unwrap_or(now));
    }
    assert_eq!(seen.len(), RECORDS - RECORDS / BROKEN, "decisions are missing");
    let mut letters = BTreeSet::new();
    for letter in consume(&format!("{group}-dead")) {
        let place = ["partition", "offset"].map(|name| letter.header(&format!("__connect.errors.{name}")));
        assert!(letters.insert(place.clone()), "{place:?} was refused twice");
    }
    assert_eq!(letters.len(), RECORDS / BROKEN, "dead letters are missing");
    Duration::from_millis(longest as u64)
}

#[test]
fn nothing_that_happens_to_members_changes_anything() {
    let minutes = std::env::var("GRISTMILL_TORTURE_MINUTES").ok().map_or(2.0, |text| text.parse::<f64>().unwrap());
    let time = Duration::from_secs_f64(minutes * 60.0 / 2.0);
    let folder = folder("torture");
    let own = Own::start(&folder, &[]);
    use_broker(&own.address);
    let protocols = [
        ("consumer", "group.protocol: consumer", true),
        ("classic", "group.protocol: classic\n  session.timeout.ms: 6000\n  heartbeat.interval.ms: 500", false),
    ];
    let mut all = Happened::default();
    // In a short run the required faults are a matter of chance: if one is missing, there is another round.
    for round in 0..ROUNDS {
        for (protocol, settings, restart) in protocols {
            let folder = folder.join(format!("{protocol}-{round}"));
            std::fs::create_dir(&folder).unwrap();
            let happened = torture(&own, &folder, protocol, settings, time, restart);
            all.kills_in_transactions += happened.kills_in_transactions;
            all.stalls += happened.stalls;
            all.fenced += happened.fenced;
            all.resent += happened.resent;
            all.replays += happened.replays;
            all.taken_over += happened.taken_over;
        }
        if all.counts().iter().all(|(_, count)| *count > 0) {
            break;
        }
    }
    for (what, count) in all.counts() {
        assert!(count > 0, "{what}: none, so nothing was shown");
    }
}

/// How many torture runs this process has started: each has a seed of its own.
fn began_before() -> u64 {
    static BEGAN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    BEGAN.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// How often the whole is retried if a fault did not occur.
const ROUNDS: u32 = 3;

impl Happened {
    /// What must have happened, or the test has shown nothing.
    fn counts(&self) -> [(&'static str, usize); 6] {
        [
            ("kills inside an open transaction", self.kills_in_transactions),
            ("stalls", self.stalls),
            ("fenced commits", self.fenced),
            ("commits sent again after an abort", self.resent),
            ("replays", self.replays),
            ("shards taken over by another process", self.taken_over),
        ]
    }
}
