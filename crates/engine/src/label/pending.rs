//! Rows that wait for their labels: they were answered on arrival, and are learned and evaluated once the label is known.
//!
//! A label in its row is known `delay` after it. A label of its own comes when it comes: it is learned at once, and its
//! row stays until `wait` has passed, so that later labels can correct it. Then the row is evaluated, with the last label
//! it has: rows are evaluated in the order of their time, each once.

use std::collections::{BTreeMap, VecDeque};

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful, Truth};

use super::early::Early;
use super::{Delays, Example, LabelCounts, LabelInput, LabelReport};

const NAME: &str = "pending";

/// What came of a label.
#[derive(Debug, Default)]
pub(crate) struct Labelled {
    /// The rows that have it now and had none or another one before, as they were answered.
    pub(crate) rows: Vec<Example>,
    /// Whether it corrects an earlier one.
    pub(crate) corrects: bool,
}

/// All rows that wait, in the order in which they cease to.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// How long a row waits, in microseconds of event time.
    wait: i64,
    rows: VecDeque<Example>,
    /// The latest time of a row; none before the first.
    latest: Option<i64>,
    joined: Option<Joined>,
}

/// What labels of their own need.
#[derive(Debug, Clone)]
struct Joined {
    limit: usize,
    /// When the rows with an id cease to wait, one entry each.
    due: BTreeMap<Box<str>, Vec<i64>>,
    bytes: usize,
    early: Early,
    counts: LabelCounts,
    delays: Delays,
}

impl Joined {
    fn comes(&mut self, row: &Example) {
        let Some(id) = &row.id else { return };
        self.bytes += row.cost();
        self.due.entry(id.clone()).or_default().push(row.due);
    }

    fn leaves(&mut self, row: &Example) {
        let Some(id) = &row.id else { return };
        self.bytes = self.bytes.saturating_sub(row.cost());
        let Some(all) = self.due.get_mut(id) else { return };
        if let Some(one) = all.iter().position(|due| *due == row.due) {
            all.remove(one);
        }
        if all.is_empty() {
            self.due.remove(id);
        }
    }
}

impl Pending {
    /// For labels that are known so long after their row.
    pub(super) fn delayed(delay: i64) -> Self {
        Self { wait: delay, rows: VecDeque::new(), latest: None, joined: None }
    }

    /// For labels of their own.
    pub(super) fn joined(labels: &LabelInput) -> Self {
        let joined = Joined {
            limit: labels.max_memory.bytes(),
            due: BTreeMap::new(),
            bytes: 0,
            early: Early::default(),
            counts: LabelCounts::default(),
            delays: Delays::default(),
        };
        Self { joined: Some(joined), ..Self::delayed(labels.wait) }
    }

    /// Until when a row waits that has this time.
    pub(crate) fn due(&self, time: i64) -> i64 {
        time.saturating_add(self.wait)
    }

    /// When the next row ceases to wait.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.rows.front().map(|row| row.due)
    }

    /// Whether labels have records of their own.
    pub(crate) fn joins(&self) -> bool {
        self.joined.is_some()
    }

    /// The latest time of a row.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// The number of rows that wait and have a label.
    pub(crate) fn labelled(&self) -> u64 {
        self.rows.iter().filter(|row| row.truth.is_some()).count() as u64
    }

    /// Time has moved on: labels without a row have waited long enough.
    pub(crate) fn advance(&mut self, now: i64) {
        let wait = self.wait;
        let first = self.latest.is_none();
        self.latest = self.latest.max(Some(now));
        let Some(joined) = &mut self.joined else { return };
        if first {
            joined.early.date(now.saturating_add(wait));
        }
        joined.counts.unknown += joined.early.expire(now);
    }

    /// Adds a row. Where its label has come before it, the label and when it became known.
    pub(crate) fn push(&mut self, row: Example) -> Option<(Truth, i64)> {
        let known = self.joined.as_mut().zip(row.id.as_ref()).and_then(|(joined, id)| joined.early.take(id));
        // A record that came twice has the label of the first one.
        let known = known.or_else(|| {
            let first = self.rows_of(row.id.as_ref()?).find_map(|place| self.rows.get(place)?.truth);
            Some((first?, self.latest.unwrap_or(row.time)))
        });
        if let Some(joined) = &mut self.joined {
            joined.comes(&row);
        }
        let place = self.rows.partition_point(|other| other.due <= row.due);
        self.rows.insert(place, row);
        known
    }

    /// The places of the rows with an id.
    fn rows_of(&self, id: &str) -> impl Iterator<Item = usize> + use<> {
        let due = self.joined.as_ref().and_then(|joined| joined.due.get(id));
        let mut places = Vec::new();
        for due in due.into_iter().flatten() {
            let first = self.rows.partition_point(|row| row.due < *due);
            let same = self.rows.range(first..).take_while(|row| row.due == *due);
            let of_it = |row: &Example| row.id.as_deref() == Some(id);
            places.extend(same.enumerate().filter(|(_, row)| of_it(row)).map(|(index, _)| first + index));
        }
        places.sort_unstable();
        places.dedup();
        places.into_iter()
    }

    /// A label has come for an id. `known`: when it became known; none: now.
    pub(crate) fn label(&mut self, id: &str, truth: Truth, known: Option<i64>) -> Labelled {
        if let Some(joined) = &mut self.joined {
            joined.counts.labels += 1;
        }
        self.apply(id, truth, known.or(self.latest).unwrap_or_default())
    }

    /// Gives a label to the rows that wait for it; without one it waits itself.
    pub(crate) fn apply(&mut self, id: &str, truth: Truth, known: i64) -> Labelled {
        let (until, places) = (self.latest.map(|latest| self.due(latest)), self.rows_of(id));
        let Some(joined) = &mut self.joined else { return Labelled::default() };
        let (mut labelled, mut found) = (Labelled::default(), false);
        for place in places {
            let Some(row) = self.rows.get_mut(place) else { continue };
            found = true;
            let before = row.truth.replace(truth);
            if before == Some(truth) {
                continue;
            }
            if before.is_none() {
                joined.delays.add(known.saturating_sub(row.time));
            }
            labelled.corrects |= before.is_some();
            row.learned = true;
            labelled.rows.push(row.clone());
        }
        match (found, labelled.rows.is_empty()) {
            (false, _) => {
                let new = joined.early.keep(id, truth, known, until);
                joined.counts.early += u64::from(new);
                joined.counts.repeated += u64::from(!new);
            }
            (true, true) => joined.counts.repeated += 1,
            (true, false) if labelled.corrects => joined.counts.corrected += 1,
            (true, false) => joined.counts.joined += 1,
        }
        labelled
    }

    /// Counts a record without a label in it.
    pub(crate) fn missing(&mut self) {
        if let Some(joined) = &mut self.joined {
            joined.counts.missing += 1;
        }
    }

    /// The next row that has waited long enough by now.
    pub(crate) fn pop(&mut self, now: i64) -> Option<Example> {
        let due = self.rows.front().is_some_and(|row| row.due <= now);
        let row = if due { self.take(0) } else { None }?;
        if let Some(joined) = &mut self.joined {
            joined.counts.settled += 1;
            joined.counts.unlabelled += u64::from(row.truth.is_none());
        }
        Some(row)
    }

    /// All rows that have a label, in order, since no more will come.
    pub(crate) fn flush(&mut self) -> Vec<Example> {
        let (labelled, waiting): (VecDeque<Example>, VecDeque<Example>) =
            std::mem::take(&mut self.rows).into_iter().partition(|row| row.truth.is_some());
        self.rows = waiting;
        if let Some(joined) = &mut self.joined {
            joined.counts.settled += labelled.len() as u64;
            labelled.iter().for_each(|row| joined.leaves(row));
        }
        labelled.into()
    }

    /// The earliest row, if rows and labels take more memory than they may: it has its label, or it is forgotten.
    pub(crate) fn pop_beyond_limit(&mut self) -> Option<Example> {
        loop {
            let joined = self.joined.as_mut()?;
            if joined.bytes + joined.early.bytes() <= joined.limit {
                return None;
            }
            if joined.early.bytes() > joined.bytes && joined.early.drop_first() {
                joined.counts.forgotten += 1;
                continue;
            }
            let row = self.take(0)?;
            let joined = self.joined.as_mut()?;
            if row.truth.is_some() {
                joined.counts.settled += 1;
                return Some(row);
            }
            joined.counts.forgotten += 1;
        }
    }

    fn take(&mut self, place: usize) -> Option<Example> {
        let row = self.rows.remove(place)?;
        if let Some(joined) = &mut self.joined {
            joined.leaves(&row);
        }
        Some(row)
    }

    /// What has come of labels of their own.
    pub(crate) fn report(&self) -> Option<LabelReport> {
        let joined = self.joined.as_ref()?;
        let mut counts = joined.counts;
        counts.waiting = self.rows.iter().filter(|row| row.truth.is_none()).count() as u64;
        counts.without_row = joined.early.len();
        Some(LabelReport { counts, delays: joined.delays.clone() })
    }

    /// Whether rows or labels were forgotten for lack of memory.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.counts.forgotten > 0)
    }
}

impl Stateful for Pending {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 2);
        to.u64(self.rows.len() as u64);
        self.rows.iter().for_each(|row| row.save(to));
        to.u64(self.latest.is_some().into());
        to.u64(self.latest.unwrap_or_default() as u64);
        if let Some(joined) = &self.joined {
            joined.early.save(to);
            joined.counts.save(to);
            joined.delays.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let format = from.begin(NAME, 2)?;
        self.rows.clear();
        if let Some(joined) = &mut self.joined {
            joined.due.clear();
            joined.bytes = 0;
        }
        for _ in 0..from.length(48)? {
            let row = Example::load(format, from)?;
            if let Some(joined) = &mut self.joined {
                joined.comes(&row);
            }
            self.rows.push_back(row);
        }
        self.latest = None;
        if format > 1 {
            let (known, latest) = (from.u64()? == 1, from.u64()? as i64);
            self.latest = known.then_some(latest);
        }
        if let Some(joined) = &mut self.joined {
            joined.early.load(from)?;
            joined.counts.load(from)?;
            joined.delays.load(from)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let early = self.joined.as_ref().map_or(0, |joined| joined.early.bytes());
        self.rows.iter().map(Example::cost).sum::<usize>() + early
    }
}
