//! The content of a table: rows by key, and by the time from which they are valid.

use std::collections::BTreeMap;

use arrow_array::UInt32Array;
use arrow_select::take::take;
use gristmill_learn::{StateError, StateReader, StateWriter};

use crate::plan::ColumnPlan;
use crate::rows::{Cell, Column};

/// The rows of a table.
#[derive(Debug, Clone)]
pub struct Content {
    columns: Vec<Column>,
    /// For each key its rows, by the time from which they are valid.
    keys: BTreeMap<Box<str>, Vec<(i64, u32)>>,
    digest: u64,
}

impl Content {
    /// An empty table.
    pub fn new(columns: &[ColumnPlan]) -> Self {
        let columns = columns.iter().map(|column| Column::missing(&column.kind, 0)).collect();
        Self { columns, keys: BTreeMap::new(), digest: 0 }
    }

    /// The table of these columns. `rows`: in the order in which they were written, the key of each and its index in
    /// the columns' values, or none if the key is deleted. `time`: the column with the time from which a row is valid;
    /// without it the last row of a key is always valid.
    pub fn of(
        columns: Vec<Column>,
        rows: impl IntoIterator<Item = (Box<str>, Option<u32>)>,
        time: Option<usize>,
    ) -> Self {
        let mut keys: BTreeMap<Box<str>, Vec<(i64, u32)>> = BTreeMap::new();
        for (key, row) in rows {
            let Some(row) = row else {
                keys.remove(&key);
                continue;
            };
            let cell = time.and_then(|time| columns.get(time)).map(|column| column.cell(row as usize));
            let from = if let Some(Cell::Timestamp(from)) = cell { from } else { i64::MIN };
            let versions = keys.entry(key).or_default();
            versions.retain(|(other, _)| *other != from);
            let place = versions.partition_point(|(other, _)| *other < from);
            versions.insert(place, (from, row));
        }
        let mut content = Self { columns, keys, digest: 0 };
        let mut to = StateWriter::default();
        content.save(&mut to);
        content.digest = xxhash_rust::xxh3::xxh3_64(&to.into_bytes());
        content
    }

    /// A digest of the content.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The rows, of all keys and times.
    pub fn len(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The row of a key that is valid at a time.
    pub(super) fn find(&self, key: &str, now: i64) -> Option<u32> {
        let versions = self.keys.get(key)?;
        let place = versions.partition_point(|(from, _)| *from <= now);
        versions.get(place.checked_sub(1)?).map(|(_, row)| *row)
    }

    /// The values of rows, for all columns but one.
    pub(super) fn take(&self, rows: &[Option<u32>], without: Option<usize>) -> Vec<Column> {
        let rows = UInt32Array::from(rows.to_vec());
        let columns = self.columns.iter().enumerate().filter(|(index, _)| Some(*index) != without);
        // Every row belongs to them.
        let taken = |column: &Column| take(&column.array(), &rows, None).map(|array| Column::of(&array));
        columns.map(|(_, column)| taken(column).unwrap_or_else(|_| column.clone())).collect()
    }

    /// Saves the rows in the order of keys and times.
    pub(super) fn save(&self, to: &mut StateWriter) {
        let rows: Vec<Option<u32>> = self.keys.values().flatten().map(|(_, row)| Some(*row)).collect();
        to.u64(self.keys.len() as u64);
        for (key, versions) in &self.keys {
            to.text(key);
            to.u64(versions.len() as u64);
            versions.iter().for_each(|(from, _)| to.u64(*from as u64));
        }
        self.take(&rows, None).iter().for_each(|column| column.save(rows.len(), to));
    }

    /// Loads a saved table with the columns of this one.
    pub(super) fn load(&self, from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut keys = BTreeMap::new();
        let mut count = 0_u32;
        for _ in 0..from.length(16)? {
            let key: Box<str> = from.text()?.into();
            let mut versions = Vec::new();
            for _ in 0..from.length(8)? {
                versions.push((from.u64()? as i64, count));
                count += 1;
            }
            keys.insert(key, versions);
        }
        let columns = self.columns.iter().map(|column| column.load(count as usize, from));
        let columns = columns.collect::<Result<Vec<_>, StateError>>()?;
        let mut content = Self { columns, keys, digest: 0 };
        let mut to = StateWriter::default();
        content.save(&mut to);
        content.digest = xxhash_rust::xxh3::xxh3_64(&to.into_bytes());
        Ok(content)
    }

    /// Its approximate size in bytes.
    pub(super) fn size(&self) -> usize {
        let keys: usize = self.keys.iter().map(|(key, versions)| 64 + key.len() + 16 * versions.len()).sum();
        keys + self.columns.iter().map(|column| column.array().get_array_memory_size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn content(time: bool) -> Content {
        let columns = vec![
            Column::String(StringArray::from(vec!["a", "b", "a", "a"])),
            Column::Int64(Int64Array::from(vec![1, i64::MAX, 3, 4])),
            Column::Timestamp(TimestampMicrosecondArray::from(vec![10, 10, 30, 20])),
        ];
        let keys = ["a", "b", "a", "a"].into_iter().zip(0..).map(|(key, row)| (key.into(), Some(row)));
        Content::of(columns, keys, time.then_some(2))
    }

    #[test]
    fn the_row_that_held_then_is_found() {
        let versions = content(true);
        let at = |key: &str, now: i64| versions.find(key, now);
        assert_eq!([at("a", 9), at("a", 10), at("a", 25), at("a", 99)], [None, Some(0), Some(3), Some(2)]);
        assert_eq!([at("b", 10), at("c", 10)], [Some(1), None]);
        let last = content(false);
        assert_eq!([last.find("a", 0), last.find("b", 0)], [Some(3), Some(1)]);
        assert_eq!(last.len(), 2);
    }

    #[test]
    fn what_was_saved_finds_the_same_and_has_the_same_digest() {
        for saved in [content(true), content(false)] {
            let mut to = StateWriter::default();
            saved.save(&mut to);
            let bytes = to.into_bytes();
            let loaded = saved.load(&mut StateReader::new(&bytes)).unwrap();
            assert_eq!(loaded.digest(), saved.digest());
            for now in [0, 10, 20, 30] {
                let value = |content: &Content| {
                    let row = content.find("a", now)?;
                    Some(format!(
                        "{:?}",
                        content
                            .take(&[Some(row)], Some(0))
                            .iter()
                            .map(|c| format!("{:?}", c.cell(0)))
                            .collect::<Vec<_>>()
                    ))
                };
                assert_eq!(value(&loaded), value(&saved), "at {now}");
            }
            for cut in 0..bytes.len() {
                assert!(saved.load(&mut StateReader::new(&bytes[..cut])).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_key_that_is_gone_is_not_found_until_it_comes_again() {
        let columns = vec![Column::Int64(Int64Array::from(vec![1, 2]))];
        let rows = [("a", Some(0)), ("b", Some(1)), ("a", None)].map(|(key, row)| (Box::from(key), row));
        let content = Content::of(columns.clone(), rows.clone(), None);
        assert_eq!([content.find("a", 0), content.find("b", 0)], [None, Some(1)]);
        let again = Content::of(columns, rows.into_iter().chain([("a".into(), Some(1))]), None);
        assert_eq!(again.find("a", 0), Some(1));
        assert_ne!(content.digest(), again.digest());
    }
}
