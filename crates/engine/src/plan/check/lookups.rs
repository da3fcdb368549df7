//! The tables that rows are looked up in.

use super::Checker;
use crate::document::{Path, path, with_nearest};
use crate::lookup::{LookupPlan, LookupSource};
use crate::plan::{ColumnPlan, Need};
use crate::spec::{ColumnType, Format, Lookup};

impl Checker<'_> {
    /// The tables; the columns that rows gain are known from then on.
    pub(super) fn lookups(&mut self) -> Vec<LookupPlan> {
        let mut tables = Vec::new();
        for (name, table) in &self.pipeline.lookup.0 {
            let at = path(["lookup", name]);
            let plan = self.lookup(name, table, &at);
            for (name, column) in plan.iter().flat_map(LookupPlan::given) {
                if self.known.iter().any(|(known, _)| known == name) {
                    self.wrong(at.clone(), format!("there is a column `{name}` already: give the table another name"));
                }
                self.known.push((name.to_string(), column.kind.clone()));
            }
            tables.extend(plan);
        }
        tables
    }

    fn lookup(&mut self, name: &str, table: &Lookup, at: &Path) -> Option<LookupPlan> {
        let under = |names: &[&str]| names.iter().fold(at.clone(), |at, name| [at.as_slice(), &path([*name])].concat());
        if !name.chars().all(|c| c.is_alphanumeric() || c == '_') || name.starts_with(|c: char| c.is_numeric()) {
            self.wrong(at.clone(), format!("`{name}` cannot name a table: use letters, digits and `_`"));
        }
        let source = self.lookup_source(table, at);
        let format = match (&table.file, table.format) {
            (_, Some(format)) => Some(format),
            (Some(file), None) => self.format_of(&file.path, under(&["file", "path"])),
            (None, None) => {
                self.wrong_with_help(
                    at.clone(),
                    "`format` is missing",
                    "add `format: json` or `format: csv` beside it",
                );
                None
            }
        };
        let on = self.column(Some(&table.on), under(&["on"]));
        let topic = table.kafka.is_some();
        let key = match (&table.key, topic) {
            (Some(key), _) => self.lookup_column(table, key, under(&["key"])),
            (None, true) => None,
            (None, false) => self.lookup_column(table, &table.on, under(&["on"])),
        };
        let time = self.lookup_time(table, under(&["time"]));
        let need = |index: usize| if Some(index) == key || Some(index) == time { Need::Value } else { Need::Nothing };
        let columns = table.columns.0.iter().enumerate().map(|(index, (name, kind))| ColumnPlan {
            name: name.clone(),
            kind: kind.clone(),
            need: need(index),
        });
        let columns: Vec<ColumnPlan> = columns.collect();
        let given = columns.iter().enumerate().filter(|(index, _)| Some(*index) != key);
        let names = given.map(|(_, column)| format!("{name}.{}", column.name)).collect();
        let name = name.to_string();
        Some(LookupPlan { name, source: source?, format: format?, columns, key, on: on?, time, names, content: None })
    }

    /// The column that says from when a row of the table holds.
    fn lookup_time(&mut self, table: &Lookup, at: Path) -> Option<usize> {
        let time = self.lookup_column(table, table.time.as_ref()?, at.clone());
        if let Some((_, kind)) = time.and_then(|time| table.columns.0.get(time))
            && !matches!(kind, ColumnType::Timestamp(_))
        {
            let message =
                format!("it says from when a row holds, so it must be a `timestamp`; this one is `{}`", kind.name());
            self.wrong(at.clone(), message);
        }
        if self.pipeline.input.time.is_none() {
            let help = "name the column of event time: `time: …` under `input`";
            self.wrong_with_help(at, "rows of the input have no time to look back from", help);
        }
        time
    }

    fn lookup_source(&mut self, table: &Lookup, at: &Path) -> Option<LookupSource> {
        match (&table.file, &table.kafka) {
            (Some(file), None) => {
                if file.path == "-" {
                    self.wrong([at.as_slice(), &path(["file", "path"])].concat(), "a table cannot be standard input");
                }
                let delimiter =
                    self.delimiter(file.delimiter.as_deref(), [at.as_slice(), &path(["file", "delimiter"])].concat());
                Some(LookupSource::File { path: file.path.clone(), header: file.header, delimiter })
            }
            (None, Some(kafka)) => {
                self.topic(&kafka.topic, [at.as_slice(), &path(["kafka", "topic"])].concat());
                Some(LookupSource::Topic(kafka.topic.clone()))
            }
            (None, None) => {
                self.wrong_with_help(at.clone(), "the table says not where from", "add `file:` or `kafka:`");
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(at.clone(), "a table is in a `file` or in `kafka`, not in both");
                None
            }
        }
    }

    /// The format that a file's name tells.
    pub(super) fn format_of(&mut self, file: &str, at: Path) -> Option<Format> {
        let name = file.to_lowercase();
        let bare = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
        if bare.ends_with(".csv") {
            Some(Format::Csv)
        } else if [".ndjson", ".jsonl", ".json"].iter().any(|ending| bare.ends_with(ending)) {
            Some(Format::Json)
        } else {
            let message = format!("the name `{file}` does not say how its records are written");
            self.wrong_with_help(at, message, "add `format: json` or `format: csv` beside it");
            None
        }
    }

    fn lookup_column(&mut self, table: &Lookup, name: &str, at: Path) -> Option<usize> {
        let found = table.columns.keys().position(|column| column == name);
        if found.is_none() {
            let message = with_nearest(format!("the table has no column `{name}`"), name, table.columns.keys());
            let known: Vec<&str> = table.columns.keys().collect();
            self.wrong_with_help(at, message, format!("columns of the table: {}", known.join(", ")));
        }
        found
    }
}
