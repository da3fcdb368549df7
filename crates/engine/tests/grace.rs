//! With a grace, out-of-order rows get the windows that an independent engine computes for ordered rows.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use gristmill::plan::Plan;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Cell, Column, Partition, Position, RawRecord, RawRows, Rows, SchemaDrift};
use gristmill::shard::Shard;
use gristmill_formats::encoder;
use serde_json::Value;

/// DuckDB's windows over random tables; see `cargo xtask sql-golden`.
const GOLDEN: &[u8] = include_bytes!("../../sql/tests/golden/windows.json.zst");
const GRACE: i64 = 3_600;

/// The plan with these windows, and a grace of an hour.
fn plan(windows: &[&str]) -> Arc<Plan> {
    waiting(windows, GRACE)
}

fn waiting(windows: &[&str], grace: i64) -> Arc<Plan> {
    let features: String = windows.iter().enumerate().map(|(at, sql)| format!("  - c{at}: {:?}\n", sql)).collect();
    let document = format!(
        "
name: t
input:
  file: {{path: '-'}}
  format: json
  columns: {{ts: timestamp, k: string, k2: int64, x: float64, y: float64, n: int64, s: string, b: boolean, row: int64}}
  time: ts
  grace: {grace} s
clean:
  - late
features:
{features}model: [one_hot_encoder, half_space_trees]
dead_letters: {{file: {{path: dead}}}}
"
    );
    Arc::new(Plan::read("t.yaml", &document, &|_| None).unwrap_or_else(|problems| panic!("{problems}")))
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// One block of rows of a golden table, with their numbers there.
fn block(table: &[Value], order: &[usize]) -> (RawRows, Rows) {
    let cells = |at: usize| order.iter().map(move |row| &table[*row][at]);
    let text =
        |at: usize| Column::String(cells(at).map(|cell| cell.as_str().map(String::from)).collect::<StringArray>());
    let whole = |at: usize| Column::Int64(cells(at).map(Value::as_i64).collect::<Int64Array>());
    let number = |at: usize| Column::Float64(cells(at).map(float).collect::<Float64Array>());
    let times: TimestampMicrosecondArray = cells(0).map(|cell| cell.as_i64().map(|time| time * 1_000_000)).collect();
    let columns = vec![
        Column::Timestamp(times.with_timezone("UTC")),
        text(1),
        whole(2),
        number(3),
        number(4),
        whole(5),
        text(6),
        Column::Boolean(cells(7).map(Value::as_bool).collect::<BooleanArray>()),
        Column::Int64(order.iter().map(|row| Some(*row as i64)).collect::<Int64Array>()),
    ];
    let mut raw = RawRows::new(Partition::new("t", 0));
    for row in order {
        raw.push(RawRecord {
            position: Position::number(*row as u64),
            timestamp: None,
            key: None,
            value: Some(b"{}"),
            headers: &[],
        });
    }
    (raw, Rows { columns, records: (0..order.len()).collect(), drift: SchemaDrift::default() })
}

/// Rows out of order by less than the grace; those of one time keep their order.
fn jumbled(table: &[Value]) -> Vec<usize> {
    let time = |row: usize| table[row][0].as_i64().unwrap();
    let mut order: Vec<usize> = (0..table.len()).collect();
    let jitter = |row: usize| (time(row).wrapping_mul(7_919) % (GRACE / 2)).abs();
    order.sort_by_key(|row| (time(*row) + jitter(*row), *row));
    order
}

fn agree(ours: Cell<'_>, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Cell::Missing, Value::Null) => true,
        (Cell::String(ours), Value::String(theirs)) => ours == theirs,
        (Cell::Boolean(ours), Value::Bool(theirs)) => ours == *theirs,
        (Cell::Timestamp(ours), theirs) => Some(ours) == theirs.as_i64(),
        (Cell::Int64(ours), theirs) => Some(ours) == theirs.as_i64(),
        (Cell::Float64(ours), theirs) => float(theirs).is_some_and(|theirs| {
            (ours.is_nan() && theirs.is_nan())
                || ours == theirs
                || (ours - theirs).abs() <= 1e-9 * ours.abs().max(theirs.abs()).max(1.0)
        }),
        _ => false,
    }
}

#[test]
fn rows_out_of_order_have_the_windows_of_rows_in_order() {
    let text = String::from_utf8(zstd::decode_all(GOLDEN).unwrap()).unwrap();
    let (mut windows, mut values, mut moved) = (0, 0, 0);
    for line in text.lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let (table, cases) = (golden["rows"].as_array().unwrap(), golden["cases"].as_array().unwrap());
        let sql: Vec<&str> = cases.iter().map(|case| case["sql"].as_str().unwrap()).collect();
        let plan = plan(&sql);
        let mut shard = Shard::open(&RunnablePlan::alone(&plan, encoder), Partition::new("t", 0), None).unwrap();
        let order = jumbled(table);
        moved += order.iter().enumerate().filter(|(place, row)| place != *row).count();
        let (mut refusals, mut seen) = (Vec::new(), Vec::new());
        let mut compare = |rows: &Rows| {
            for row in 0..rows.len() {
                let Cell::Int64(number) = rows.columns[8].cell(row) else { panic!("its number is gone") };
                for (case, feature) in cases.iter().zip(&plan.features) {
                    let (ours, theirs) = (rows.columns[*feature].cell(row), &case["values"][number as usize]);
                    assert!(agree(ours, theirs), "{}\nrow {number}: {ours:?}, DuckDB has {theirs}", case["sql"]);
                    values += 1;
                }
                seen.push(number as usize);
            }
        };
        for part in order.chunks(7) {
            let (raw, rows) = block(table, part);
            compare(&shard.prepare(&raw, &rows, &mut refusals).unwrap());
        }
        compare(&shard.prepare_rest(&mut refusals).unwrap().unwrap());
        assert!(refusals.is_empty(), "{refusals:?}");
        assert_eq!(seen, (0..table.len()).collect::<Vec<_>>(), "rows in the order of time and arrival");
        windows += cases.len();
    }
    println!("{windows} windows over {moved} rows out of order, {values} values");
    assert!(windows >= 2_000 && moved > 500, "{windows} windows, {moved} rows");
}

/// A change of the document that discards buffered rows reports their number.
#[test]
fn rows_that_are_given_up_are_counted() {
    let text = String::from_utf8(zstd::decode_all(GOLDEN).unwrap()).unwrap();
    let golden: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let table = golden["rows"].as_array().unwrap();
    let plan = waiting(&["x + 1"], GRACE);
    let mut shard = Shard::open(&RunnablePlan::alone(&plan, encoder), Partition::new("t", 0), None).unwrap();
    let (raw, rows) = block(table, &jumbled(table));
    shard.prepare(&raw, &rows, &mut Vec::new()).unwrap();
    let waits = shard.waiting();
    assert!(waits > 0);
    let adapt = |plan| {
        Shard::adapt(&RunnablePlan::alone(&plan, encoder), Partition::new("t", 0), &shard.snapshot(), &[]).unwrap()
    };
    let longer = adapt(waiting(&["x + 1"], 2 * GRACE));
    assert_eq!((longer.lost[0].rows, longer.shard.waiting()), (waits, 0));
    assert!(longer.changed.contains(&"grace".to_string()));
    let same = adapt(waiting(&["x + 2"], GRACE));
    assert!(same.lost.is_empty() && same.kept.contains(&"grace".to_string()));
    assert_eq!(same.shard.waiting(), waits);
}
