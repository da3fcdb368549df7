//! Which part of the rows has changed most.

use std::collections::BTreeMap;

use gristmill_learn::distance::{Comparison, Measure, Values};
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::taken::Taken;

/// The segments that are told apart; the rows of further ones are together.
const MOST: usize = 100;
const OTHERS: &str = "(others)";

/// The same comparison for the rows of each segment, coarsely.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    measure: Measure,
    values: Values,
    sliding: bool,
    fixed: bool,
    each: BTreeMap<String, Comparison>,
}

/// The segment that has changed most.
#[derive(Debug, PartialEq)]
pub(super) struct Changed {
    pub(super) value: String,
    /// Of the window's rows.
    pub(super) share: f64,
    pub(super) size: f64,
}

impl Segments {
    pub(super) fn new(measure: Measure, values: Values, sliding: bool) -> Self {
        Self { measure, values, sliding, fixed: false, each: BTreeMap::new() }
    }

    fn empty(&self) -> Comparison {
        let empty = Comparison::coarse(self.measure, self.values);
        if self.sliding { empty.sliding() } else { empty }
    }

    pub(super) fn count(&mut self, segment: &str, value: &Taken<'_>) {
        let name = if self.each.contains_key(segment) || self.each.len() < MOST { segment } else { OTHERS };
        if !self.each.contains_key(name) {
            let mut new = self.empty();
            // A segment that the reference does not have is compared with nothing.
            if self.fixed {
                new.fix();
            }
            self.each.insert(name.to_string(), new);
        }
        if let Some(comparison) = self.each.get_mut(name) {
            value.count_in(comparison);
        }
    }

    pub(super) fn fix(&mut self) {
        self.fixed = true;
        self.each.values_mut().for_each(Comparison::fix);
    }

    /// The next window begins.
    pub(super) fn advance(&mut self) {
        let sliding = self.sliding;
        self.each.values_mut().for_each(|one| if sliding { one.slide() } else { one.restart() });
    }

    /// The one with the largest size, counted by its share of the window.
    pub(super) fn most_changed(&self) -> Option<Changed> {
        let all: u64 = self.each.values().map(Comparison::in_window).sum();
        let mut most: Option<(f64, Changed)> = None;
        for (name, comparison) in &self.each {
            let (share, size) = (comparison.in_window() as f64 / all as f64, comparison.distance());
            let weight = share * size;
            if weight.is_finite() && most.as_ref().is_none_or(|(best, _)| weight > *best) {
                most = Some((weight, Changed { value: name.clone(), share, size }));
            }
        }
        most.map(|(_, changed)| changed)
    }
}

impl Stateful for Segments {
    fn save(&self, to: &mut StateWriter) {
        self.fixed.save(to);
        to.u64(self.each.len() as u64);
        for (name, comparison) in &self.each {
            to.text(name);
            comparison.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.fixed.load(from)?;
        self.each.clear();
        for _ in 0..from.length(16)? {
            let (name, mut comparison) = (from.text()?.to_string(), self.empty());
            comparison.load(from)?;
            self.each.insert(name, comparison);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.each.iter().map(|(name, comparison)| name.size() + comparison.size()).sum()
    }
}
