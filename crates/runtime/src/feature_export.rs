//! Exports the features of a whole file as a table: what a model sees live, for training elsewhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use gristmill::plan::{LabelPlan, Plan};
use gristmill::rows::{Column, Partition, Position, Refusal, Rows};
use gristmill::shard::{Shard, ShardError};

use gristmill_connect::connector;
use gristmill_connect::source::{Event, SourceError};
use gristmill_formats::Decoders;

use crate::export::{Table, TableError};
use crate::lookup::LookupError;
use crate::resources;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Rows in the table.
    pub rows: u64,
    /// Rejected records, by the code of the reason.
    pub refused: BTreeMap<String, u64>,
    /// Rows that came late, as a run counts them.
    pub late: u64,
    /// Rows that came so late that a window of theirs is missing.
    pub missing_windows: u64,
}

/// Why features cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FeatureExportError {
    /// The input is a topic.
    #[error("features are written of a file, and the input of this pipeline is a topic: name a file with its history")]
    Topic,
    /// The columns of the file do not fit.
    #[error("{0}")]
    Header(String),
    /// The input.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A table to look rows up in.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The shard.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Writes the identity, the time, the features and the label of every row of the plan's file, cleaned and computed as
/// in a run. Nothing is learned, and dead letters are only counted.
pub fn write(plan: &Arc<Plan>, out: &Path) -> Result<Written, FeatureExportError> {
    if plan.input.shared() {
        return Err(FeatureExportError::Topic);
    }
    let plan = &resources::load(plan)?;
    let columns = columns(plan);
    let mut table = Table::create(out, schema(plan, &columns))?;
    let mut source =
        connector::input(plan).map_err(SourceError::from)?.whole(plan)?.ok_or(FeatureExportError::Topic)?;
    let mut open: BTreeMap<Partition, (Decoders, Shard)> = BTreeMap::new();
    let names = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut written = Written { columns: names, ..Written::default() };
    loop {
        match source.poll(Duration::ZERO, true)? {
            Some(Event::Assigned(assigned)) => {
                for one in assigned {
                    let decoders = Decoders::new(plan, &one.headers).map_err(FeatureExportError::Header)?;
                    let shard = Shard::open(plan, one.partition.clone(), None)?;
                    source.resume(&one.partition, Position::START)?;
                    open.insert(one.partition, (decoders, shard));
                }
            }
            Some(Event::Rows(raw)) => {
                let Some((decoders, shard)) = open.get_mut(&raw.partition) else { continue };
                let mut refusals = Vec::new();
                let rows = decoders.decode(&raw, &mut refusals);
                let rows = shard.prepare(&raw, &rows, &mut refusals)?;
                add(&rows, refusals, &columns, &mut table, &mut written)?;
            }
            _ => break,
        }
    }
    for (_, shard) in open.values_mut() {
        let mut refusals = Vec::new();
        if let Some(rows) = shard.prepare_rest(&mut refusals)? {
            add(&rows, refusals, &columns, &mut table, &mut written)?;
        }
        written.late += shard.late();
        written.missing_windows += shard.missing_windows();
    }
    table.finish()?;
    Ok(written)
}

fn add(
    rows: &Rows,
    refusals: Vec<Refusal>,
    columns: &[usize],
    table: &mut Table,
    written: &mut Written,
) -> Result<(), TableError> {
    written.rows += rows.len() as u64;
    for refusal in refusals {
        *written.refused.entry(refusal.reason.to_string()).or_default() += 1;
    }
    table.write(batch(rows, columns, table)?)
}

/// The columns of the table, each once.
fn columns(plan: &Plan) -> Vec<usize> {
    let label = plan.label.as_ref().and_then(LabelPlan::in_row);
    let mut columns: Vec<usize> = Vec::new();
    for column in plan.id.into_iter().chain(plan.time).chain(plan.features.iter().copied()).chain(label) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

fn schema(plan: &Plan, columns: &[usize]) -> Schema {
    let field = |column: &usize| {
        let (name, kind) = plan.column(*column)?;
        let kind = match kind {
            "boolean" => DataType::Boolean,
            "int64" => DataType::Int64,
            "string" => DataType::Utf8,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            _ => DataType::Float64,
        };
        Some(Field::new(name, kind, true))
    };
    Schema::new(columns.iter().filter_map(field).collect::<Vec<_>>())
}

fn batch(rows: &Rows, columns: &[usize], table: &Table) -> Result<RecordBatch, TableError> {
    let array = |column: &usize| match rows.columns.get(*column)? {
        // A value that is not finite is missing, as for the model.
        Column::Float64(values) => {
            let finite = values.iter().map(|value| value.filter(|value| value.is_finite()));
            Some(Arc::new(finite.collect::<Float64Array>()) as ArrayRef)
        }
        column => Some(column.array()),
    };
    let arrays = columns.iter().filter_map(array).collect();
    RecordBatch::try_new(table.schema(), arrays).map_err(|error| table.failed(&error))
}
