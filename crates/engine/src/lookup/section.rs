//! The tables of a shard: what their state, and that of what sees their columns, depends on.

use gristmill_learn::LearnError;
use serde_json::{Map, Value, json};

use super::{Lookup, LookupPlan};
use crate::plan::Plan;
use crate::plan::definition::{Definition, given, typed};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Counted, Figure, Section, each_is_a_part};

impl Plan {
    /// What of each table the state of others depends on.
    pub(crate) fn lookup_definitions(&self) -> Vec<Value> {
        let definition = |table: &LookupPlan| {
            let named = |column: Option<usize>| Some(table.columns.get(column?)?.name.as_str());
            given(json!({
                "name": table.name,
                "columns": table.columns.iter().map(typed).collect::<Value>(),
                "key": named(table.key),
                "on": self.named(Some(table.on)),
                "time": named(table.time),
            }))
        };
        self.lookups.iter().map(definition).collect()
    }
}

/// Rows without a match in a table.
static UNMATCHED: Figure =
    Figure::summed("unmatched", "lookup", |rows| format!("{} rows not in {}", rows.count, rows.of));

impl Section for Vec<Lookup> {
    fn open(plan: &Plan, resources: &Resources, _: &Partition) -> Result<Self, LearnError> {
        let tables = plan.lookups.iter().zip(&resources.tables);
        Ok(tables.map(|(plan, content)| Lookup::new(plan, content)).collect())
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        // Saved states say `table`, as documents did before `lookup`.
        let named = plan.lookups.iter().map(|table| format!("table {}", table.name));
        named.zip(plan.lookup_definitions()).map(|(name, of)| Definition::new(name, &of)).collect()
    }

    each_is_a_part!();

    fn counted(&self, plan: &Plan) -> Vec<Counted> {
        let named = plan.lookups.iter().zip(self);
        named
            .filter(|(_, table)| table.unmatched() > 0)
            .map(|(plan, table)| UNMATCHED.of(&plan.name, table.unmatched()))
            .collect()
    }
}
