//! Windows compared with an independent engine, and the laws of state: batches do not matter, saved state continues the
//! same.
//!
//! `cargo xtask sql-golden` writes the golden file again; `cargo xtask sql-golden --live` compares other tables with
//! DuckDB.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod beside;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, TimestampMicrosecondArray};
use beside::{Table, agree, cell, columns, program, setting};
use gristmill_learn::{StateReader, StateWriter, Stateful};
use gristmill_sql::{Item, Program, Windows};
use serde_json::Value;

fn tables() -> Vec<Table> {
    beside::tables(include_bytes!("golden/windows.json.zst"), "GRISTMILL_SQL_GOLDEN")
}

#[test]
fn an_independent_engine_agrees() {
    let (mut cases, mut values) = (0, 0);
    for table in tables() {
        let program = program(&table);
        let features = program.evaluate(&mut Windows::new(&program), &columns(&table.rows), table.rows.len());
        assert!(features.failures.is_empty(), "{:?}", features.failures);
        for (case, ours) in table.cases.iter().zip(&features.columns) {
            cases += 1;
            for (row, theirs) in case.values.iter().enumerate() {
                let ours = cell(ours, row);
                assert!(agree(&ours, theirs), "{}\nrow {row}: {ours}, DuckDB {} has {theirs}", case.sql, table.duckdb);
                values += 1;
            }
        }
    }
    println!("{cases} windows over random tables, {values} values");
    assert!(cases >= 2_000, "{cases}");
}

#[test]
fn batches_and_saved_state_change_nothing() {
    for (number, table) in tables().into_iter().enumerate().take(20) {
        let program = program(&table);
        let all = columns(&table.rows);
        let count = table.rows.len();
        let mut whole = Windows::new(&program);
        let expected = program.evaluate(&mut whole, &all, count);
        let expected_state = StateWriter::of(&whole);
        let cut = (number * 7) % (count + 1);
        let part = |from: usize, length: usize| -> Vec<ArrayRef> {
            all.iter().map(|column| column.slice(from, length)).collect()
        };
        let mut first = Windows::new(&program);
        let before = program.evaluate(&mut first, &part(0, cut), cut);
        let saved = StateWriter::of(&first);
        let mut second = Windows::new(&program);
        StateReader::into(&saved, &mut second).unwrap();
        assert!(StateWriter::of(&second) == saved, "not canonical, cut at {cut}");
        let mut after = Vec::new();
        for row in cut..count {
            after.push(program.evaluate(&mut second, &part(row, 1), 1));
        }
        assert!(StateWriter::of(&second) == expected_state, "another state, cut at {cut}");
        for (item, whole) in expected.columns.iter().enumerate() {
            for row in 0..count {
                let ours =
                    if row < cut { cell(&before.columns[item], row) } else { cell(&after[row - cut].columns[item], 0) };
                assert_eq!(ours, cell(whole, row), "{} at {row}, cut at {cut}", table.cases[item].sql);
            }
        }
        for cut in 0..saved.len().min(400) {
            assert!(
                StateReader::into(&saved[..cut], &mut Windows::new(&program)).is_err(),
                "a state cut at {cut} loads"
            );
        }
    }
}

#[test]
fn keys_beyond_the_limit_are_forgotten_and_counted() {
    let items = [Item::new("n", "count(*) OVER (PARTITION BY n ORDER BY ts ROWS 3 PRECEDING)")];
    let program = Program::compile(&setting(), &items).unwrap();
    let row = |row: i64| {
        vec![row.into(), Value::Null, 0.into(), Value::Null, Value::Null, row.into(), Value::Null, Value::Null]
    };
    let rows: Vec<Vec<Value>> = (0..20_000).map(row).collect();
    let (mut free, limit) = (Windows::new(&program), 200_000);
    let mut held = Windows::new(&program).with_limit(limit);
    for windows in [&mut free, &mut held] {
        program.evaluate(windows, &columns(&rows), rows.len());
    }
    assert_eq!(free.evicted(), 0);
    // Between two sweeps the keys of 1,024 rows may be added.
    let held_now = held.size() as u64;
    assert!(held.evicted() > 15_000 && held_now < limit + 300_000, "{} {held_now}", held.evicted());
    assert!(held.size() < free.size() / 4);
}

/// Keys that occur only once: those that no window can see any more expire.
#[test]
fn keys_expire_though_every_row_has_a_new_one() {
    let items = [Item::new("n", "count(*) OVER (PARTITION BY n ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)")];
    let program = Program::compile(&setting(), &items).unwrap();
    let row = |row: i64| {
        let time = (row * 10).into();
        vec![time, Value::Null, 0.into(), Value::Null, Value::Null, row.into(), Value::Null, Value::Null]
    };
    let mut windows = Windows::new(&program);
    let mut sizes = Vec::new();
    for part in 0..20 {
        let rows: Vec<Vec<Value>> = (part * 5_000..(part + 1) * 5_000).map(row).collect();
        program.evaluate(&mut windows, &columns(&rows), rows.len());
        sizes.push(windows.size());
    }
    assert!(sizes[19] < 2 * sizes[1], "{sizes:?}");
}

/// No error accumulates from values that leave: after very many rows of very different sizes a window equals one that
/// has seen only its own rows. A million rows; `GRISTMILL_ROWS=10000000` for ten million.
#[test]
fn after_very_many_rows_a_window_is_as_if_fresh() {
    let rows: i64 = std::env::var("GRISTMILL_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let window = "OVER (ORDER BY ts RANGE INTERVAL '90 seconds' PRECEDING)";
    let items =
        ["sum", "avg", "stddev", "min", "max", "count"].map(|name| Item::new(name, format!("{name}(x) {window}")));
    let program = Program::compile(&setting(), &items).unwrap();
    let value = |row: i64| {
        let wave = ((row * 7_919) % 10_007) as f64 / 7.0;
        if row % 1_000 < 3 { wave * 1e15 } else { wave }
    };
    let evaluate = |windows: &mut Windows, from: i64, to: i64| {
        let numbers = Float64Array::from_iter_values((from..to).map(value));
        let times = TimestampMicrosecondArray::from_iter_values((from..to).map(|row| row * 1_000_000));
        let length = (to - from) as usize;
        let empty = columns(&vec![vec![Value::Null; 8]; length]);
        let mut base = empty;
        base[0] = Arc::new(times.with_timezone("UTC"));
        base[3] = Arc::new(numbers);
        let features = program.evaluate(windows, &base, length);
        assert!(features.failures.is_empty());
        features.columns
    };
    let mut windows = Windows::new(&program);
    for from in (0..rows).step_by(50_000) {
        let last = evaluate(&mut windows, from, from + 50_000);
        let (mut fresh, end) = (Windows::new(&program), from + 50_000);
        let alone = evaluate(&mut fresh, end - 91, end);
        for (item, (ours, theirs)) in items.iter().zip(last.iter().zip(&alone)) {
            let at = |column: &ArrayRef| match column.data_type() {
                arrow_schema::DataType::Int64 => column.as_primitive::<Int64Type>().value(column.len() - 1) as f64,
                _ => column.as_primitive::<Float64Type>().value(column.len() - 1),
            };
            let (ours, theirs) = (at(ours), at(theirs));
            let near = if item.name == "stddev" { theirs.abs() * 1e-12 } else { 0.0 };
            assert!((ours - theirs).abs() <= near, "{} after {end} rows: {ours} {theirs}", item.name);
        }
    }
    assert!(windows.size() < 50_000, "{}", windows.size());
}
