//! Tables of rows, and DuckDB's results for windows over them.
#![allow(dead_code)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use gristmill_sql::{Column, Item, Kind, Program, Setting};
use serde_json::Value;

#[derive(serde::Deserialize)]
pub(crate) struct Table {
    pub(crate) duckdb: String,
    pub(crate) rows: Vec<Vec<Value>>,
    pub(crate) cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Case {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

pub(crate) const COLUMNS: [(&str, Kind); 8] = [
    ("ts", Kind::Time),
    ("k", Kind::Text),
    ("k2", Kind::Int),
    ("x", Kind::Float),
    ("y", Kind::Float),
    ("n", Kind::Int),
    ("s", Kind::Text),
    ("b", Kind::Boolean),
];

pub(crate) fn setting() -> Setting {
    let column = |(name, kind): (&str, Kind)| Column { name: name.into(), kind, delay: None };
    Setting { columns: COLUMNS.map(column).into(), time: Some(0), ..Setting::default() }
}

pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn column(rows: &[Vec<Value>], at: usize) -> ArrayRef {
    let cells = rows.iter().map(|row| &row[at]);
    match COLUMNS[at].1 {
        Kind::Time => {
            let times: TimestampMicrosecondArray =
                cells.map(|cell| cell.as_i64().map(|time| time * 1_000_000)).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        Kind::Text => Arc::new(cells.map(|cell| cell.as_str().map(String::from)).collect::<StringArray>()),
        Kind::Int => Arc::new(cells.map(Value::as_i64).collect::<Int64Array>()),
        Kind::Float => Arc::new(cells.map(number).collect::<Float64Array>()),
        Kind::Boolean => Arc::new(cells.map(Value::as_bool).collect::<BooleanArray>()),
    }
}

pub(crate) fn columns(rows: &[Vec<Value>]) -> Vec<ArrayRef> {
    (0..COLUMNS.len()).map(|at| column(rows, at)).collect()
}

/// A cell, as the golden file writes it.
pub(crate) fn cell(array: &dyn Array, row: usize) -> Value {
    if !array.is_valid(row) {
        return Value::Null;
    }
    match Kind::of(array.data_type()).unwrap() {
        Kind::Time => array.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        Kind::Text => array.as_string::<i32>().value(row).into(),
        Kind::Int => array.as_primitive::<Int64Type>().value(row).into(),
        Kind::Boolean => array.as_boolean().value(row).into(),
        Kind::Float => {
            let value = array.as_primitive::<Float64Type>().value(row);
            if value.is_nan() { "NaN".into() } else { value.into() }
        }
    }
}

pub(crate) fn agree(ours: &Value, theirs: &Value) -> bool {
    match (number(ours), number(theirs)) {
        (Some(a), Some(b)) => {
            (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        _ => ours == theirs,
    }
}

/// The tables of a golden file, or of the file that an environment variable names.
pub(crate) fn tables(golden: &[u8], variable: &str) -> Vec<Table> {
    let text = match std::env::var_os(variable) {
        Some(path) => std::fs::read(path).unwrap(),
        None => zstd::decode_all(golden).unwrap(),
    };
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn program(table: &Table) -> Program {
    let items = table.cases.iter().enumerate().map(|(number, case)| Item::new(format!("c{number}"), &case.sql));
    Program::compile(&setting(), &items.collect::<Vec<_>>()).unwrap_or_else(|mistakes| {
        let mistake = &mistakes[0];
        panic!("{}: {mistake:?}", table.cases[mistake.item].sql)
    })
}
