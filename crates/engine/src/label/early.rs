//! Labels whose rows have not come yet.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_learn::{StateError, StateReader, StateWriter, Truth};

use super::example::{load_truth, save_truth};

/// The memory of a label besides its id, about: two entries of ordered maps.
const OVERHEAD: usize = 160;

#[derive(Debug, Clone, Copy)]
struct Label {
    truth: Truth,
    /// When it became known.
    known: i64,
    /// Until when it waits for its row; none: it came before any row.
    until: Option<i64>,
}

/// Labels by the id of the row they wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct Early {
    labels: BTreeMap<Box<str>, Label>,
    /// In the order in which they cease to wait.
    order: BTreeSet<(i64, Box<str>)>,
    bytes: usize,
}

impl Early {
    /// Keeps a label; a later one for the same id replaces it. Whether there was none yet.
    pub(super) fn keep(&mut self, id: &str, truth: Truth, known: i64, until: Option<i64>) -> bool {
        let before = self.take(id);
        let label = Label { truth, known, until };
        self.labels.insert(id.into(), label);
        self.order.extend(until.map(|until| (until, id.into())));
        self.bytes += OVERHEAD + 2 * id.len();
        before.is_none()
    }

    /// The label of a row that has come, and when it became known.
    pub(super) fn take(&mut self, id: &str) -> Option<(Truth, i64)> {
        let label = self.labels.remove(id)?;
        if let Some(until) = label.until {
            self.order.remove(&(until, id.into()));
        }
        self.bytes = self.bytes.saturating_sub(OVERHEAD + 2 * id.len());
        Some((label.truth, label.known))
    }

    /// The first row has come: from now on labels that came before it wait, too.
    pub(super) fn date(&mut self, until: i64) {
        for (id, label) in self.labels.iter_mut().filter(|(_, label)| label.until.is_none()) {
            label.until = Some(until);
            self.order.insert((until, id.clone()));
        }
    }

    /// Drops the labels that have waited long enough; their number.
    pub(super) fn expire(&mut self, now: i64) -> u64 {
        let mut expired = 0;
        while self.order.first().is_some_and(|(until, _)| *until <= now) {
            expired += u64::from(self.drop_first());
        }
        expired
    }

    /// Drops the label that would cease to wait first; whether there was one.
    pub(super) fn drop_first(&mut self) -> bool {
        let first = self.order.first().map(|(_, id)| id.clone()).or_else(|| self.labels.keys().next().cloned());
        first.is_some_and(|id| self.take(&id).is_some())
    }

    /// The number of labels.
    pub(super) fn len(&self) -> u64 {
        self.labels.len() as u64
    }

    /// Their memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn save(&self, to: &mut StateWriter) {
        to.u64(self.labels.len() as u64);
        for (id, Label { truth, known, until }) in &self.labels {
            to.text(id);
            save_truth(Some(*truth), to);
            to.u64(*known as u64);
            to.u64(until.is_some().into());
            to.u64(until.unwrap_or_default() as u64);
        }
    }

    pub(super) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = Self::default();
        for _ in 0..from.length(48)? {
            let id = from.text()?;
            let (truth, known) = (load_truth(from)?, from.u64()? as i64);
            let (dated, until) = (from.u64()? == 1, from.u64()? as i64);
            if let Some(truth) = truth {
                self.keep(id, truth, known, dated.then_some(until));
            }
        }
        Ok(())
    }
}
