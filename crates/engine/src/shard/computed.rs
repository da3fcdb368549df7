//! Features computed by SQL expressions.

use arrow_array::ArrayRef;
use gristmill_learn::LearnError;
use gristmill_sql::Windows;
use serde_json::{Map, Value, json};

use crate::plan::definition::{Definition, given, items};
use crate::plan::{Computed, Plan};
use crate::resources::Resources;
use crate::rows::{Column, Partition, Refusal, Rows, Stage};
use crate::section::{Counted, Figure, Section, each_is_a_part};

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

/// Rows that came so late that some rows of one of their windows were no longer retained: that window is missing.
static MISSING: Figure = Figure::summed("missing_windows", "rows", |rows| {
    format!("{} so late that a window is missing: what it held is kept no more", rows.count)
});

impl Section for Option<Windows> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        let windows = |computed: &Computed| Windows::new(&computed.program).with_limit(plan.windows.max_memory.0);
        Ok(plan.computed.as_ref().map(windows))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let windows = |computed: &Computed| {
            let of = json!({
                "columns": plan.typed_columns(),
                "time": plan.named(plan.time),
                "items": items(computed),
                "tables": plan.lookup_definitions(),
            });
            Definition::new("windows", &given(of))
        };
        plan.computed.iter().map(windows).collect()
    }

    each_is_a_part!();

    fn counted(&self, plan: &Plan) -> Vec<Counted> {
        let Some(windows) = self else { return Vec::new() };
        let forgotten = (windows.evicted() > 0).then(|| Figure::FORGOTTEN.of("windows", windows.evicted()));
        // With a grace, rows are late that come after it.
        let late = Figure::LATE.any(windows.late()).filter(|_| plan.grace.is_none());
        [forgotten, late, MISSING.any(windows.missed())].into_iter().flatten().collect()
    }
}
