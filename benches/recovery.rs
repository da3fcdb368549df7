//! The cost of a `kill -9` for a group with 100 MB of state: until the group notices, until the state is found and
//! loaded, until the records since the snapshot are replayed; and how long the partitions that did not move were
//! stalled. `cargo xtask bench recovery` runs it. `RECORDS` (default 2,000,000) sets the size of the state: 51 bytes a
//! record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod payments;
#[path = "../crates/cli/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use support::*;

const PARTITIONS: i32 = 4;

fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

struct Process {
    child: Child,
    log: PathBuf,
}

fn start(folder: &std::path::Path, number: usize) -> Process {
    let log = folder.join(format!("log-{number}"));
    let mut command = gristmill(folder, &["run", "recovery.yaml"]);
    command.env("GRISTMILL_LOG", "gristmill_runtime=debug,gristmill_connect=debug,info").stdout(Stdio::null());
    Process { child: command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap(), log }
}

fn records(from: usize, count: usize) -> Vec<Record> {
    let payments = payments::payments(from + count).skip(from);
    payments
        .enumerate()
        .map(|(number, payment)| Record {
            partition: number as i32 % PARTITIONS,
            key: Some(payment.customer.to_string().into()),
            value: Some(payment.json.into()),
            ..Record::default()
        })
        .collect()
}

fn main() {
    let count = std::env::var("RECORDS").map_or(2_000_000, |text| text.parse::<usize>().unwrap());
    let (folder, name) = (folder("recovery"), unique("recovery"));
    prepare(&folder, &name, count);
    let processes = [start(&folder, 0), start(&folder, 1)];
    until("the state is built", Duration::from_secs(300), || lag(&name, &name, PARTITIONS) == 0);
    std::thread::sleep(Duration::from_secs(12));
    let (stop, steady) = (AtomicBool::new(false), records(count, 100_000));
    let killed = std::thread::scope(|scope| {
        scope.spawn(|| send(&name, &steady, &stop));
        kill_one(processes, &stop)
    });
    let shown = run(&folder, &["state", "show", "recovery.yaml"]).out;
    let size: u64 = shown
        .lines()
        .filter_map(|line| line.strip_prefix("snapshot")?.split(", ").find(|part| part.ends_with("bytes")))
        .map(|part| part.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    println!("state: {} MB in {PARTITIONS} partitions", size >> 20);
    pauses(&name, killed);
}

/// Makes the topics and the document, and fills the input.
fn prepare(folder: &std::path::Path, name: &str, count: usize) {
    create(name, PARTITIONS, &[]);
    create(&format!("{name}-out"), PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]);
    create(&format!("{name}-dead"), 1, &[]);
    let more = format!(
        "outputs: {{decisions: {{kafka: {{topic: {name}-out}}}}}}
dead_letters: {{kafka: {{topic: {name}-dead}}}}
kafka: {{bootstrap.servers: \"{}\", group.id: {name}}}
commit: {{every: 50 ms, rows: 5000}}",
        broker()
    );
    let document = payments::document(&format!("kafka: {{topics: [{name}]}}"), "json", &more);
    let window = count / PARTITIONS as usize;
    write(folder, "recovery.yaml", document.replace("roc_auc]", &format!("{{accuracy: {{window: {window}}}}}]")));
    produce(name, &records(0, count));
}

/// Sends records at a steady rate, until it is to stop.
fn send(topic: &str, records: &[Record], stop: &AtomicBool) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap();
    for record in records {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let record =
            BaseRecord::<[u8], [u8]>::to(topic).partition(record.partition).payload(record.value.as_deref().unwrap());
        producer.send(record).unwrap();
        std::thread::sleep(Duration::from_micros(450));
    }
}

/// Kills one of two processes; returns when, once the other has taken over and has stopped.
fn kill_one([mut victim, mut other]: [Process; 2], stop: &AtomicBool) -> i64 {
    std::thread::sleep(Duration::from_secs(6));
    victim.child.kill().unwrap();
    let killed = now();
    victim.child.wait().unwrap();
    let said = || std::fs::read_to_string(&other.log).unwrap();
    let moved = || said().lines().filter(|line| line.contains("resumed at") && after(line, killed)).count();
    until("the other one has taken over", Duration::from_secs(90), || moved() >= 2);
    std::thread::sleep(Duration::from_secs(3));
    stop.store(true, Ordering::SeqCst);
    for line in said().lines().filter(|line| line.contains(" resumed at ") && after(line, killed)) {
        let back = of_day(line) - (killed % 86_400_000) as f64;
        println!("{back:.0} ms after the kill: {}", line.split(" INFO ").last().unwrap());
    }
    signal(&other.child, "-TERM");
    other.child.wait().unwrap();
    killed
}

/// Whether a line of a log was written after a moment.
fn after(line: &str, moment: i64) -> bool {
    of_day(line) >= (moment % 86_400_000) as f64
}

/// When a line of a log was written, in milliseconds of the day.
fn of_day(line: &str) -> f64 {
    let text = line.split(' ').next().unwrap();
    let seconds = |part: &str| part.parse::<f64>().unwrap();
    let clock = text.split('T').nth(1).unwrap().trim_end_matches('Z');
    let mut parts = clock.split(':').map(seconds);
    1e3 * (parts.next().unwrap() * 3_600.0 + parts.next().unwrap() * 60.0 + parts.next().unwrap())
}

/// The longest time without a decision, before the kill and after it, partition by partition.
fn pauses(name: &str, killed: i64) {
    let mut arrivals: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for decision in consume(&format!("{name}-out")) {
        arrivals.entry(decision.partition).or_default().push(decision.timestamp.unwrap());
    }
    println!("partition\tpause_before_ms\tpause_after_ms");
    for (partition, times) in arrivals {
        let longest = |from: i64, to: i64| {
            let pairs = times.windows(2).filter(|pair| pair[0] >= from && pair[0] < to);
            pairs.map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
        };
        println!("{partition}\t{}\t{}", longest(killed - 5_000, killed - 500), longest(killed - 500, i64::MAX));
    }
}
