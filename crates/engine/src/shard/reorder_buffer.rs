//! Buffers rows until event time has passed them, and releases them in its order.
//!
//! The watermark is the latest event time of the partition minus the grace. A row is buffered until the watermark has
//! reached its time; rows with the same time are released in order of arrival. A row that arrives when the watermark is
//! past it is released at once. What happens to a row depends only on earlier rows, never on how they were cut.

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef};
use arrow_select::interleave::interleave;
use gristmill_learn::{LearnError, StateError, StateReader, StateWriter, Stateful};
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::plan::definition::Definition;
use crate::resources::Resources;
use crate::rows::{Cell, Column, Header, Partition, Position, RawRecord, RawRows, Rows, SchemaDrift};
use crate::section::{Counted, Figure, Lost, Section, each_is_a_part};

/// The memory of a buffered row besides its bytes and its columns.
const OVERHEAD: usize = 128;

/// Released rows, in order, with records of their own.
pub(super) struct ReleasedRows {
    pub(super) raw: RawRows,
    pub(super) rows: Rows,
    /// For each row the number of the arriving record that released it.
    pub(super) by: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Block {
    raw: RawRows,
    rows: Rows,
    /// Rows of it that are still buffered.
    left: usize,
}

/// The location of a row: its block, and its index there.
type Place = (usize, usize);

/// All buffered rows.
#[derive(Debug, Clone)]
pub(super) struct ReorderBuffer {
    partition: Partition,
    grace: i64,
    time: usize,
    limit: usize,
    /// An empty column of each type.
    empty: Vec<Column>,
    latest: Option<i64>,
    arrivals: u64,
    /// By time and arrival.
    waiting: BTreeMap<(i64, u64), Place>,
    blocks: BTreeMap<usize, Block>,
    bytes: usize,
    late: u64,
    forced_out: u64,
}

impl ReorderBuffer {
    /// An empty buffer; none if rows are processed as they arrive.
    pub(super) fn new(plan: &Plan, partition: &Partition) -> Option<Self> {
        let (grace, time) = (plan.grace?, plan.time?);
        let columns = plan.columns.iter().map(|column| Column::missing(&column.kind, 0));
        Some(Self {
            partition: partition.clone(),
            grace,
            time,
            limit: plan.windows.max_memory.bytes(),
            empty: columns.chain(plan.flags.iter().map(|_| Column::flags(0))).collect(),
            latest: None,
            arrivals: 0,
            waiting: BTreeMap::new(),
            blocks: BTreeMap::new(),
            bytes: 0,
            late: 0,
            forced_out: 0,
        })
    }

    /// The number of buffered rows.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The latest event time.
    pub(super) fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// The time of the first buffered row.
    pub(super) fn first(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|((time, _), _)| *time)
    }

    /// Event time has moved on without a row: releases the rows that it has passed.
    pub(super) fn advance(&mut self, to: i64) -> ReleasedRows {
        self.latest = self.latest.max(Some(to));
        let watermark = to.saturating_sub(self.grace);
        let mut turn = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= watermark) {
            let place = first.remove();
            self.bytes = self.bytes.saturating_sub(self.cost(self.record(place)));
            turn.push(place);
        }
        self.release(&turn, vec![0; turn.len()])
    }

    /// Rows that were released early, for lack of memory.
    pub(super) fn forced_out(&self) -> u64 {
        self.forced_out
    }

    fn cost(&self, record: Option<RawRecord<'_>>) -> usize {
        let bytes = record.map_or(0, |record| {
            let headers = record.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len));
            record.key.map_or(0, <[u8]>::len) + 2 * record.value.map_or(0, <[u8]>::len) + headers.sum::<usize>()
        });
        OVERHEAD + 16 * self.empty.len() + bytes
    }

    fn record(&self, (block, row): Place) -> Option<RawRecord<'_>> {
        let block = self.blocks.get(&block)?;
        block.raw.get(*block.rows.records.get(row)?)
    }

    /// Adds rows; returns those that are now released.
    pub(super) fn take(&mut self, raw: &RawRows, rows: Rows) -> ReleasedRows {
        let number = self.blocks.last_key_value().map_or(0, |(last, _)| last + 1);
        let left = rows.len();
        self.blocks.insert(number, Block { raw: raw.clone(), rows, left });
        let (mut turn, mut by) = (Vec::new(), Vec::new());
        for row in 0..left {
            let Some(block) = self.blocks.get(&number) else { break };
            let record = block.rows.records.get(row).copied().unwrap_or_default();
            let time = match block.rows.columns.get(self.time).map(|column| column.cell(row)) {
                Some(Cell::Timestamp(time)) => time,
                _ => self.latest.unwrap_or(i64::MIN),
            };
            let latest = self.latest.map_or(time, |latest| latest.max(time));
            self.latest = Some(latest);
            let watermark = latest.saturating_sub(self.grace);
            self.late += u64::from(time < watermark);
            self.waiting.insert((time, self.arrivals), (number, row));
            self.arrivals += 1;
            self.bytes += self.cost(self.record((number, row)));
            while let Some(first) = self.waiting.first_entry() {
                let full = self.bytes > self.limit;
                if first.key().0 > watermark && !full {
                    break;
                }
                self.forced_out += u64::from(first.key().0 > watermark);
                let place = first.remove();
                self.bytes = self.bytes.saturating_sub(self.cost(self.record(place)));
                turn.push(place);
                by.push(record);
            }
        }
        self.release(&turn, by)
    }

    /// Releases all rows, since no more will arrive.
    pub(super) fn flush(&mut self) -> ReleasedRows {
        let turn: Vec<Place> = std::mem::take(&mut self.waiting).into_values().collect();
        self.bytes = 0;
        self.release(&turn, vec![0; turn.len()])
    }

    /// Buffered rows, in this order, with their records.
    fn gather(&self, turn: &[Place]) -> (RawRows, Rows) {
        let mut raw = RawRows::new(self.partition.clone());
        turn.iter().filter_map(|place| self.record(*place)).for_each(|record| raw.push(record));
        let mut used: Vec<usize> = turn.iter().map(|(block, _)| *block).collect();
        used.sort_unstable();
        used.dedup();
        let near = |(block, row): &Place| (used.binary_search(block).unwrap_or_default(), *row);
        let places: Vec<Place> = turn.iter().map(near).collect();
        let column = |(index, empty): (usize, &Column)| {
            let of = |block: &usize| Some(self.blocks.get(block)?.rows.columns.get(index)?.array());
            let arrays: Vec<ArrayRef> = used.iter().filter_map(of).collect();
            let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array as &dyn Array).collect();
            // All of them have this column's type: interleaving fails only if there are none.
            interleave(&arrays, &places).map_or_else(|_| empty.clone(), |array| Column::of(&array))
        };
        let columns = self.empty.iter().enumerate().map(column).collect();
        (raw, Rows { columns, records: (0..turn.len()).collect(), drift: SchemaDrift::default() })
    }

    /// Releases buffered rows.
    fn release(&mut self, turn: &[Place], by: Vec<usize>) -> ReleasedRows {
        let (raw, rows) = self.gather(turn);
        for (block, _) in turn {
            let Some(held) = self.blocks.get_mut(block) else { continue };
            held.left -= 1;
            if held.left == 0 {
                self.blocks.remove(block);
            }
        }
        ReleasedRows { raw, rows, by }
    }

    fn load_rows(&mut self, format: u16, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut raw = RawRows::new(self.partition.clone());
        let count = from.length(48)?;
        for row in 0..count {
            let time = from.u64()? as i64;
            let position = if format > 1 { Position::load(from)? } else { Position::number(from.u64()?) };
            let timestamp = optional(from, |from| Ok(from.u64()? as i64))?;
            let (key, value) = (optional(from, StateReader::bytes)?, optional(from, StateReader::bytes)?);
            let header = |from: &mut StateReader<'_>| -> Result<Header, StateError> {
                Ok((from.text()?.to_string(), optional(from, StateReader::bytes)?.map(<[u8]>::to_vec)))
            };
            let headers = (0..from.length(16)?).map(|_| header(from)).collect::<Result<Vec<Header>, StateError>>()?;
            raw.push(RawRecord { position, timestamp, key, value, headers: &headers });
            self.waiting.insert((time, row as u64), (0, row));
        }
        let columns = self.empty.iter().map(|empty| empty.load(count, from)).collect::<Result<_, StateError>>()?;
        let rows = Rows { columns, records: (0..count).collect(), drift: SchemaDrift::default() };
        if count > 0 {
            self.blocks.insert(0, Block { raw, rows, left: count });
        }
        self.arrivals = count as u64;
        self.bytes = (0..count).map(|row| self.cost(self.record((0, row)))).sum();
        Ok(())
    }
}

fn optional<'a, T>(
    from: &mut StateReader<'a>,
    read: impl Fn(&mut StateReader<'a>) -> Result<T, StateError>,
) -> Result<Option<T>, StateError> {
    if from.u64()? == 1 { read(from).map(Some) } else { Ok(None) }
}

fn save_optional(bytes: Option<&[u8]>, to: &mut StateWriter) {
    to.u64(bytes.is_some().into());
    bytes.into_iter().for_each(|bytes| to.bytes(bytes));
}

/// Rows that are still buffered.
static WAITING: Figure = Figure::summed("waiting", "rows", |rows| format!("{} wait for those before them", rows.count));

impl Section for Option<ReorderBuffer> {
    fn open(plan: &Plan, _: &Resources, partition: &Partition) -> Result<Self, LearnError> {
        Ok(ReorderBuffer::new(plan, partition))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let waits = |grace| {
            let (columns, time) = (plan.typed_columns(), plan.named(plan.time));
            Definition::new("grace", &json!({"grace": grace, "columns": columns, "time": time, "flags": plan.flags}))
        };
        plan.grace.map(waits).into_iter().collect()
    }

    each_is_a_part!();

    fn counted(&self, _: &Plan) -> Vec<Counted> {
        let Some(buffer) = self else { return Vec::new() };
        let early = (buffer.forced_out > 0).then(|| Figure::FORGOTTEN.of("grace", buffer.forced_out));
        let counted = [early, Figure::LATE.any(buffer.late), WAITING.any(buffer.waiting())];
        counted.into_iter().flatten().collect()
    }

    fn lost(name: &str, saved: &[u8]) -> Result<Option<Lost>, StateError> {
        let what = "wait for their turn and will never be answered";
        if name == "grace" { Lost::waiting(what, saved, ("grace", 4)) } else { Ok(None) }
    }
}

impl Stateful for ReorderBuffer {
    fn save(&self, to: &mut StateWriter) {
        to.begin("grace", 2);
        to.u64(self.latest.is_some().into());
        to.u64(self.latest.unwrap_or_default() as u64);
        to.u64(self.late);
        to.u64(self.forced_out);
        let places: Vec<Place> = self.waiting.values().copied().collect();
        let (raw, rows) = self.gather(&places);
        to.u64(raw.len() as u64);
        for ((time, _), record) in self.waiting.keys().zip(raw.iter()) {
            to.u64(*time as u64);
            record.position.save(to);
            to.u64(record.timestamp.is_some().into());
            record.timestamp.into_iter().for_each(|timestamp| to.u64(timestamp as u64));
            save_optional(record.key, to);
            save_optional(record.value, to);
            to.u64(record.headers.len() as u64);
            for (name, value) in record.headers {
                to.text(name);
                save_optional(value.as_deref(), to);
            }
        }
        rows.columns.iter().for_each(|column| column.save(rows.len(), to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let format = from.begin("grace", 2)?;
        let (any, latest) = (from.u64()? == 1, from.u64()? as i64);
        self.latest = any.then_some(latest);
        (self.late, self.forced_out) = (from.u64()?, from.u64()?);
        (self.waiting, self.blocks) = (BTreeMap::new(), BTreeMap::new());
        self.load_rows(format, from)
    }

    fn size(&self) -> usize {
        self.bytes
    }
}
