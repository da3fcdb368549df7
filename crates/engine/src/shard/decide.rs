//! Turns scores into decisions: a block of rows at once, once all of them are scored and learned.

use std::cell::OnceCell;
use std::iter;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt32Array};
use arrow_select::take::take;

use gristmill_learn::{Prediction, Task};

use super::classes::Classes;
use super::scoring::Scorer;
use super::{Outbox, Shard};
use crate::decision::{Field, Values};
use crate::output_query::{Acted, Answer, OutputQuery};
use crate::plan::{OutputSchema, Plan};
use crate::pretrained::Version;
use crate::rows::{Cell, Column, RawRows, Rows};

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

    fn clear(&mut self) {
        self.rows.clear();
        self.numbers.clear();
    }
}

/// What decisions are made of: scored rows, and what was known when they were scored.
struct Scored<'a> {
    plan: &'a Plan,
    classes: &'a Classes,
    raw: &'a RawRows,
    rows: &'a Rows,
    answered: &'a Answered,
    /// Which of the rows they are, once a column is asked for.
    places: OnceCell<UInt32Array>,
    /// The version of the pretrained model, if there is one.
    version: Option<&'a Version>,
}

impl<'a> Scored<'a> {
    /// The values of a column for these rows.
    fn column(&self, column: &Column) -> ArrayRef {
        let (array, rows) = (column.array(), &self.answered.rows);
        if rows.len() == self.rows.len() {
            return array;
        }
        let places = self.places.get_or_init(|| rows.iter().map(|row| Some(row.row as u32)).collect());
        // Every index belongs to them.
        take(&array, places, None).unwrap_or(array)
    }

    fn said(&self, row: &Row) -> &'a [f64] {
        self.answered.numbers.get(row.numbers.0..row.numbers.1).unwrap_or_default()
    }

    /// The model's predictions.
    fn predictions(&self) -> impl Iterator<Item = Prediction<'a>> {
        self.answered.rows.iter().map(|row| self.plan.output.prediction(self.said(row)))
    }

    fn scores(&self) -> impl Iterator<Item = f64> {
        self.answered.rows.iter().map(|row| self.plan.output.score(self.said(row)))
    }

    /// What an output takes of these rows. `columns`: all of their columns.
    fn act<'q>(&self, output: &'q OutputQuery, columns: &[ArrayRef]) -> Acted<'q> {
        let count = self.answered.rows.len();
        output.act(columns, count, &|named| self.named(named).array(count))
    }

    /// What a name in an output's expressions stands for.
    fn named(&self, named: Answer<'_>) -> Values<'a> {
        match named {
            Answer::Score => numbers(self.scores()),
            Answer::Prediction => self.prediction(),
            Answer::Model => self.model(),
            Answer::Probability(class) => self.probability(class),
        }
    }

    fn prediction(&self) -> Values<'a> {
        let OutputSchema { task, .. } = self.plan.output;
        if task.is_classification() {
            let names = self.classes.of(task);
            return Values::Named { names, indices: self.predictions().map(Prediction::class).collect() };
        }
        numbers(self.answered.rows.iter().map(|row| self.plan.output.number(self.said(row))))
    }

    /// The probability of a class.
    fn probability(&self, class: &str) -> Values<'a> {
        let Some(class) = self.classes.index(self.plan.output.task, class) else {
            return numbers(iter::repeat_n(f64::NAN, self.answered.rows.len()));
        };
        numbers(self.predictions().map(|said| match said {
            // A row may have been scored before the class existed.
            Prediction::Classes(numbers) if class as usize >= numbers.len() => f64::NAN,
            said => said.probability(class),
        }))
    }

    /// The probability of every class: the positive one first, or all in the order in which they appeared.
    fn probabilities(&self) -> Values<'a> {
        let mut names = self.classes.of(self.plan.output.task);
        if self.plan.output.task == Task::BinaryClassification {
            names.reverse();
        }
        let (mut numbers, mut ends) = (Vec::new(), Vec::with_capacity(self.answered.rows.len()));
        for said in self.predictions() {
            match said {
                Prediction::Number(_) => numbers.extend([said.probability(1), said.probability(0)]),
                several => numbers.extend((0..several.numbers().len() as u32).map(|class| several.probability(class))),
            }
            ends.push(numbers.len());
        }
        Values::Classes { names, numbers, ends }
    }

    /// The model that decided: the pipeline's if one learns here, else the pretrained one; with how much it had learned,
    /// or its version.
    fn model(&self) -> Values<'a> {
        let alone = self.version.filter(|_| self.plan.model.is_empty());
        let name = alone.map_or(&*self.plan.name, |version| &version.model.name);
        Values::Numbered { name, numbers: self.answered.rows.iter().map(|row| row.version).collect() }
    }

    fn id(&self) -> Values<'a> {
        let Some(id) = self.plan.id.and_then(|id| self.rows.columns.get(id)) else {
            let record = |row: &Row| self.raw.get(row.record).map(|record| record.position).unwrap_or_default();
            let positions = self.answered.rows.iter().map(record).collect();
            return Values::Places { partition: &self.raw.partition, positions };
        };
        if let Column::String(_) = id {
            return Values::Column(Column::of(&self.column(id)));
        }
        let texts = self.answered.rows.iter().map(|row| identity(id.cell(row.row)));
        Values::Column(Column::String(texts.collect::<StringArray>()))
    }

    /// The fields of a decision that selects none.
    fn whole(&self) -> Vec<Field<'a>> {
        let mut fields = vec![Field { name: "id", values: self.id() }];
        let mut add = |name, values| fields.push(Field { name, values });
        if let Some(time) = self.plan.time.and_then(|time| self.rows.columns.get(time)) {
            add("time", Values::Column(Column::of(&self.column(time))));
        }
        add("prediction", self.prediction());
        add("score", numbers(self.scores()));
        if self.plan.output.has_probabilities() {
            add("probability", self.probabilities());
        }
        add("model", self.model());
        if let Some(Version { model, number, .. }) = self.version {
            if !self.plan.model.is_empty() {
                add("file", Values::Text(format!("{}@{number}", model.name).into()));
            }
            add("digest", Values::Text(format!("{:032x}", model.digest).into()));
        }
        fields
    }
}

/// A column of numbers, in which those that are not finite are missing.
fn numbers<'a>(numbers: impl Iterator<Item = f64>) -> Values<'a> {
    let numbers = numbers.map(|number| Some(number).filter(|number| number.is_finite()));
    Values::Column(Column::Float64(numbers.collect::<Float64Array>()))
}

/// An id as text.
fn identity(id: Cell<'_>) -> Option<String> {
    match id {
        Cell::Missing => None,
        Cell::Float64(id) if !id.is_finite() => Some("null".into()),
        Cell::Float64(id) => Some(ryu::Buffer::new().format_finite(id).to_string()),
        other => Some(other.text().into_owned()),
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
        let version = self.sections.scorer.as_ref().map(Scorer::version);
        let scored = Scored { plan: &plan, classes, raw, rows, answered, places: OnceCell::new(), version };
        let (columns, whole) = (OnceCell::<Vec<ArrayRef>>::new(), OnceCell::new());
        let acted = plan.outputs.iter().map(|output| {
            let columns = || columns.get_or_init(|| rows.columns.iter().map(|column| scored.column(column)).collect());
            output.acting.as_ref().map(|acting| scored.act(acting, columns()))
        });
        let acted: Vec<Option<Acted<'_>>> = acted.collect();
        for (place, row) in answered.rows.iter().enumerate() {
            let Some(record) = raw.get(row.record) else { continue };
            // Outputs of one format share a decision that is not selected from.
            let mut shared = None;
            for (number, (output, acted)) in plan.outputs.iter().zip(&acted).enumerate() {
                if output.events || acted.as_ref().is_some_and(|acted| !acted.takes(place)) {
                    continue;
                }
                let encoder = (self.plan.resources.encoders)(output.format);
                let mut written = |fields: &[Field<'_>]| outbox.value(|bytes| encoder.encode(fields, place, bytes));
                let value = match (acted.as_ref().filter(|acted| !acted.payload.is_empty()), shared) {
                    (Some(acted), _) => written(&acted.payload),
                    (None, Some((format, value))) if format == output.format => value,
                    (None, _) => shared.insert((output.format, written(whole.get_or_init(|| scored.whole())))).1,
                };
                outbox.push(number, &self.partition, &record, value);
                if let Some(count) = self.written.get_mut(number) {
                    *count += 1;
                }
            }
        }
        answered.clear();
    }

    /// The same with the names that classes have now.
    pub(super) fn decide_so_far(&mut self, of: (&RawRows, &Rows), answered: &mut Answered, outbox: &mut Outbox) {
        let classes = self.sections.classes.clone();
        self.decide(of.0, of.1, answered, &classes, outbox);
    }
}
