//! Scoring: row by row where a model learns in between, all rows of a block at once where it never does.

use gristmill_learn::{Features, LearnError, Model, Predictions};

use super::Shard;
use crate::rows::{Cell, Refusal, Rows, Stage};

/// What a model that never learns says about the rows of a block; nothing about those that it refused.
pub(super) struct Scored(Vec<Option<usize>>, Predictions);

impl Scored {
    /// What it says about a row.
    pub(super) fn row(&self, row: usize) -> Option<&[f64]> {
        self.0.get(row).copied().flatten().map(|place| self.1.row(place))
    }
}

fn refusal(record: usize, why: &LearnError) -> Refusal {
    Refusal { record, stage: Stage::Score, reason: "not_scored", message: why.to_string() }
}

impl Shard {
    /// Scores all rows at once, if the model allows; rows that it cannot answer are added to the refusals.
    pub(super) fn score_block(&self, rows: &Rows, refusals: &mut Vec<Refusal>) -> Result<Option<Scored>, LearnError> {
        if self.plan.foreign.is_none() {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(rows.records.len() * self.plan.features.len());
        (0..rows.records.len()).for_each(|row| self.features_of(rows, row, &mut values));
        let all = Features::new(&values, self.plan.features.len());
        let mut predictions = Predictions::default();
        match self.model.predict(&all, &mut predictions) {
            Ok(()) => return Ok(Some(Scored((0..rows.records.len()).map(Some).collect(), predictions))),
            Err(LearnError::Model(_)) => predictions.clear(),
            Err(other) => return Err(other),
        }
        // One row spoils the block: each is tried alone.
        let mut places = Vec::with_capacity(rows.records.len());
        for (row, record) in all.rows().zip(&rows.records) {
            let place = predictions.len();
            match self.model.predict(&Features::row(row), &mut predictions) {
                Ok(()) => places.push(Some(place)),
                Err(why @ LearnError::Model(_)) => {
                    refusals.push(refusal(*record, &why));
                    places.push(None);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(Some(Scored(places, predictions)))
    }

    /// Appends the numbers that the model is given for a row.
    fn features_of(&self, rows: &Rows, row: usize, to: &mut Vec<f64>) {
        for (feature, column) in self.plan.features.iter().enumerate() {
            let cell = rows.columns.get(*column).map_or(Cell::Missing, |column| column.cell(row));
            to.push(self.categories.known(feature, cell));
        }
    }

    /// Scores one row, with what was learned from all before it.
    pub(super) fn predict(&mut self, rows: &Rows, row: usize) -> Result<(), LearnError> {
        self.features.clear();
        for (feature, column) in self.plan.features.iter().enumerate() {
            let cell = rows.columns.get(*column).map_or(Cell::Missing, |column| column.cell(row));
            self.features.push(self.categories.number(feature, cell));
        }
        self.predictions.clear();
        self.model.predict(&Features::row(&self.features), &mut self.predictions)?;
        if let Some(augment) = &self.augment {
            let corrected = augment.correct(self.plan.task, self.predictions.row(0));
            self.predictions.clear();
            self.predictions.push_row(corrected);
        }
        Ok(())
    }
}
