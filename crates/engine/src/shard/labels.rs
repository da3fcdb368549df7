//! Rows whose label is known later than their answer, and labels in records of their own.

use std::sync::Arc;

use gristmill_learn::{LearnError, Truth};

use super::step::Released;
use super::{Outbox, Shard, ShardError, unknown_label};
use crate::estimate;
use crate::label::{Example, Labelled, Pending};
use crate::plan::LabelPlan;
use crate::rows::{Cell, Position, RawRows, Refusal, Rows};
use crate::spec::OnLimit;
use crate::watch::{Moment, error_of};

impl Shard {
    /// Folds labels in that have records of their own.
    pub(super) fn take_labels(
        &mut self,
        raw: &RawRows,
        rows: &Rows,
        refusals: &mut Vec<Refusal>,
        outbox: &mut Outbox,
    ) -> Result<(), ShardError> {
        let plan = Arc::clone(&self.plan);
        let Some(labels) = plan.labels() else { return Ok(()) };
        let cell =
            |column: usize, row: usize| rows.columns.get(column).map_or(Cell::Missing, |column| column.cell(row));
        for (row, record) in rows.records.iter().enumerate() {
            self.tell(*record, raw, outbox)?;
            self.stands_at(raw, *record);
            self.moment = Moment { time: self.latest(), position: self.at.get(), record: *record };
            let known = match labels.time.map(|time| cell(time, row)) {
                Some(Cell::Timestamp(time)) => Some(time),
                _ => raw.get(*record).and_then(|record| record.timestamp).map(|time| time.saturating_mul(1000)),
            };
            match self.truth_of(cell(labels.column, row)) {
                Ok(Some(truth)) => self.take_label(&cell(labels.id, row).text(), truth, known)?,
                Ok(None) => self.sections.pending.iter_mut().for_each(Pending::missing),
                Err(message) => refusals.push(unknown_label(*record, message)),
            }
        }
        self.tell(usize::MAX, raw, outbox)?;
        self.within_limit()
    }

    fn take_label(&mut self, id: &str, truth: Truth, known: Option<i64>) -> Result<(), ShardError> {
        let labelled = self.sections.pending.as_mut().map(|pending| pending.label(id, truth, known));
        let learned = self.learn_labelled(labelled.unwrap_or_default());
        learned.and_then(|()| self.settle_beyond_limit()).map_err(|source| self.model_error(source))
    }

    pub(super) fn model_error(&self, source: LearnError) -> ShardError {
        ShardError::Model { partition: self.partition.clone(), source }
    }

    /// Whether a row waits for its label. `truth`: what it says itself.
    pub(super) fn waits(&self, truth: Option<Truth>) -> bool {
        self.sections.pending.as_ref().is_some_and(|pending| truth.is_some() || pending.joins())
    }

    /// Until when a row waits that has this time.
    pub(super) fn due(&self, time: i64) -> i64 {
        self.sections.pending.as_ref().map_or(time, |pending| pending.due(time))
    }

    /// A row that was answered waits for its label, which may have come already.
    pub(super) fn wait(&mut self, example: Example) -> Result<(), LearnError> {
        let id = example.id.clone();
        let Some(pending) = &mut self.sections.pending else { return Ok(()) };
        if let Some(((truth, known), id)) = pending.push(example).zip(id) {
            let labelled = pending.apply(&id, truth, known);
            self.learn_labelled(labelled)?;
        }
        self.settle_beyond_limit()
    }

    /// Learns rows whose label has come or was corrected, and measures them as they are known now.
    fn learn_labelled(&mut self, labelled: Labelled) -> Result<(), LearnError> {
        for row in labelled.rows {
            let Some(truth) = row.truth else { continue };
            if !labelled.corrects {
                self.evaluate_then(&row, truth);
            }
            self.learn_row(row, truth)?;
        }
        Ok(())
    }

    fn learn_row(&mut self, row: Example, truth: Truth) -> Result<(), LearnError> {
        if self.plan.output.task.is_unsupervised() {
            return Ok(());
        }
        self.features = row.features;
        self.learn(Some(truth))
    }

    /// Measures a row at the time of its label.
    fn evaluate_then(&mut self, row: &Example, truth: Truth) {
        let (now, own) = (self.sections.pending.as_ref().and_then(Pending::latest), self.own(&row.said));
        let Some(evaluation) = &mut self.sections.evaluation_then else { return };
        evaluation.in_segments(&self.plan.segments, &row.segments);
        evaluation.update(truth, self.plan.output.prediction(own), now);
    }

    /// The numbers of a score without those of a shadow.
    fn own<'a>(&self, said: &'a [f64]) -> &'a [f64] {
        said.get(..self.said_width()).unwrap_or(said)
    }

    /// Evaluates and learns the rows that have waited long enough by now, with the features and scores of the time when
    /// they were scored.
    pub(super) fn learn_what_is_due(&mut self, now: i64) -> Result<(), LearnError> {
        if let Some(pending) = &mut self.sections.pending {
            pending.advance(now);
        }
        while let Some(row) = self.sections.pending.as_mut().and_then(|pending| pending.pop(now)) {
            self.settle(row)?;
        }
        Ok(())
    }

    fn settle_beyond_limit(&mut self) -> Result<(), LearnError> {
        while let Some(row) = self.sections.pending.as_mut().and_then(Pending::pop_beyond_limit) {
            self.settle(row)?;
        }
        Ok(())
    }

    /// A row waits no longer: it is evaluated with the label that it has, and learned if it was not when that came.
    fn settle(&mut self, row: Example) -> Result<(), LearnError> {
        let truth = row.truth.or_else(|| self.otherwise());
        let said = self.plan.output.prediction(self.own(&row.said));
        estimate::labelled(&mut self.sections.estimate, row.chunk, (&row.features, said), truth)?;
        let Some(truth) = truth else { return Ok(()) };
        self.sections.evaluation.in_segments(&self.plan.segments, &row.segments);
        let error = error_of(truth, said);
        self.sections.evaluation.update(truth, said, Some(row.time));
        self.evaluate_shadow(truth, &row.said, Some(row.time));
        self.watch_labelled(error, Some(row.time));
        if row.learned {
            return Ok(());
        }
        self.evaluate_then(&row, truth);
        self.learn_row(row, truth)
    }

    /// What a row counts as that has no label after its wait.
    fn otherwise(&mut self) -> Option<Truth> {
        let plan = Arc::clone(&self.plan);
        // The plan has checked that it is a label.
        self.read_label(plan.label.as_ref().and_then(LabelPlan::otherwise)?).ok().flatten()
    }

    /// Rows that have a label are evaluated, since no more will come.
    pub(super) fn settle_labelled(&mut self, outbox: &mut Outbox) -> Result<(), ShardError> {
        self.moment = Moment { time: self.latest(), position: self.next_position(), record: 0 };
        let rows = self.sections.pending.as_mut().map(Pending::flush).unwrap_or_default();
        rows.into_iter().try_for_each(|row| self.settle(row)).map_err(|source| self.model_error(source))?;
        self.tell(usize::MAX, &RawRows::new(self.partition.clone()), outbox)
    }

    /// The document may say to stop rather than to forget rows.
    pub(super) fn within_limit(&self) -> Result<(), ShardError> {
        let Some(labels) = self.plan.labels().filter(|labels| labels.on_limit == OnLimit::Stop) else { return Ok(()) };
        if !self.sections.pending.as_ref().is_some_and(Pending::has_forgotten) {
            return Ok(());
        }
        Err(ShardError::Full {
            partition: self.partition.clone(),
            what: "the rows that wait for their labels",
            section: "label",
            otherwise: "the earliest of them are forgotten",
            limit: labels.max_memory,
        })
    }

    /// The next record of the first input: where time moves on without one.
    pub(super) fn next_position(&self) -> Position {
        self.positions.get(&self.partition.topic).unwrap_or_default()
    }

    /// The latest event time, where rows may wait for it to move on.
    pub fn latest(&self) -> Option<i64> {
        let (reorder, pending) = (&self.sections.reorder, &self.sections.pending);
        let buffered = reorder.as_ref().and_then(|buffer| buffer.latest());
        buffered.or_else(|| pending.as_ref().and_then(Pending::latest))
    }

    /// The event time at which rows that wait now would be released, or learned.
    pub fn next_release(&self) -> Option<i64> {
        let buffered = self.sections.reorder.as_ref().and_then(|buffer| buffer.first());
        let due = self.sections.pending.as_ref().and_then(Pending::next_due);
        let grace = self.plan.grace.unwrap_or(0);
        buffered.into_iter().chain(due).min().map(|time| time.saturating_add(grace))
    }

    /// Moves event time on although no record has come: rows that waited for that are released, or learned.
    pub fn tick(&mut self, to: i64, outbox: &mut Outbox) -> Result<Released, ShardError> {
        let released = match self.sections.reorder.as_mut().map(|buffer| buffer.advance(to)) {
            Some(turn) => self.take(turn, outbox)?,
            None => Released::default(),
        };
        let now = to.saturating_sub(self.plan.grace.unwrap_or(0));
        self.moment = Moment { time: Some(to), position: self.next_position(), record: 0 };
        self.learn_what_is_due(now).map_err(|source| self.model_error(source))?;
        self.tell(usize::MAX, &RawRows::new(self.partition.clone()), outbox)?;
        Ok(released)
    }
}
