//! The textbook's program, `examples/keras-fraud.yaml`, on a real broker: alternating with the textbook's own loop
//! (`seed_loop.py`: poll, parse, Keras `predict` of one row) and a careful Python service (`onnx_batch.py`: batches of
//! 5,000, ONNX Runtime, a transaction each). Then latency at 2,000 records a second with commits each 10 ms, beside the
//! Python service with its batches of 500.
//!
//! `cargo xtask bench textbook` starts a broker, prepares the peers' Python and the network, and runs this. `RECORDS`
//! (default 1,000,000), `ROUNDS` and `LATENCY_ROUNDS` (default 3) and `SECONDS` (default 20) set the size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod payments;
mod steady;
#[path = "../crates/cli/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use steady::{PARTITIONS, measure};
use support::*;

/// The number of records for the textbook's loop, which takes a minute for them.
const BY_THE_BOOK: usize = 600;
/// The number of records for the Python service.
const IN_BATCHES: usize = 200_000;

struct Peers {
    python: PathBuf,
    programs: PathBuf,
    /// Where `model.h5` and `model.onnx` are.
    models: PathBuf,
}

struct Run {
    records: usize,
    seconds: f64,
    cpu: f64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    fn micros(&self) -> f64 {
        self.cpu * 1e6 / self.records as f64
    }
}

fn ours(peers: &Peers, topic: &str, records: usize) -> Run {
    let mut command = example(peers, topic, "100 ms");
    let said = Said::from(&command.args(["--until-end", "--json", "--quiet"]).output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.report();
    assert_eq!(report["rows"], records);
    Run { records, seconds: report["seconds"].as_f64().unwrap(), cpu: report["cpu_seconds"].as_f64().unwrap() }
}

fn example(peers: &Peers, topic: &str, commit: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = gristmill(&root, &["run", "examples/keras-fraud.yaml"]);
    command.env("BOOTSTRAP", broker()).env("TOPIC", topic).env("GROUP", unique("textbook")).env("COMMIT", commit);
    command.env("MODEL", peers.models.join("model.h5"));
    command
}

fn python(peers: &Peers, program: &str, model: &str, topic: &str, records: usize, more: &[&str]) -> Command {
    let mut command = Command::new(&peers.python);
    command.arg(peers.programs.join(program)).args(["--bootstrap", &broker(), "--input", topic]).args(more);
    command.args(["--output", &format!("{topic}.python"), "--group", &unique("python")]);
    command.arg("--model").arg(peers.models.join(model)).args(["--count", &records.to_string()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn result(command: &mut Command, records: usize) -> Run {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_else(|| panic!("{output:?}"));
    let result: Value = serde_json::from_str(line).unwrap();
    let number = |key: &str| result[key].as_f64().unwrap();
    Run { records, seconds: number("seconds"), cpu: number("cpu_seconds") }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The scores of a topic, by id.
fn scores(topic: &str) -> BTreeMap<u64, f64> {
    let decision = |record: Record| -> Option<(u64, f64)> {
        let value: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        let id = value["id"].as_u64().or_else(|| value["id"].as_str()?.parse().ok())?;
        Some((id, value["score"].as_f64()?))
    };
    consume(topic).into_iter().filter_map(decision).collect()
}

fn main() {
    let number = |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (records, rounds) = (number("RECORDS", 1_000_000), number("ROUNDS", 3));
    let path = |name: &str| PathBuf::from(std::env::var_os(name).expect("run it by `cargo xtask bench textbook`"));
    let peers = Peers {
        python: path("GRISTMILL_PEERS_PYTHON"),
        programs: path("GRISTMILL_PEERS_PROGRAMS"),
        models: path("GRISTMILL_PEERS_MODELS"),
    };
    if rounds > 0 {
        throughput(&peers, records, rounds);
    }
    latency(&peers, number("SECONDS", 20), number("LATENCY_ROUNDS", 3));
}

fn throughput(peers: &Peers, records: usize, rounds: usize) {
    let topic = topics("textbook");
    let load: Vec<Record> = payments::payments(records)
        .map(|payment| Record {
            partition: (payment.customer % 4) as i32,
            key: Some(payment.customer.to_string().into()),
            value: Some(payment.json.into()),
            ..Record::default()
        })
        .collect();
    produce(&topic, &load);
    drop(load);
    println!("round\twho\trecords\tseconds\trecords_per_second\tcpu_us_per_record");
    let print = |round: usize, who: &str, run: &Run| {
        let (rate, micros) = (run.rate(), run.micros());
        println!("{round}\t{who}\t{}\t{:.3}\t{rate:.0}\t{micros:.2}", run.records, run.seconds);
    };
    let (mut against_book, mut against_batches) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let mut book = python(peers, "seed_loop.py", "model.h5", &topic, BY_THE_BOOK, &[]);
        let book = result(&mut book, BY_THE_BOOK);
        print(round, "seed_loop", &book);
        let batches = &["--guarantee", "eos", "--batch", "5000"];
        let mut batched = python(peers, "onnx_batch.py", "model.onnx", &topic, IN_BATCHES, batches);
        let batched = result(&mut batched, IN_BATCHES);
        print(round, "onnx_batch eos 5k", &batched);
        let ours = ours(peers, &topic, records);
        print(round, "gristmill eos", &ours);
        against_book.push(ours.rate() / book.rate());
        against_batches.push(ours.micros() / batched.micros());
    }
    println!(
        "{:.0} x the textbook's loop (the lowest round)",
        against_book.iter().copied().fold(f64::INFINITY, f64::min)
    );
    println!("{:.2} of the batched Python's CPU per record (median)", median(against_batches));
    let (theirs, ours) = (scores(&format!("{topic}.python")), scores(&format!("{topic}.decisions")));
    let apart = theirs.iter().map(|(id, score)| (ours[id] - score).abs() / score.abs().max(1e-3));
    println!("{} scores of both, at most {:.1e} apart", theirs.len(), apart.fold(0.0_f64, f64::max));
}

/// The topics of a run, and their prefix.
fn topics(name: &str) -> String {
    let topic = unique(name);
    for (name, partitions) in [
        (topic.clone(), PARTITIONS),
        (format!("{topic}.decisions"), PARTITIONS),
        (format!("{topic}.python"), PARTITIONS),
    ] {
        create(&name, partitions, &[]);
    }
    topic
}

fn latency(peers: &Peers, seconds: usize, rounds: usize) {
    println!("round\twho\tp50_ms\tp99_ms");
    let mut worst: [Vec<f64>; 2] = Default::default();
    // A broker that has just started lags behind the load by seconds: the first round warms it for both.
    for round in 0..=rounds {
        for (index, who) in ["gristmill", "onnx_batch eos"].into_iter().enumerate() {
            let topic = topics("steady");
            let (mut child, out): (Child, _) = match index {
                0 => {
                    let mut command = example(peers, &topic, "10 ms");
                    (command.arg("--quiet").stdout(Stdio::null()).spawn().unwrap(), format!("{topic}.decisions"))
                }
                _ => {
                    let endless = 1_000_000_000;
                    let mut command =
                        python(peers, "onnx_batch.py", "model.onnx", &topic, endless, &["--guarantee", "eos"]);
                    (command.stdout(Stdio::null()).spawn().unwrap(), format!("{topic}.python"))
                }
            };
            let latencies = measure(&topic, &out, seconds);
            child.kill().unwrap();
            child.wait().unwrap();
            let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
            if round > 0 {
                println!("{round}\t{who}\t{:.1}\t{:.1}", at(0.5), at(0.99));
                worst[index].push(at(0.99));
            }
        }
    }
    let lowest = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{:.2} of the batched Python's p99 (the lower one of each)", lowest(&worst[0]) / lowest(&worst[1]));
}
