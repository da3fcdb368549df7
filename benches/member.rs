//! A member on a real broker, alternating with bare librdkafka doing the same parsing, record and flushes.
//!
//! `cargo xtask bench` starts a broker and runs this. The peer is the program `raw_rust` whose path
//! `GRISTMILL_RAW_RUST` names (`record=full`: parse, a fixed score, the same decision and headers), in two modes: `alo`
//! flushes and commits, `eos` commits a transaction, each 5,000 records or 100 ms. Ours learns from every record and
//! keeps its state; under `eos` that is 50 MB, saved every 10 s. Without a peer only our own rate is printed. `RECORDS`
//! (default 3,000,000) and `ROUNDS` (default 5) set the size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod payments;
#[path = "../crates/cli/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use support::*;

struct Run {
    seconds: f64,
    cpu: f64,
    memory: Option<u64>,
}

/// A way to run both.
struct Mode {
    /// The peer's name for it.
    name: &'static str,
    guarantee: &'static str,
    /// The metrics: windows are state.
    evaluate: &'static str,
}

/// A window of 250,000 rows for the model and both baselines is 13 MB a partition.
const MODES: [Mode; 2] = [
    Mode { name: "alo", guarantee: "at_least_once", evaluate: "[accuracy, roc_auc]" },
    Mode { name: "eos", guarantee: "exactly_once", evaluate: "[accuracy, roc_auc, {accuracy: {window: 250000}}]" },
];

fn ours(folder: &Path, topic: &str, records: usize, mode: &Mode) -> Run {
    let name = unique("ours");
    let outputs = format!(
        "outputs: {{decisions: {{kafka: {{topic: {topic}-out}}}}}}
dead_letters: {{kafka: {{topic: {topic}-dead}}}}
kafka: {{bootstrap.servers: \"{}\"}}
commit: {{every: 100 ms, rows: 5000}}
guarantee: {}",
        broker(),
        mode.guarantee
    );
    let document = payments::document(&format!("kafka: {{topics: [{topic}]}}"), "json", &outputs);
    let document = document.replace("name: bench", &format!("name: {name}"));
    write(folder, "bench.yaml", document.replace("[accuracy, roc_auc]", mode.evaluate));
    let said = run(folder, &["run", "bench.yaml", "--until-end", "--json", "--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.report();
    assert_eq!(report["rows"], records);
    Run {
        seconds: report["seconds"].as_f64().unwrap(),
        cpu: report["cpu_seconds"].as_f64().unwrap(),
        memory: report["peak_memory_mb"].as_u64(),
    }
}

fn theirs(program: &str, topic: &str, records: usize, mode: &Mode) -> Run {
    let mut command = Command::new(program);
    command
        .args([mode.name, "record=full", "tx_records=5000", "tx_ms=100"])
        .arg(format!("bootstrap={}", broker()))
        .arg(format!("group={}", unique("theirs")))
        .arg(format!("in={topic}"))
        .arg(format!("out={topic}-out"))
        .arg(format!("count={records}"));
    result(&mut command)
}

/// Kafka Streams, exactly once, with a count and a mean per customer and hour and the same fixed score.
fn streams(classes: &str, folder: &Path, topic: &str, records: usize) -> Run {
    let mut command = Command::new("java");
    command
        .args(["-Xmx2g", "-cp", classes, "peers.FraudStreams", "guarantee=exactly_once_v2", "commit_ms=100"])
        .arg(format!("bootstrap={}", broker()))
        .arg(format!("app={}", unique("streams")))
        .arg(format!("in={topic}"))
        .arg(format!("out={topic}-out"))
        .arg(format!("count={records}"))
        .arg(format!("state_dir={}", folder.join("streams").display()));
    result(&mut command)
}

fn result(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_else(|| panic!("{output:?}"));
    let result: serde_json::Value = serde_json::from_str(line).unwrap();
    let number = |key: &str| result[key].as_f64().unwrap();
    Run { seconds: number("seconds"), cpu: number("cpu_seconds"), memory: None }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Makes the topics, and fills the input.
fn load(topic: &str, records: usize) {
    for (name, partitions) in [(topic.to_string(), 4), (format!("{topic}-out"), 4), (format!("{topic}-dead"), 1)] {
        create(&name, partitions, &[]);
    }
    let load = payments::payments(records).map(|payment| Record {
        partition: (payment.customer % 4) as i32,
        key: Some(payment.customer.to_string().into()),
        value: Some(payment.json.into()),
        ..Record::default()
    });
    produce(topic, &load.collect::<Vec<_>>());
}

fn print(round: usize, who: &str, records: usize, run: &Run) {
    println!(
        "{round}\t{who}\t{records}\t{:.3}\t{:.0}\t{:.2}\t{}",
        run.seconds,
        records as f64 / run.seconds,
        run.cpu * 1e6 / records as f64,
        run.memory.map_or("-".into(), |mb| mb.to_string())
    );
}

fn main() {
    let (records, rounds) = (number("RECORDS", 3_000_000), number("ROUNDS", 5));
    let (folder, topic) = (folder("bench"), unique("transactions"));
    load(&topic, records);
    let peer = std::env::var("GRISTMILL_RAW_RUST").ok();
    println!("round\twho\trecords\tseconds\trecords_per_second\tcpu_us_per_record\tpeak_mb");
    for mode in &MODES {
        let (mut rates, mut costs, mut ours_cpu) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=rounds {
            let theirs = peer.as_ref().map(|program| theirs(program, &topic, records, mode));
            let ours = ours(&folder, &topic, records, mode);
            print(round, &format!("gristmill {}", mode.name), records, &ours);
            ours_cpu.push(ours.cpu);
            if let Some(theirs) = theirs {
                print(round, &format!("raw_rust {}", mode.name), records, &theirs);
                rates.push(theirs.seconds / ours.seconds);
                costs.push(ours.cpu / theirs.cpu);
            }
        }
        if let (Some(classes), "eos") = (std::env::var("GRISTMILL_KAFKA_STREAMS").ok(), mode.name) {
            let streams = streams(&classes, &folder, &topic, records);
            print(1, "kafka_streams eos", records, &streams);
            println!("eos: {:.2} of Kafka Streams' CPU", median(ours_cpu.clone()) / streams.cpu);
        }
        if peer.is_some() {
            let (rate, cost) = (median(rates), median(costs));
            println!("{}: median ratio: {rate:.2} of raw_rust's rate, {cost:.2} of its CPU", mode.name);
        }
    }
}
