//! Conditions that records must meet.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use gristmill_sql::{Item, Kind, Program, Windows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::Given;
use super::{Batch, Known, Rule, RuleError, Settings, Then, stateless};
use crate::expression::explained;
use crate::rows::Column;

/// A condition that records must meet: an SQL expression over the columns. Where it is NULL, since a value is missing,
/// the record passes, as with CHECK in SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The condition, such as `amount > 0 AND amount < 1e6`.
    pub is: String,
    /// What becomes of a record for which it is false: `dead_letter` (`check_failed`; default), `set_missing` or
    /// `{flag: NAME}`.
    #[serde(default)]
    pub then: Then,
    /// For `set_missing`: the columns. Default: those that the condition looks at.
    #[serde(default)]
    pub of: Option<Vec<String>>,
}

impl Settings for Check {
    fn every(_: bool) -> Vec<Self> {
        let check = |is: &str, then| Self { is: is.into(), then, of: None };
        vec![check("x > -4.9", Then::DeadLetter), check("y > -4", Then::SetMissing)]
    }

    fn subject(&self) -> String {
        self.is.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn then(&self) -> Option<&Then> {
        Some(&self.then)
    }

    fn remembers(&self) -> bool {
        false
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let program = self.compile(known)?;
        let columns = match (&self.then, &self.of) {
            (Then::Clip, _) => {
                let help = "`clip` is for `outliers`; a check knows `dead_letter`, `set_missing` and `{flag: NAME}`";
                return Err(RuleError::new(&["check", "then"], "a condition has no bounds to clip to", help));
            }
            (Then::SetMissing, Some(of)) => known.find_to_change(of, &["check", "of"])?,
            (Then::SetMissing, None) => {
                let read: Vec<String> =
                    program.reads().into_iter().map(|column| known.name(column).to_string()).collect();
                known
                    .find_to_change(&read, &["check"])
                    .map_err(|misfit| RuleError { at: vec!["check".into(), "is".into()], ..misfit })?
            }
            (_, Some(_)) => {
                return Err(RuleError::new(&["check", "of"], "`of` goes with `then: set_missing`", "leave it out"));
            }
            (Then::Flag(_), None) => known.flag(&self.then).into_iter().collect(),
            (Then::DeadLetter, None) => Vec::new(),
        };
        Ok(Box::new(Checked { subject: self.subject(), program, then: self.then.clone(), columns }))
    }
}

impl Check {
    fn compile(&self, known: &Known<'_>) -> Result<Program, RuleError> {
        let at = ["check", "is"];
        let columns = known.columns.iter().map(|(name, kind)| gristmill_sql::Column {
            name: name.clone(),
            kind: kind.sql(),
            delay: None,
        });
        let setting = gristmill_sql::Setting { columns: columns.collect(), time: known.time, ..Default::default() };
        let item = Item::new("check", &self.is);
        let program = Program::compile(&setting, std::slice::from_ref(&item)).map_err(|mistakes| {
            let Some(mistake) = mistakes.into_iter().next() else {
                return RuleError::new(&at, "it cannot be used", "");
            };
            let within = Some((mistake.from, mistake.to));
            let (message, help) = explained(mistake);
            RuleError { at: at.map(String::from).into(), within, length: self.is.len(), message, help }
        })?;
        if program.has_windows() {
            let help = "make the window a feature and use it in `when`, or use `outliers`";
            return Err(RuleError::new(&at, "a check looks at one record, and this one has a window", help));
        }
        if program.kinds() != [Kind::Boolean] {
            return Err(RuleError::new(
                &at,
                "a check is a condition, and this is not true or false",
                "as in `amount > 0`",
            ));
        }
        Ok(program)
    }
}

#[derive(Debug, Clone)]
struct Checked {
    subject: String,
    program: Program,
    then: Then,
    columns: Vec<usize>,
}

impl Rule for Checked {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let base: Vec<ArrayRef> = batch.columns().iter().map(Column::array).collect();
        let made = self.program.evaluate(&mut Windows::new(&self.program), &base, batch.len());
        let mut standing = batch.standing();
        for failure in &made.failures {
            if standing.binary_search(&failure.row).is_ok() {
                let message = format!("the check `{}` cannot be computed: {}", self.subject, failure.message);
                batch.refuse(failure.row, "check_failed", message);
            }
        }
        if !made.failures.is_empty() {
            standing = batch.standing();
        }
        let Some(holds) = made.columns.first().map(|column| column.as_boolean()) else { return };
        standing.retain(|row| holds.is_valid(*row) && !holds.value(*row));
        match self.then {
            Then::SetMissing => {
                for column in &self.columns {
                    let there = standing.iter().filter(|row| !batch.cell(*column, **row).is_missing());
                    let changes: Vec<_> = there.map(|row| (*row, Given::Missing)).collect();
                    batch.change(*column, &changes);
                }
            }
            Then::Flag(_) => self.columns.iter().for_each(|column| batch.flag(*column, &standing)),
            Then::DeadLetter | Then::Clip => {
                for row in standing {
                    batch.refuse(row, "check_failed", format!("the check `{}` does not hold", self.subject));
                }
            }
        }
    }
}

stateless!(Checked);
