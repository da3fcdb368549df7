//! Decode → score → evaluate → learn → encode, one core, from memory: rows per second.
//!
//! `cargo bench -p gristmill-runtime --bench path`. Each line: best and median of seven passes over the same records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "payments.rs"]
mod payments;

use std::sync::Arc;
use std::time::Instant;

use gristmill::plan::Plan;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, RawRecord, RawRows};
use gristmill::shard::{Outbox, Shard};
use gristmill_formats::{Decoder, encoder};

const ROWS: usize = 200_000;
const BATCH: usize = 1_000;

/// What one pass does beyond decoding.
#[derive(Clone, Copy, PartialEq)]
enum Upto {
    Decode,
    Learn,
}

fn batches(values: &[String]) -> Vec<RawRows> {
    let mut batches = Vec::new();
    for (number, chunk) in values.chunks(BATCH).enumerate() {
        let mut rows = RawRows::new(Partition::new("transactions", 0));
        for (index, value) in chunk.iter().enumerate() {
            rows.push(RawRecord {
                position: Position::number((number * BATCH + index) as u64),
                timestamp: None,
                key: Some(b"4711"),
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        batches.push(rows);
    }
    batches
}

fn measure(name: &str, document: &str, batches: &[RawRows], upto: Upto) {
    let plan = Arc::new(Plan::read("bench.yaml", document, &|_| None).unwrap_or_else(|problems| panic!("{problems}")));
    let mut rates: Vec<f64> = (0..7)
        .map(|_| {
            let mut decoder = Decoder::new(&plan, None).unwrap();
            let mut shard =
                Shard::open(&RunnablePlan::alone(&plan, encoder), Partition::new("transactions", 0), None).unwrap();
            let (mut refusals, mut outbox) = (Vec::new(), Outbox::default());
            let began = Instant::now();
            for raw in batches {
                let rows = decoder.decode(raw, &mut refusals);
                if upto == Upto::Learn {
                    shard.step(raw, &rows, &mut refusals, &mut outbox).unwrap();
                    outbox.clear();
                }
            }
            assert!(refusals.is_empty());
            ROWS as f64 / began.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("{name:<44} {:>9.0} rows/s (best {:.0}), {:.2} µs a row", rates[3], rates[6], 1e6 / rates[3]);
}

fn main() {
    let json: Vec<String> = payments::payments(ROWS).map(|payment| payment.json).collect();
    let csv: Vec<String> = payments::payments(ROWS).map(|payment| payment.csv).collect();
    let (json, csv) = (batches(&json), batches(&csv));
    let file = "file: {path: '-'}";
    let decided = payments::document(file, "json", "outputs: {decisions: {stdout: {}}}");
    let silent = payments::document(file, "json", "");
    measure("JSON of 225 bytes: decode", &silent, &json, Upto::Decode);
    measure("JSON: decode, score, learn", &silent, &json, Upto::Learn);
    measure("JSON: decode, score, learn, encode", &decided, &json, Upto::Learn);
    measure("CSV: decode", &silent.replace("format: json", "format: csv"), &csv, Upto::Decode);
    measure("CSV: decode, score, learn, encode", &decided.replace("format: json", "format: csv"), &csv, Upto::Learn);
}
