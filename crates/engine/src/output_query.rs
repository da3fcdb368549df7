//! The condition of an output, which selects decisions, and its payload.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, NullArray};
use gristmill_learn::Task;
use gristmill_sql::{Column as Named, Item, Kind, Mistake, Program, Setting, Windows};

use crate::decision::{Field, Values};
use crate::rows::Column;

/// What expressions of outputs may name besides the columns of a row, in the order of their columns.
const ANSWERS: [(&str, Answer<'static>); 3] =
    [("score", Answer::Score), ("prediction", Answer::Prediction), ("model", Answer::Model)];
/// The family of the classes' probabilities: `probability['fraud']`.
const PROBABILITY: &str = "probability";

/// The condition and the payload of an output, compiled.
#[derive(Debug, Clone)]
pub struct OutputQuery {
    program: Program,
    /// The columns of a row.
    width: usize,
    /// Whether the first item is the condition.
    when: bool,
    /// The names in the payload; empty: the whole decision.
    pub(crate) fields: Vec<String>,
}

/// A column of scores that an expression names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer<'a> {
    Score,
    Prediction,
    /// The name and the version of the model.
    Model,
    /// The probability of a class, by its name.
    Probability(&'a str),
}

/// The result of an output for a batch.
pub(crate) struct Acted<'a> {
    when: Option<BooleanArray>,
    /// What is selected; empty: the whole decision.
    pub(crate) payload: Vec<Field<'a>>,
}

impl Acted<'_> {
    /// Whether the output selects a row.
    pub(crate) fn takes(&self, row: usize) -> bool {
        self.when.as_ref().is_none_or(|when| when.is_valid(row) && when.value(row))
    }
}

impl OutputQuery {
    /// Compiles a condition, if there is one, and the fields of a payload, over columns and scores. Mistakes carry the
    /// number of the item: the condition comes first.
    pub(crate) fn new(
        columns: Vec<(String, Kind)>,
        task: Option<Task>,
        when: Option<&str>,
        fields: &[(String, String)],
    ) -> Result<Self, Vec<Mistake>> {
        let prediction = if task.is_none_or(Task::is_classification) { Kind::Text } else { Kind::Float };
        let width = columns.len();
        let answer = ANSWERS.iter().zip([Kind::Float, prediction, Kind::Text]);
        let answer = answer.map(|((name, _), kind)| (name.to_string(), kind));
        let named = columns.into_iter().chain(answer).map(|(name, kind)| Named { name, kind, delay: None });
        let setting =
            Setting { columns: named.collect(), families: vec![PROBABILITY.to_string()], ..Setting::default() };
        // Later items cannot refer to an item by name: the name of a field defines nothing for another one.
        let items = when.iter().map(|text| (*text).to_string()).chain(fields.iter().map(|(_, text)| text.clone()));
        let items: Vec<Item> =
            items.enumerate().map(|(place, text)| Item::new(format!("\u{0}{place}"), text)).collect();
        let program = Program::compile(&setting, &items)?;
        Ok(Self { program, width, when: when.is_some(), fields: fields.iter().map(|(name, _)| name.clone()).collect() })
    }

    /// Whether the probability of a class is named.
    pub(crate) fn names_probabilities(&self) -> bool {
        !self.program.members().is_empty()
    }

    /// What is wrong with the condition, although it compiles.
    pub(crate) fn unfit(&self) -> Option<&'static str> {
        match self.program.kinds().first() {
            _ if self.program.has_windows() => Some("an output looks at one row, and this is a window"),
            Some(Kind::Boolean) => None,
            _ if !self.when => None,
            _ => Some("this is not true or false"),
        }
    }

    /// The condition and the payload of each row of a batch. A value that cannot be computed is missing; a missing
    /// condition does not hold.
    pub(crate) fn act(&self, columns: &[ArrayRef], rows: usize, answer: &dyn Fn(Answer<'_>) -> ArrayRef) -> Acted<'_> {
        let reads = self.program.reads();
        let mut base = columns.to_vec();
        for (place, (_, named)) in ANSWERS.iter().enumerate() {
            let read = reads.contains(&(self.width + place));
            base.push(if read { answer(*named) } else { Arc::new(NullArray::new(rows)) });
        }
        base.extend(self.program.members().iter().map(|(_, class)| answer(Answer::Probability(class))));
        let made = self.program.evaluate(&mut Windows::new(&self.program), &base, rows);
        // If an item failed, its column is missing.
        let mut columns = made.columns.into_iter();
        let when = self.when.then(|| columns.next()).flatten().map(|column| column.as_boolean().clone());
        let payload = self.fields.iter().zip(columns);
        let payload = payload.map(|(name, column)| Field { name, values: Values::Column(Column::of(&column)) });
        Acted { when, payload: payload.collect() }
    }
}
