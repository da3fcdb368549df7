//! Turns scores into decisions: a block of rows at once, once all of them are scored and learned.

use std::cell::OnceCell;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt32Array};
use arrow_select::take::take;

use gristmill_learn::Prediction;

use super::classes::Classes;
use super::decision::{Facts, ScoredBy};
use super::scoring::Scorer;
use super::{Outbox, Shard, decision, measured, outlier_label, shown_score};
use crate::output_query::{Answer, OutputQuery};
use crate::plan::Plan;
use crate::rows::{Column, RawRows, Rows};

/// Rows that were scored and not yet decided, with the model's numbers for each.
#[derive(Debug, Default)]
pub(super) struct Answered {
    rows: Vec<Row>,
    numbers: Vec<f64>,
}

#[derive(Debug)]
struct Row {
    row: usize,
    record: usize,
    numbers: (usize, usize),
    /// How many rows the model had learned from, or which version scored.
    version: u64,
}

impl Answered {
    pub(super) fn push(&mut self, row: usize, record: usize, said: &[f64], version: u64) {
        let start = self.numbers.len();
        self.numbers.extend_from_slice(said);
        self.rows.push(Row { row, record, numbers: (start, self.numbers.len()), version });
    }

    fn said(&self, row: &Row) -> &[f64] {
        self.numbers.get(row.numbers.0..row.numbers.1).unwrap_or_default()
    }

    /// The columns of the scored rows.
    fn of(&self, rows: &Rows) -> Vec<ArrayRef> {
        let whole = self.rows.len() == rows.len();
        let places: UInt32Array = self.rows.iter().map(|row| Some(row.row as u32)).collect();
        let column = |column: &Column| {
            let array = column.array();
            // Every index belongs to them.
            if whole { array } else { take(&array, &places, None).unwrap_or(array) }
        };
        rows.columns.iter().map(column).collect()
    }

    /// A column of their scores; a value that is not a number is missing.
    fn column(&self, named: Answer<'_>, plan: &Plan, classes: &Classes, by: &ScoredBy<'_>) -> ArrayRef {
        let (task, at_zero) = (plan.task, plan.decides_at_zero());
        let said = self.rows.iter().map(|row| measured(plan.reading, at_zero, self.said(row)));
        let score = |row: &Row| shown_score(plan.reading, at_zero, self.said(row));
        let shown = |shown: &dyn Fn(f64) -> f64| -> ArrayRef {
            let numbers = self.rows.iter().map(|row| Some(shown(score(row))).filter(|number| number.is_finite()));
            Arc::new(numbers.collect::<Float64Array>())
        };
        let numbers = |number: &dyn Fn(Prediction<'_>) -> f64| -> ArrayRef {
            let numbers = said.clone().map(|said| Some(number(said)).filter(|number| number.is_finite()));
            Arc::new(numbers.collect::<Float64Array>())
        };
        match named {
            Answer::Score => shown(&|score| score),
            Answer::Prediction if task.is_classification() => {
                let names = said.map(|said| said.class().map(|class| classes.name(task, class)));
                Arc::new(names.collect::<StringArray>())
            }
            Answer::Prediction if at_zero => shown(&outlier_label),
            Answer::Prediction => numbers(&|said| said.number()),
            Answer::Model => {
                let names = self.rows.iter().map(|row| Some(format!("{}@{}", by.name, row.version)));
                Arc::new(names.collect::<StringArray>())
            }
            Answer::Probability(class) => match classes.index(task, class) {
                // A row may have been scored before the class existed.
                Some(class) => numbers(&|said| match said {
                    Prediction::Classes(numbers) if class as usize >= numbers.len() => f64::NAN,
                    said => said.probability(class),
                }),
                None => Arc::new(Float64Array::new_null(self.rows.len())),
            },
        }
    }
}

impl Shard {
    /// Writes what each output selects of the scored rows, in their order, with the current names of classes.
    pub(super) fn decide(
        &mut self,
        raw: &RawRows,
        rows: &Rows,
        answered: &mut Answered,
        classes: &Classes,
        outbox: &mut Outbox,
    ) {
        let plan = Arc::clone(&self.plan);
        let columns = OnceCell::new();
        let version = self.sections.scorer.as_ref().map(Scorer::version);
        let by = ScoredBy::new(&plan, version);
        let answer = |named: Answer<'_>| answered.column(named, &plan, classes, &by);
        let act =
            |acting: &OutputQuery| acting.act(columns.get_or_init(|| answered.of(rows)), answered.rows.len(), &answer);
        let acting = plan.outputs.iter().map(|output| output.acting.as_ref());
        let acted: Vec<_> = acting.map(|acting| acting.map(|acting| (acting, act(acting)))).collect();
        for (place, row) in answered.rows.iter().enumerate() {
            let Some(record) = raw.get(row.record) else { continue };
            let mut whole = None;
            for (output, acted) in acted.iter().enumerate() {
                if acted.as_ref().is_some_and(|(_, acted)| !acted.takes(place)) {
                    continue;
                }
                let value = match acted {
                    Some((acting, acted)) if !acting.fields.is_empty() => {
                        outbox.value(|bytes| decision::write_payload(&acting.fields, &acted.payload, place, bytes))
                    }
                    _ => *whole.get_or_insert_with(|| {
                        let (numbers, at_zero) = (answered.said(row), plan.decides_at_zero());
                        let said = measured(plan.reading, at_zero, numbers);
                        let score = shown_score(plan.reading, at_zero, numbers);
                        let facts = Facts { rows, row: row.row, said, score, version: row.version, by: &by };
                        outbox.value(|bytes| decision::write(&plan, classes, raw, &record, &facts, bytes))
                    }),
                };
                outbox.push(output, &self.partition, &record, value);
                if let Some(count) = self.written.get_mut(output) {
                    *count += 1;
                }
            }
        }
        answered.rows.clear();
        answered.numbers.clear();
    }
}
