//! Features that SQL expressions make.

use std::collections::BTreeSet;

use arrow_array::ArrayRef;
use gristmill_sql::Windows;

use crate::plan::Computed;
use crate::rows::{Column, Refusal, Rows, Stage};

/// Rows with the computed columns behind their own, and those that have none.
pub(super) struct Made {
    pub(super) rows: Rows,
    pub(super) failed: BTreeSet<usize>,
}

/// Computes the columns of a batch. A row for which an expression fails is refused; its neighbours are not.
pub(super) fn compute(computed: &Computed, windows: &mut Windows, rows: &Rows, refusals: &mut Vec<Refusal>) -> Made {
    let base: Vec<ArrayRef> = rows.columns.iter().map(Column::array).collect();
    let features = computed.program.evaluate(windows, &base, rows.len());
    let mut failed = BTreeSet::new();
    for failure in features.failures {
        let name = computed.items.get(failure.item).map_or("", |item| &item.name);
        let message = format!("the feature `{name}` cannot be computed: {}", failure.message);
        let record = rows.records.get(failure.row).copied().unwrap_or_default();
        refusals.push(Refusal { record, stage: Stage::Features, reason: "feature_failed", message });
        failed.insert(failure.row);
    }
    let mut columns = rows.columns.clone();
    columns.extend(features.columns.iter().map(Column::of));
    Made { rows: Rows { columns, records: rows.records.clone() }, failed }
}
