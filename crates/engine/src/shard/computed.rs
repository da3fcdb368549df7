//! Features computed by SQL expressions.

use arrow_array::ArrayRef;
use gristmill_sql::Windows;

use crate::plan::Computed;
use crate::rows::{Column, Refusal, Rows, Stage};

/// Computes the columns of a batch, after its own. A row for which an expression fails is rejected; its neighbours are
/// not.
pub(super) fn compute(computed: &Computed, windows: &mut Windows, rows: Rows, refusals: &mut Vec<Refusal>) -> Rows {
    let base: Vec<ArrayRef> = rows.columns.iter().map(Column::array).collect();
    let features = computed.program.evaluate(windows, &base, rows.len());
    let mut failed = vec![false; rows.len()];
    for failure in &features.failures {
        let name = computed.items.get(failure.item).map_or("", |item| &item.name);
        let message = format!("the feature `{name}` cannot be computed: {}", failure.message);
        let record = rows.records.get(failure.row).copied().unwrap_or_default();
        refusals.push(Refusal { record, stage: Stage::Features, reason: "feature_failed", message });
        if let Some(failed) = failed.get_mut(failure.row) {
            *failed = true;
        }
    }
    let mut made = rows;
    made.columns.extend(features.columns.iter().map(Column::of));
    if features.failures.is_empty() { made } else { made.without(&failed) }
}
