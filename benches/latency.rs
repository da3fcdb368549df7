//! From the moment before a record is sent to the arrival of its decision at a `read_committed` reader, at a steady
//! 2,000 records a second, exactly once, with commits each 10 ms and each 100 ms; alternating with bare librdkafka
//! (`raw_rust eos record=full`, whose path `GRISTMILL_RAW_RUST` names). `cargo xtask bench latency` runs it. `SECONDS`
//! (default 20, the first 5 left out) and `ROUNDS` (default 2) set the size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod payments;
mod steady;
#[path = "../crates/cli/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use steady::{PARTITIONS, measure};
use support::*;

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
                let latencies = measure(&topic, &format!("{topic}-out"), seconds);
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
