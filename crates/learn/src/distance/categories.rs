//! Categories: how often each occurred.

use std::collections::BTreeMap;

use crate::state::stateful;

/// The name of all further categories in a summary.
const OTHERS: &str = "(others)";

/// Counts of categories by name: the first ones apart, further ones together.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// How many are told apart.
    most: usize,
    counts: BTreeMap<String, u64>,
    /// Of further categories.
    others: u64,
    rows: u64,
}

stateful!(Tally: counts, others, rows);

impl Tally {
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: BTreeMap::new(), others: 0, rows: 0 }
    }

    /// Without the counts.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.most)
    }

    /// Adds a category that occurred so often.
    pub(super) fn add_times(&mut self, category: &str, times: u64) {
        self.rows += times;
        if let Some(count) = self.counts.get_mut(category) {
            *count += times;
        } else if self.counts.len() < self.most {
            self.counts.insert(category.to_string(), times);
        } else {
            self.others += times;
        }
    }

    pub(super) fn add(&mut self, category: &str) {
        self.add_times(category, 1);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many categories occurred once: the expected share of rows of a category that has not occurred yet is as
    /// high as theirs. Source: I. J. Good, "The Population Frequencies of Species and the Estimation of Population
    /// Parameters", Biometrika 40 (1953).
    pub(super) fn singletons(&self) -> u64 {
        self.counts.values().filter(|count| **count == 1).count() as u64
    }

    /// The counts of each category, in this and in a window; those that only the window has may be among the others
    /// here, where there are any.
    pub(super) fn beside(&self, window: &Self) -> Vec<(u64, u64)> {
        let of = |tally: &Self, name: &String| tally.counts.get(name).copied().unwrap_or(0);
        let mut counts: Vec<(u64, u64)> = self.counts.iter().map(|(name, here)| (*here, of(window, name))).collect();
        let new = window.counts.iter().filter(|(name, _)| !self.counts.contains_key(*name));
        let mut others = (self.others, window.others);
        for (_, there) in new {
            match self.others {
                0 => counts.push((0, *there)),
                _ => others.1 += there,
            }
        }
        if others != (0, 0) {
            counts.push(others);
        }
        counts
    }

    /// How many rows of a window have a category that did not occur here.
    pub(super) fn unseen(&self, window: &Self) -> u64 {
        self.beside(window).iter().filter(|(here, _)| *here == 0).map(|(_, there)| there).sum()
    }

    /// The most frequent categories with their shares of the rows, and the share of the rest.
    pub(super) fn top(&self, most: usize) -> Vec<(String, f64)> {
        let mut all: Vec<(&String, u64)> = self.counts.iter().map(|(name, count)| (name, *count)).collect();
        // Those of one frequency stay in the order of their names.
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let share = |count: u64| count as f64 / self.rows as f64;
        let shown: u64 = all.iter().take(most).map(|(_, count)| count).sum();
        let mut top: Vec<(String, f64)> =
            all.into_iter().take(most).map(|(name, count)| (name.clone(), share(count))).collect();
        if shown < self.rows {
            top.push((OTHERS.to_string(), share(self.rows - shown)));
        }
        top
    }
}
