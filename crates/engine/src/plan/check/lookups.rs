//! The tables that rows are looked up in.

use super::Checker;
use crate::document::{Path, path, with_nearest};
use crate::lookup::LookupPlan;
use crate::plan::{ColumnPlan, Need};
use crate::spec::{ColumnType, Entries, Format, Lookup};

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
        let source = table.source(self, at);
        let source = source.as_ref();
        let file = source.and_then(|source| source.file());
        let format = self.format_of(table.format, file, (at, under(&["file", "path"])));
        let on = self.column(Some(&table.on), under(&["on"]));
        let key = match &table.key {
            Some(key) => self.lookup_column(table, key, under(&["key"])),
            None if source.is_none_or(|source| source.keyed()) => None,
            None => self.lookup_column(table, &table.on, under(&["on"])),
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
        Some(LookupPlan { name, source: source?.clone(), format: format?, columns, key, on: on?, time, names })
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

    /// The format that is written, or that a file's name tells. A mistake is in the section, or in the path of the file.
    pub(super) fn format_of(
        &mut self,
        written: Option<Format>,
        file: Option<&str>,
        (section, at): (&Path, Path),
    ) -> Option<Format> {
        let (None, Some(file)) = (written, file) else {
            if written.is_none() {
                self.wrong_with_help(section.clone(), "`format` is missing", Format::choice());
            }
            return written;
        };
        let format = Format::of_name(file);
        if format.is_none() {
            let message = format!("the name `{file}` does not say how its records are written");
            self.wrong_with_help(at, message, Format::choice());
        }
        format
    }

    fn lookup_column(&mut self, table: &Lookup, name: &str, at: Path) -> Option<usize> {
        self.column_among(&table.columns, ["the table has", "the table"], name, at)
    }

    /// A column of what has columns of its own: what is said of it, and its name. A problem if there is none.
    pub(super) fn column_among(
        &mut self,
        columns: &Entries<ColumnType>,
        [has, whose]: [&str; 2],
        name: &str,
        at: Path,
    ) -> Option<usize> {
        let found = columns.keys().position(|column| column == name);
        if found.is_none() {
            let message = with_nearest(format!("{has} no column `{name}`"), name, columns.keys());
            let known: Vec<&str> = columns.keys().collect();
            self.wrong_with_help(at, message, format!("columns of {whose}: {}", known.join(", ")));
        }
        found
    }
}
