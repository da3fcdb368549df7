//! Rows out of order: each sees the rows that arrived before it and precede it in time, as DuckDB computes it over the
//! rows that had arrived by then; if they are no longer retained, its window is missing, and it is counted.
//!
//! `cargo xtask sql-golden` writes the golden file again; `cargo xtask sql-golden --live` compares other tables.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod beside;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use beside::{Table, agree, cell, columns, program, setting, tables};
use gristmill_learn::{StateReader, StateWriter};
use gristmill_sql::{Column, Item, Kind, Program, Setting, Windows};
use serde_json::{Value, json};

/// Windows with every kind of state: with a beginning and without, by time and by rows.
const KEPT: [&str; 9] = [
    "sum(x) OVER (PARTITION BY k ORDER BY ts)",
    "stddev(y) OVER (PARTITION BY k ORDER BY ts)",
    "first_value(x) OVER (PARTITION BY k ORDER BY ts)",
    "last_value(s) OVER (ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '20 seconds' PRECEDING)",
    "max(n) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)",
    "avg(x) OVER (PARTITION BY k2 ORDER BY ts RANGE INTERVAL '1 minute' PRECEDING)",
    "min(y) OVER (PARTITION BY k2 ORDER BY ts RANGE INTERVAL '10 seconds' PRECEDING)",
    "lag(s, 2) OVER (PARTITION BY k ORDER BY ts)",
    "median(y) OVER (PARTITION BY k ORDER BY ts ROWS 5 PRECEDING)",
];

fn row(number: i64) -> Vec<Value> {
    let x = (number * 7 % 11) as f64 - 3.5;
    let text = ["a", "b", "c"][(number % 3) as usize];
    vec![
        json!(number * 3),
        json!(text),
        json!(number % 2),
        json!(x),
        json!(x * 10.0),
        json!(number % 5),
        json!(text),
        json!(true),
    ]
}

/// A state that an earlier version saved after 60 rows continues as if this version had computed it from the
/// beginning.
#[test]
fn windows_of_an_earlier_version_still_load() {
    let items = KEPT.iter().enumerate().map(|(number, text)| Item::new(format!("c{number}"), *text));
    let program = Program::compile(&setting(), &items.collect::<Vec<_>>()).unwrap();
    let (before, after): (Vec<_>, Vec<_>) = ((0..60).map(row).collect(), (60..100).map(row).collect());
    let mut whole = Windows::new(&program);
    program.evaluate(&mut whole, &columns(&before), before.len());
    let mut loaded = Windows::new(&program);
    StateReader::into(include_bytes!("golden/windows-2.state"), &mut loaded).unwrap();
    let ours = program.evaluate(&mut loaded, &columns(&after), after.len());
    let fresh = program.evaluate(&mut whole, &columns(&after), after.len());
    for (item, (ours, fresh)) in KEPT.iter().zip(ours.columns.iter().zip(&fresh.columns)) {
        for row in 0..after.len() {
            assert_eq!(cell(ours, row), cell(fresh, row), "{item} at {row}");
        }
    }
}

fn golden() -> Vec<Table> {
    tables(include_bytes!("golden/late.json.zst"), "GRISTMILL_SQL_LATE")
}

/// The results for the rows of a table.
#[derive(Default)]
struct Answered {
    values: usize,
    missing: usize,
    late: u64,
}

/// Every value is DuckDB's over the rows that had arrived, or missing in a row that was counted.
fn answered(table: &Table) -> Answered {
    let program = program(table);
    let (mut windows, all) = (Windows::new(&program), columns(&table.rows));
    let mut found = Answered::default();
    for row in 0..table.rows.len() {
        let one: Vec<_> = all.iter().map(|column| column.slice(row, 1)).collect();
        let before = windows.missed();
        let features = program.evaluate(&mut windows, &one, 1);
        assert!(features.failures.is_empty(), "{:?}", features.failures);
        let mut missing = 0;
        for (case, ours) in table.cases.iter().zip(&features.columns) {
            let (ours, theirs) = (cell(ours, 0), &case.values[row]);
            found.values += 1;
            if !agree(&ours, theirs) {
                assert!(ours.is_null(), "{}\nrow {row}: {ours}, DuckDB {} has {theirs}", case.sql, table.duckdb);
                missing += 1;
            }
        }
        // A window may be missing where DuckDB has no value, too.
        assert!(missing == 0 || windows.missed() == before + 1, "row {row}: {missing} missing, and not counted");
        found.missing += missing;
    }
    let late = |row: &usize| table.rows[..*row].iter().any(|other| other[0].as_i64() > table.rows[*row][0].as_i64());
    found.late = windows.late();
    assert_eq!(found.late, (0..table.rows.len()).filter(late).count() as u64);
    found
}

#[test]
fn a_late_row_sees_what_duckdb_sees_of_the_rows_that_came_before_it() {
    let (mut exact, mut all) = (0, Answered::default());
    for table in golden() {
        let found = answered(&table);
        if table.rows.len() <= 16 {
            assert_eq!(found.missing, 0, "so few rows are always held");
            exact += 1;
        }
        all.values += found.values;
        all.missing += found.missing;
        all.late += found.late;
    }
    println!("{} values, {} missing; {} late rows, {exact} tables without any", all.values, all.missing, all.late);
    assert!(exact >= 20 && all.late >= 300 && all.missing > 0, "{exact} {} {}", all.late, all.missing);
    assert!(all.missing * 10 < all.values, "{} of {}", all.missing, all.values);
}

const HOUR: i64 = 3_600_000_000;

/// The values of a sum over hours and amounts, in order of arrival; none where it is missing.
fn sums(window: &str, delay: Option<i64>, rows: &[(i64, f64)]) -> (Vec<Option<f64>>, Windows) {
    let column = |name: &str, kind, delay| Column { name: name.into(), kind, delay };
    let columns = vec![column("ts", Kind::Time, None), column("v", Kind::Float, delay), column("k", Kind::Int, None)];
    let setting = Setting { columns, time: Some(0), ..Setting::default() };
    let program = Program::compile(&setting, &[Item::new("made", window)]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let times: TimestampMicrosecondArray = rows.iter().map(|(hour, _)| Some(hour * HOUR)).collect();
    let base: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|(_, value)| *value))),
        // Amounts of a thousand and more belong to another key.
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, value)| i64::from(*value >= 1_000.0)))),
    ];
    let mut windows = Windows::new(&program);
    let made = program.evaluate(&mut windows, &base, rows.len()).columns.remove(0);
    (made.as_primitive::<Float64Type>().iter().collect(), windows)
}

#[test]
fn a_late_row_sees_nothing_that_comes_after_it() {
    let (found, windows) = sums("sum(v) OVER (ORDER BY ts)", None, &[(1, 1.0), (10, 5.0), (2, 2.0), (11, 0.5)]);
    assert_eq!(found, [Some(1.0), Some(6.0), Some(3.0), Some(8.5)]);
    assert_eq!((windows.late(), windows.missed()), (1, 0));
    // What is known a day later is not known to a row of that day.
    let known = "avg(v) OVER (ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '1 day' PRECEDING)";
    let (found, _) = sums(known, Some(24 * HOUR), &[(0, 1.0), (240, 0.0), (12, 0.0), (36, 0.0)]);
    assert_eq!(found, [None, Some(1.0), None, Some(0.5)]);
}

/// However many rows there are, one that is late by an eighth of the longest window, or by 16 rows of its key, has all
/// of its windows; a later one has those that are certain.
#[test]
fn what_is_kept_for_late_rows() {
    let exact = |window: &str, late: &dyn Fn(i64) -> i64, from: &dyn Fn(i64) -> i64| {
        // Integers add up without an error, in any order.
        let rows: Vec<(i64, f64)> = (0..2_000).map(|row| (late(row), (row % 9) as f64)).collect();
        let (found, windows) = sums(window, None, &rows);
        for (row, (time, _)) in rows.iter().enumerate() {
            let before = rows[..=row].iter().filter(|(at, _)| from(*time) <= *at && at <= time);
            assert_eq!(found[row], Some(before.map(|(_, value)| value).sum()), "{window} at {row}");
        }
        (windows.late(), windows.missed())
    };
    let day = "sum(v) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '80 hours' PRECEDING)";
    // Each third row is late by up to ten hours, of a window of eighty.
    let late = exact(day, &|row| row - if row % 3 == 0 { row % 11 } else { 0 }, &|time| time - 80);
    assert!(late.0 > 500 && late.1 == 0, "{late:?}");
    let always = "sum(v) OVER (PARTITION BY k ORDER BY ts)";
    let late = exact(always, &|row| row - if row % 2 == 0 { 14 } else { 0 }, &|_| i64::MIN);
    assert!(late.0 > 900 && late.1 == 0, "{late:?}");
    let one = "sum(v) OVER (ORDER BY ts)";
    let late = exact(one, &|row| row - if row % 300 == 299 { 250 } else { 0 }, &|_| i64::MIN);
    assert!(late.0 > 4 && late.1 == 0, "{late:?}");
}

#[test]
fn what_is_not_kept_is_missing_and_counted_and_still_counts_for_others() {
    let mut rows: Vec<(i64, f64)> = (0..1_000).map(|row| (row, 1.0)).collect();
    rows.extend([(100, 1.0), (990, 1.0), (1_000, 1.0)]);
    let (found, windows) = sums("sum(v) OVER (PARTITION BY k ORDER BY ts)", None, &rows);
    assert_eq!(found[1_000..], [None, Some(993.0), Some(1_003.0)], "the second knows of the first");
    assert_eq!((windows.late(), windows.missed()), (2, 1));
    let (found, _) =
        sums("first_value(v) OVER (ORDER BY ts)", None, &[&rows[..1_000], &[(-1, 7.0), (1_000, 1.0)]].concat());
    assert_eq!(found[1_000..], [None, Some(7.0)], "the first of all came late");
    // A key that expired is not treated as one that never existed.
    let hours = "sum(v) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '8 hours' PRECEDING)";
    let mut rows: Vec<(i64, f64)> = vec![(5, 1.0)];
    rows.extend((6..3_000).map(|hour| (hour, 1_000.0)));
    rows.extend([(7, 1.0), (2_990, 1.0), (3_000, 1.0)]);
    let (found, windows) = sums(hours, None, &rows);
    assert_eq!(found[rows.len() - 3..], [None, Some(1.0), Some(1.0)]);
    assert_eq!((windows.late(), windows.missed()), (2, 1));
}

#[test]
fn batches_and_saved_state_change_nothing_of_late_rows() {
    for (number, table) in golden().into_iter().enumerate() {
        let (program, all, count) = (program(&table), columns(&table.rows), table.rows.len());
        let part = |from: usize, length| all.iter().map(|column| column.slice(from, length)).collect::<Vec<_>>();
        let mut whole = Windows::new(&program);
        let expected = program.evaluate(&mut whole, &all, count);
        let cut = (number * 7) % (count + 1);
        let mut first = Windows::new(&program);
        program.evaluate(&mut first, &part(0, cut), cut);
        let saved = StateWriter::of(&first);
        let mut second = Windows::new(&program);
        StateReader::into(&saved, &mut second).unwrap();
        assert!(StateWriter::of(&second) == saved, "not canonical, cut at {cut}");
        for row in cut..count {
            let alone = program.evaluate(&mut second, &part(row, 1), 1);
            for (case, (ours, whole)) in table.cases.iter().zip(alone.columns.iter().zip(&expected.columns)) {
                assert_eq!(cell(ours, 0), cell(whole, row), "{} at {row}, cut at {cut}", case.sql);
            }
        }
        assert!(StateWriter::of(&second) == StateWriter::of(&whole), "another state, cut at {cut}");
    }
}
