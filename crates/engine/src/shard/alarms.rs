//! What a shard's watches are shown, and what becomes of their alarms.

use std::sync::Arc;

use gristmill_learn::{Chain, LearnError};

use super::decide::Answered;
use super::scoring::Scorer;
use super::{Outbox, Shard, ShardError};
use crate::rows::{RawRecord, RawRows, Rows, SchemaDrift};
use crate::watch::{Action, Moment, Seen};

impl Shard {
    /// Shows the row that was scored just now.
    pub(super) fn watch_scored(&mut self, rows: &Rows, row: usize) {
        if !self.sections.watch.is_idle() {
            let score = self.plan.output.score(self.predictions.row(0));
            self.sections.watch.scored(&Seen { rows, row, score }, self.moment);
        }
    }

    /// Shows the error of a row whose label is known now, if it has one. `time`: the row's event time.
    pub(super) fn watch_labelled(&mut self, error: Option<f64>, time: Option<i64>) {
        if let Some(error) = error {
            self.sections.watch.labelled(error, time, self.moment);
        }
    }

    /// Notes for which rows of a block, before they were cleaned, rules have fired: it is shown when it is their turn.
    pub(super) fn watch_rules(&mut self, raw: &RawRows, rows: &Rows) {
        if !self.sections.watch.is_ruled() {
            return;
        }
        let first = self.plan.on_arrival_with_grace();
        for (rule, cleaner) in self.sections.clean.iter().enumerate().skip(first) {
            for (row, fired) in cleaner.seen() {
                let record = rows.records.get(row).copied().unwrap_or_default();
                let position = raw.get(record).map(|record| record.position).unwrap_or_default();
                let time = self.plan.time_of(rows, row);
                self.sections.watch.note(rule, fired, Moment { time, position, record });
            }
        }
        self.sections.watch.noted();
    }

    /// Writes what is to be told of the records before this one, and does what alarms do.
    pub(super) fn tell_before(
        &mut self,
        record: usize,
        (raw, rows): (&RawRows, &Rows),
        answered: &mut Answered,
        outbox: &mut Outbox,
    ) -> Result<(), ShardError> {
        let events = self.sections.watch.tell_before(record);
        // Rows are decided under the model that scored them, and before anything is told of them: so the order of what leaves
        // a shard does not depend on the cuts into blocks.
        if !events.is_empty() {
            self.decide_so_far((raw, rows), answered, outbox);
        }
        for event in events {
            let done = self.act(event.action);
            done.map_err(|source| self.model_error(source))?;
            // Time that moves on without a record has none.
            let nothing =
                RawRecord { position: self.next_position(), timestamp: None, key: None, value: None, headers: &[] };
            let at = raw.get(event.record).unwrap_or(nothing);
            let mut value = None;
            for (number, _) in self.plan.outputs.iter().enumerate().filter(|(_, output)| output.events) {
                let value = *value.get_or_insert_with(|| outbox.value(|bytes| bytes.extend_from_slice(&event.text)));
                let of_watch = RawRecord { key: Some(event.name.as_bytes()), ..at };
                outbox.push(number, &raw.partition, &of_watch, value);
                if let Some(count) = self.written.get_mut(number) {
                    *count += 1;
                }
            }
        }
        Ok(())
    }

    /// The same where no rows are scored: labels came, or time moved on.
    pub(super) fn tell(&mut self, before: usize, raw: &RawRows, outbox: &mut Outbox) -> Result<(), ShardError> {
        let rows = Rows { columns: Vec::new(), records: Vec::new(), drift: SchemaDrift::default() };
        self.tell_before(before, (raw, &rows), &mut Answered::default(), outbox)
    }

    fn act(&mut self, action: Option<Action>) -> Result<(), LearnError> {
        match action {
            None | Some(Action::Alarm) => return Ok(()),
            Some(Action::ResetModel) => {
                let plan = Arc::clone(&self.plan);
                if let Some(model) = &mut self.sections.model {
                    *model = Chain::new(&plan.model, &plan.signature)?;
                }
            }
            Some(Action::PromoteCandidate) => {
                if !self.sections.scorer.as_mut().is_some_and(Scorer::promote) {
                    return Ok(());
                }
            }
        }
        self.sections.watch.model_changed();
        Ok(())
    }
}
