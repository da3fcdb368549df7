//! Columns that must have a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, Known, Rule, RuleError, Settings, stateless};

/// Columns that must have a value: a record where one is absent, null, empty text or NaN is a dead letter (`missing`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Require(#[schemars(length(min = 1))] pub Vec<String>);

impl Settings for Require {
    fn every(_: bool) -> Vec<Self> {
        vec![Self(vec!["card".into()])]
    }

    fn subject(&self) -> String {
        String::new()
    }

    fn takes_absence(&self) -> &[String] {
        &self.0
    }

    fn remembers(&self) -> bool {
        false
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let columns = known.find(&self.0, &["require"])?;
        let names = columns.iter().map(|column| known.name(*column).to_string()).collect();
        Ok(Box::new(Required { columns, names }))
    }
}

#[derive(Debug, Clone)]
struct Required {
    columns: Vec<usize>,
    names: Vec<String>,
}

impl Rule for Required {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        for row in batch.standing() {
            let missing = |column: &usize| {
                let cell = batch.cell(*column, row);
                cell.is_missing() || matches!(cell, crate::rows::Cell::String(""))
            };
            let lacks = self.columns.iter().position(missing).and_then(|place| self.names.get(place));
            if let Some(name) = lacks {
                batch.refuse(row, "missing", format!("column `{name}` has no value, and it is required"));
            }
        }
    }
}

stateless!(Required);
