//! From the moment before a record is sent to the arrival of its decision at a `read_committed` reader, at a steady 2,000
//! records a second, exactly once, with commits each 10 ms and each 100 ms; in turns with bare librdkafka
//! (`raw_rust eos record=full`, whose path `GRISTMILL_RAW_RUST` names). `cargo xtask bench latency` runs it.
//! `SECONDS` (default 20, the first 5 left out) and `ROUNDS` (default 2) set the size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod payments;
#[path = "../crates/cli/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use support::*;

const RATE: usize = 2_000;
const PARTITIONS: i32 = 4;
/// Sent before the measured ones, until the first decision comes.
const WARM: &str = "999999999";

fn ours(folder: &Path, topic: &str, commit: u64) -> Child {
    let name = unique("latency");
    let more = format!(
        "outputs: {{decisions: {{kafka: {{topic: {topic}-out}}}}}}
dead_letters: {{kafka: {{topic: {topic}-out}}}}
kafka: {{bootstrap.servers: \"{}\"}}
commit: {{every: {commit} ms, rows: 5000}}",
        broker()
    );
    let document = payments::document(&format!("kafka: {{topics: [{topic}]}}"), "json", &more);
    write(folder, "latency.yaml", document.replace("name: bench", &format!("name: {name}")));
    let mut command = gristmill(folder, &["run", "latency.yaml", "--quiet"]);
    command.stdout(Stdio::null()).spawn().unwrap()
}

fn theirs(program: &str, topic: &str, commit: u64) -> Child {
    Command::new(program)
        .args(["eos", "record=full", "tx_records=5000"])
        .arg(format!("tx_ms={commit}"))
        .arg(format!("bootstrap={}", broker()))
        .arg(format!("group={}", unique("theirs")))
        .arg(format!("in={topic}"))
        .arg(format!("out={topic}-out"))
        .arg("count=1000000000")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Milliseconds, sorted.
fn measure(topic: &str, seconds: usize) -> Vec<f64> {
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", broker()).set("linger.ms", "0").create().unwrap();
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker())
        .set("group.id", unique("reader"))
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(&format!("{topic}-out"), partition, Offset::Beginning).unwrap();
    }
    reader.assign(&list).unwrap();
    let count = seconds * RATE;
    let begun = Instant::now();
    let sent: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let ready = AtomicBool::new(false);
    let now = || begun.elapsed().as_micros() as u64;
    let mut found = vec![None; count];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let all: Vec<payments::Payment> = payments::payments(count).collect();
            let send = |number: usize, json: &str| {
                let record = BaseRecord::<[u8], [u8]>::to(topic).partition(number as i32 % PARTITIONS);
                producer.send(record.key(b"k").payload(json.as_bytes())).unwrap();
            };
            while !ready.load(Ordering::SeqCst) {
                let warm = all[0].json.replacen("\"id\":0", &format!("\"id\":{WARM}"), 1);
                (0..4).for_each(|partition| send(partition, &warm));
                std::thread::sleep(Duration::from_millis(100));
            }
            let start = Instant::now();
            for (number, payment) in all.iter().enumerate() {
                let due = Duration::from_secs_f64(number as f64 / RATE as f64);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                sent[number].store(now(), Ordering::SeqCst);
                send(number, &payment.json);
            }
        });
        let mut left = count;
        while left > 0 {
            let Some(message) = reader.poll(Duration::from_secs(1)) else {
                assert!(now() < (seconds as u64 + 60) * 1_000_000, "{left} decisions are missing");
                continue;
            };
            let message = message.unwrap();
            let arrived = now();
            let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
            let id = text.strip_prefix("{\"id\":\"").and_then(|rest| rest.split('"').next()).unwrap();
            if id == WARM {
                ready.store(true, Ordering::SeqCst);
                continue;
            }
            let number: usize = id.parse().unwrap();
            if found[number].replace((arrived - sent[number].load(Ordering::SeqCst)) as f64 / 1e3).is_none() {
                left -= 1;
            }
        }
    });
    let mut latencies: Vec<f64> = found.into_iter().skip(5 * RATE).flatten().collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn main() {
    let number = |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seconds, rounds) = (number("SECONDS", 20), number("ROUNDS", 2));
    let folder = folder("latency");
    let peer = std::env::var("GRISTMILL_RAW_RUST").ok();
    println!("commit_ms\tround\twho\tp50_ms\tp99_ms");
    for commit in [10, 100] {
        let mut medians: [Vec<f64>; 2] = Default::default();
        for round in 1..=rounds {
            for (index, who) in ["gristmill", "raw_rust"].into_iter().enumerate() {
                let topic = unique("latency");
                for name in [topic.clone(), format!("{topic}-out")] {
                    create(&name, PARTITIONS, &[]);
                }
                let mut child = match (index, &peer) {
                    (0, _) => ours(&folder, &topic, commit),
                    (_, Some(program)) => theirs(program, &topic, commit),
                    _ => continue,
                };
                let latencies = measure(&topic, seconds);
                child.kill().unwrap();
                child.wait().unwrap();
                let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
                println!("{commit}\t{round}\t{who}\t{:.1}\t{:.1}", at(0.5), at(0.99));
                medians[index].push(at(0.5));
            }
        }
        if peer.is_some() {
            let lowest = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
            let ratio = lowest(&medians[0]) / lowest(&medians[1]);
            println!("{commit} ms: {ratio:.2} of raw_rust's p50 (the lower one of each)");
        }
    }
}
