//! A data set as numbers, for tests and benchmarks of learners.
#![allow(dead_code, reason = "not everyone asks for the names")]

use std::io::Read;

/// The names of the columns, and row by row their numbers and the label as text.
pub(crate) struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<(Vec<f64>, String)>,
}

/// Reads a compressed CSV file, if it exists.
pub(crate) fn read(file: &str, label: &str) -> Option<Table> {
    let path = crate::data::find(file)?.join(file);
    let mut text = String::new();
    zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap().read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let mut names: Vec<String> = lines.next().unwrap().split(',').map(String::from).collect();
    let label = names.iter().position(|name| name == label).unwrap();
    names.remove(label);
    let row = |line: &str| {
        let mut fields: Vec<&str> = line.split(',').collect();
        let label = fields.remove(label).to_string();
        (fields.iter().map(|field| field.parse().unwrap()).collect(), label)
    };
    Some(Table { names, rows: lines.map(row).collect() })
}
