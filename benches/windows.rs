//! Ten expressions and eight windows over the transactions of the Fraud Detection Handbook, one core, from memory: rows
//! per second, and the bytes of state per key; the same with a million keys. DuckDB computes the same over the whole
//! table.
//!
//! `cargo xtask bench windows`, or `cargo bench -p gristmill-sql --bench windows` for ours alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs
)]

#[path = "../tests/data.rs"]
mod data;

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use gristmill_learn::Stateful;
use gristmill_sql::{Column, Item, Kind, Program, Setting, Windows};

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TRANSACTIONS: &str = "fraud_handbook/transactions_2018-04-01_2018-09-30.csv.zst";
/// 2018-04-01, in seconds.
const BEGIN: i64 = 1_522_540_800;
const BATCH: usize = 1_000;
const PASSES: usize = 3;

/// A name and its expression on each line: DuckDB gets the same.
const ITEMS: &str = include_str!("windows.sql");

fn program() -> Program {
    let columns = [("ts", Kind::Time), ("customer", Kind::Int), ("terminal", Kind::Int), ("amount", Kind::Float)];
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
    let setting = Setting { columns: columns.into(), time: Some(0), ..Setting::default() };
    let item = |line: &str| line.split_once(": ").map(|(name, text)| Item::new(name, text)).unwrap();
    Program::compile(&setting, &ITEMS.lines().map(item).collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{e:?}"))
}

struct Table {
    seconds: Vec<i64>,
    customer: Vec<i64>,
    terminal: Vec<i64>,
    amount: Vec<f64>,
}

fn transactions() -> Option<Table> {
    let path = data::find(TRANSACTIONS)?.join(TRANSACTIONS);
    let reader = BufReader::new(zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap());
    let mut table = Table { seconds: Vec::new(), customer: Vec::new(), terminal: Vec::new(), amount: Vec::new() };
    for line in reader.lines().skip(1) {
        let line = line.unwrap();
        let fields: Vec<&str> = line.split(',').collect();
        table.seconds.push(BEGIN + fields[5].parse::<i64>().unwrap());
        table.customer.push(fields[2].parse().unwrap());
        table.terminal.push(fields[3].parse().unwrap());
        table.amount.push(fields[4].parse().unwrap());
    }
    Some(table)
}

/// `spread`: how many customers and terminals each one becomes; `faster`: the factor by which time runs faster.
fn batches(table: &Table, spread: i64, faster: i64) -> Vec<Vec<ArrayRef>> {
    let key = |(row, key): (usize, &i64)| key * spread + row as i64 % spread;
    let mut batches = Vec::new();
    for begin in (0..table.seconds.len()).step_by(BATCH) {
        let rows = begin..(begin + BATCH).min(table.seconds.len());
        let keys = |of: &[i64]| -> ArrayRef {
            Arc::new(
                of[rows.clone()].iter().enumerate().map(|(row, one)| key((begin + row, one))).collect::<Int64Array>(),
            )
        };
        let times = table.seconds[rows.clone()].iter().map(|second| (BEGIN + (second - BEGIN) / faster) * 1_000_000);
        batches.push(vec![
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef,
            keys(&table.customer),
            keys(&table.terminal),
            Arc::new(Float64Array::from(table.amount[rows].to_vec())),
        ]);
    }
    batches
}

fn measure(name: &str, table: &Table, spread: i64, faster: i64) {
    let (program, batches) = (program(), batches(table, spread, faster));
    let mut best = f64::INFINITY;
    let (mut bytes, mut keys) = (0, 0);
    for _ in 0..PASSES {
        let mut windows = Windows::new(&program);
        let began = Instant::now();
        for batch in &batches {
            std::hint::black_box(program.evaluate(&mut windows, batch, batch[0].len()));
        }
        best = best.min(began.elapsed().as_secs_f64());
        (bytes, keys) = (windows.size(), windows.keys());
    }
    let rows = table.seconds.len();
    println!(
        "{name}\t{rows} rows\t{best:.2} s\t{:.0} rows/s\t{keys} keys\t{} bytes of state a key\t{:.1} rows a key",
        rows as f64 / best,
        bytes / keys.max(1),
        rows as f64 / keys.max(1) as f64
    );
}

fn main() {
    let Some(table) = transactions() else { return };
    measure("gristmill", &table, 1, 1);
    measure("gristmill, many keys", &table, 70, 1);
    // Six months within thirty days: no customer expires.
    measure("gristmill, a million keys", &table, 160, 7);
}
