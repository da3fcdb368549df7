//! The step: folds the records of one block into the state, through reordering, cleaning and features.

use std::borrow::Cow;

use gristmill_learn::Task;
use gristmill_sql::Windows;

use super::decide::Answered;
use super::reorder_buffer::{ReleasedRows, ReorderBuffer};
use super::scoring::{Scored, refusal};
use super::{Outbox, Shard, ShardError, computed, unknown_label};
use crate::clean::{Batch, Cleaner};
use crate::lookup::Lookup;
use crate::plan::{LabelPlan, Plan};
use crate::rows::{RawRows, Refusal, Rows};
use crate::spec::OnLimit;

/// Released rows of earlier blocks.
#[derive(Debug, Default)]
pub struct Released {
    /// Their records.
    pub raw: Option<RawRows>,
    /// Those of them that are rejected.
    pub refusals: Vec<Refusal>,
    /// For each record the number of the arriving one that released it.
    pub by: Vec<usize>,
}

impl Shard {
    /// Adds the rows that [`Self::step`] would reject, and changes nothing: a caller that must stop at a bad row has to
    /// know before later rows are folded in.
    pub fn check(&self, raw: &RawRows, rows: &Rows, refusals: &mut Vec<Refusal>) {
        if let Some(labels) = self.plan.labels_in(&raw.partition.topic) {
            return self.check_labels(labels.column, rows, refusals);
        }
        // Rules that reject need dead letters, so there are none; everything else that may reject a row is tried.
        let scoring = self.sections.scorer.as_ref().is_some_and(|scorer| scorer.version().model.model().may_refuse());
        if scoring || self.plan.computed.as_ref().is_some_and(|computed| computed.program.may_fail()) {
            let (mut rules, mut tables, mut windows) =
                (self.sections.clean.clone(), self.sections.lookups.clone(), self.sections.windows.clone());
            let prepared = prepare(&self.plan, (&mut rules, &mut tables, &mut windows), rows, refusals);
            // The step reports a refusal by the model itself.
            let mut scored = None::<Scored>;
            for (row, record) in prepared.records.iter().enumerate().filter(|_| scoring) {
                if scored.as_ref().is_none_or(|scored| !scored.covers(row, self.lessons())) {
                    scored = self.score(&prepared, row).ok().flatten();
                }
                let why = scored.as_ref().and_then(|scored| scored.row(row).err());
                refusals.extend(why.map(|why| refusal(*record, why)));
            }
        }
        if let Some(column) = self.plan.label.as_ref().and_then(LabelPlan::in_row) {
            self.check_labels(column, rows, refusals);
        }
    }

    /// Adds the records whose label is refused.
    fn check_labels(&self, column: usize, rows: &Rows, refusals: &mut Vec<Refusal>) {
        let classes = self.plan.output.task != Task::Regression;
        let Some(column) = rows.columns.get(column).filter(|_| classes) else { return };
        // Labels name classes as they occur: the first rows of a block may make a later one wrong.
        let (mut classes, limit) = (self.sections.classes.clone(), self.class_limit());
        for (row, record) in rows.records.iter().enumerate() {
            let truth = match self.plan.output.task {
                Task::Classification | Task::Clustering => classes.named(column.cell(row), limit),
                _ => classes.truth(column.cell(row)),
            };
            refusals.extend(truth.err().map(|message| unknown_label(*record, message)));
        }
    }

    /// Folds decoded rows in: each is scored, evaluated, decided and learned before the next one is processed. `raw` is
    /// the block of the rows and `refusals` its records without a row; a row that is rejected is added to them. With a
    /// grace, rows of earlier blocks are released, and others are buffered.
    pub fn step(
        &mut self,
        raw: &RawRows,
        rows: &Rows,
        refusals: &mut Vec<Refusal>,
        outbox: &mut Outbox,
    ) -> Result<Released, ShardError> {
        self.stands_at(raw, 0);
        self.drift.absorb(&rows.drift);
        if self.plan.labels_in(&raw.partition.topic).is_some() {
            self.take_labels(raw, rows, refusals, outbox)?;
            self.count(refusals);
            self.moved(raw);
            return Ok(Released::default());
        }
        let waited = match self.arrive(raw, rows, refusals) {
            Some(turn) => self.take(turn, outbox)?,
            None => {
                self.fold(raw, rows, refusals, outbox)?;
                Released::default()
            }
        };
        self.counts.rows += raw.len() as u64;
        self.count(refusals);
        self.moved(raw);
        self.within_limit()?;
        Ok(waited)
    }

    fn moved(&mut self, raw: &RawRows) {
        if let Some(next) = raw.next() {
            self.positions.set(&raw.partition.topic, next);
        }
    }

    /// Releases all buffered rows, since no more will arrive. Those that wait for their labels are learned, as far as they have
    /// any, if nothing goes on with the state: else their labels are known when they are known.
    pub fn flush(&mut self, outbox: &mut Outbox) -> Result<Released, ShardError> {
        let released = match self.sections.reorder.as_mut().map(ReorderBuffer::flush) {
            Some(turn) => self.take(turn, outbox)?,
            None => Released::default(),
        };
        if !self.plan.journals() {
            self.settle_labelled(outbox)?;
        }
        Ok(released)
    }

    /// With a grace: processes rows on arrival. Returns the released rows.
    fn arrive(&mut self, raw: &RawRows, rows: &Rows, refusals: &mut Vec<Refusal>) -> Option<ReleasedRows> {
        let hold = self.sections.reorder.as_mut()?;
        let mut batch = Batch::new(rows, self.plan.flags.len(), refusals);
        self.sections.clean.iter_mut().take(self.plan.on_arrival).for_each(|rule| rule.apply(&mut batch));
        Some(hold.take(raw, batch.finish()))
    }

    /// Tells other threads how far the step has progressed.
    pub(super) fn stands_at(&self, raw: &RawRows, record: usize) {
        if let Some(record) = raw.get(record) {
            self.at.set(record.position);
        }
    }

    pub(super) fn take(&mut self, turn: ReleasedRows, outbox: &mut Outbox) -> Result<Released, ShardError> {
        let mut refusals = Vec::new();
        self.fold(&turn.raw, &turn.rows, &mut refusals, outbox)?;
        self.count(&refusals);
        Ok(Released { raw: Some(turn.raw), refusals, by: turn.by })
    }

    fn count(&mut self, refusals: &[Refusal]) {
        for refusal in refusals {
            match self.refused.get_mut(refusal.reason) {
                Some(count) => *count += 1,
                None => drop(self.refused.insert(refusal.reason.to_string(), 1)),
            }
        }
    }

    fn fold(
        &mut self,
        raw: &RawRows,
        rows: &Rows,
        refusals: &mut Vec<Refusal>,
        outbox: &mut Outbox,
    ) -> Result<(), ShardError> {
        let prepared = self.compute(rows, refusals)?;
        self.watch_rules(raw, rows);
        let rows = &*prepared;
        let (mut answered, mut scored) = (Answered::default(), None::<Scored>);
        for (row, record) in rows.records.iter().enumerate() {
            self.tell_before(*record, (raw, rows), &mut answered, outbox)?;
            self.stands_at(raw, *record);
            if self.needs_score(scored.as_ref(), row) {
                scored = self.score(rows, row).map_err(|source| self.model_error(source))?;
            }
            let answer = match scored.as_ref().map(|scored| scored.row(row)).transpose() {
                Ok(answer) => answer,
                Err(why) => {
                    refusals.push(refusal(*record, why));
                    continue;
                }
            };
            let before = self.sections.classes.unsettled(&self.plan);
            self.known = self.sections.classes.names.len();
            let truth = self.truth(rows, row);
            // The earlier rows are decided under the name that the class had until then.
            if let Some(before) = before.filter(|before| self.sections.classes.settled_since(before)) {
                self.decide(raw, rows, &mut answered, &before, outbox);
            }
            match truth {
                Ok(truth) => self.row(rows, (row, *record), answer, truth, &mut answered),
                Err(message) => {
                    refusals.push(unknown_label(*record, message));
                    Ok(())
                }
            }
            .map_err(|source| self.model_error(source))?;
        }
        self.decide_so_far((raw, rows), &mut answered, outbox);
        self.tell_before(usize::MAX, (raw, rows), &mut answered, outbox)
    }

    /// Cleans rows and computes their features: the columns of the plan, then those that rules flag, then the computed
    /// ones, of the rows that are released and not rejected. [`Self::step`] does this before it scores. Rejected
    /// records are added in no particular order.
    pub fn prepare<'a>(
        &mut self,
        raw: &RawRows,
        rows: &'a Rows,
        refusals: &mut Vec<Refusal>,
    ) -> Result<Cow<'a, Rows>, ShardError> {
        match self.arrive(raw, rows, refusals) {
            Some(turn) => Ok(Cow::Owned(self.compute(&turn.rows, refusals)?.into_owned())),
            None => self.compute(rows, refusals),
        }
    }

    /// The same for all buffered rows, since no more will arrive.
    pub fn prepare_rest(&mut self, refusals: &mut Vec<Refusal>) -> Result<Option<Rows>, ShardError> {
        let Some(turn) = self.sections.reorder.as_mut().map(ReorderBuffer::flush) else { return Ok(None) };
        Ok(Some(self.compute(&turn.rows, refusals)?.into_owned()))
    }

    fn compute<'a>(&mut self, rows: &'a Rows, refusals: &mut Vec<Refusal>) -> Result<Cow<'a, Rows>, ShardError> {
        let rules = self.sections.clean.get_mut(self.plan.on_arrival..).unwrap_or_default();
        let prepared =
            prepare(&self.plan, (rules, &mut self.sections.lookups, &mut self.sections.windows), rows, refusals);
        let full = |what, otherwise| {
            let (partition, limit) = (self.partition.clone(), self.plan.windows.max_memory);
            Err(ShardError::Full { partition, what, section: "windows", otherwise, limit })
        };
        if self.plan.windows.on_limit == OnLimit::Stop {
            if self.sections.windows.as_ref().is_some_and(|windows| windows.evicted() > 0) {
                return full("the windows", "the keys that have been silent for longest are forgotten");
            }
            if self.sections.reorder.as_ref().is_some_and(|hold| hold.forced_out() > 0) {
                return full("the rows that wait", "the earliest of them wait no longer");
            }
        }
        Ok(prepared)
    }
}

fn prepare<'a>(
    plan: &Plan,
    (rules, tables, windows): (&mut [Cleaner], &mut [Lookup], &mut Option<Windows>),
    rows: &'a Rows,
    refusals: &mut Vec<Refusal>,
) -> Cow<'a, Rows> {
    let mut rows = Cow::Borrowed(rows);
    if !rules.is_empty() {
        // Buffered rows have their flags.
        let flags = if plan.grace.is_some() { 0 } else { plan.flags.len() };
        let mut batch = Batch::new(&rows, flags, refusals);
        rules.iter_mut().for_each(|rule| rule.apply(&mut batch));
        rows = Cow::Owned(batch.finish());
    }
    if !tables.is_empty() {
        let mut wider = rows.into_owned();
        for table in tables {
            let found = table.find(&wider, plan.time);
            wider.columns.extend(found);
        }
        rows = Cow::Owned(wider);
    }
    match (&plan.computed, windows) {
        (Some(computed), Some(windows)) => {
            Cow::Owned(computed::compute(computed, windows, rows.into_owned(), refusals))
        }
        _ => rows,
    }
}
