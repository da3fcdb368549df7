//! What a leaf of values has seen of each column.

use std::collections::BTreeMap;

use super::node::{Suggestion, Test, is_told_apart};
use super::value_tree::ValueGrowth;
use crate::Kind;
use crate::state::stateful;

/// More distinct values of one column than this share the nearest one below.
const MOST: usize = 10_000;

/// The weight, mean and sum of squared distances of some values.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) weight: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

stateful!(Moments: weight, mean, squares);

impl Moments {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.weight += weight;
        let apart = value - self.mean;
        self.mean += weight / self.weight * apart;
        self.squares += weight * apart * (value - self.mean);
    }

    /// The moments of both together (Chan, Golub, LeVeque, 1979).
    pub(super) fn with(self, other: Self) -> Self {
        let weight = self.weight + other.weight;
        if weight <= 0.0 {
            return Self::default();
        }
        let apart = other.mean - self.mean;
        let mean = self.mean + apart * other.weight / weight;
        let squares = self.squares + other.squares + apart * apart * self.weight * other.weight / weight;
        Self { weight, mean, squares }
    }

    pub(super) fn variance(self) -> f64 {
        if self.weight > 1.0 { self.squares / (self.weight - 1.0) } else { 0.0 }
    }

    pub(super) fn list(self) -> Vec<f64> {
        vec![self.weight, self.mean, self.squares]
    }

    pub(super) fn of(list: &[f64]) -> Self {
        match list {
            [weight, mean, squares] => Self { weight: *weight, mean: *mean, squares: *squares },
            _ => Self::default(),
        }
    }
}

/// The moments of the label for each value of each column, numbers rounded to a grid. Source: `TEBSTSplitter` and
/// `NominalSplitterReg` of River; S. M. Mastelini, A. C. P. L. F. de Carvalho, "Using Dynamical Quantization to
/// Perform Split Attempts in Online Tree Regressors", Pattern Recognition Letters 145 (2021).
#[derive(Debug, Clone, Default)]
pub(super) struct ValueWatch {
    columns: Vec<u32>,
    /// By column, by the order of the value's bits.
    values: Vec<BTreeMap<u64, Moments>>,
}

stateful!(ValueWatch: columns, values);

/// The bytes of a value and its moments.
const ENTRY: usize = size_of::<u64>() + size_of::<Moments>();

/// The bits of a number such that they are ordered as numbers are.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn number(ordered: u64) -> f64 {
    f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered })
}

impl ValueWatch {
    pub(super) fn new(columns: impl Iterator<Item = usize>) -> Self {
        let columns: Vec<u32> = columns.map(|column| column as u32).collect();
        Self { values: vec![BTreeMap::new(); columns.len()], columns }
    }

    /// Learns a row; by how many bytes it grows with that.
    pub(super) fn learn(&mut self, row: &[f64], y: f64, weight: f64, growth: &ValueGrowth, kinds: &[Kind]) -> usize {
        let mut grown = 0;
        for (column, values) in self.columns.iter().zip(&mut self.values) {
            let column = *column as usize;
            let Some(x) = row.get(column).copied().filter(|x| x.is_finite()) else { continue };
            let nominal = kinds.get(column) == Some(&Kind::Nominal);
            if nominal && !is_told_apart(x) {
                continue;
            }
            let x = if nominal { x } else { (x * growth.grid).round_ties_even() / growth.grid };
            // One zero, not two.
            let mut key = ordered(if x.is_finite() { x + 0.0 } else { f64::MAX.copysign(x) });
            if values.len() >= MOST && !values.contains_key(&key) {
                key = values.range(..key).next_back().or_else(|| values.iter().next()).map_or(key, |(key, _)| *key);
            }
            let known = values.len();
            values.entry(key).or_default().add(y, weight);
            grown += ENTRY * (values.len() - known);
        }
        grown
    }

    /// The best split of each column.
    pub(super) fn suggestions(&self, before: Moments, growth: &ValueGrowth, kinds: &[Kind]) -> Vec<Suggestion> {
        let suggestion = |(column, values): (&u32, &BTreeMap<u64, Moments>)| {
            let column = *column as usize;
            match kinds.get(column) {
                Some(Kind::Nominal) => nominal_split(column, values, before, growth),
                _ => numeric_split(column, values, before, growth),
            }
        };
        self.columns.iter().zip(&self.values).map(suggestion).collect()
    }
}

/// How much variance a split takes away; 0 where a branch has too few rows, or where there are no two branches.
fn merit(before: Moments, branches: &[Moments], growth: &ValueGrowth) -> f64 {
    if branches.len() < 2 || branches.iter().any(|branch| branch.weight < growth.min_samples_split) {
        return 0.0;
    }
    let after: f64 = branches.iter().map(|branch| branch.weight / before.weight * branch.variance()).sum();
    before.variance() - after
}

/// For each of some values what is left of it and what is right of it: sums that never shrink need no subtraction.
fn around(values: &BTreeMap<u64, Moments>) -> impl Iterator<Item = (Moments, Moments)> {
    let mut right: Vec<Moments> = Vec::with_capacity(values.len());
    let mut sum = Moments::default();
    for moments in values.values().rev() {
        right.push(sum);
        sum = moments.with(sum);
    }
    let left = values.values().scan(Moments::default(), |sum, moments| {
        let left = *sum;
        *sum = sum.with(*moments);
        Some(left)
    });
    left.zip(right.into_iter().rev())
}

fn numeric_split(column: usize, values: &BTreeMap<u64, Moments>, before: Moments, growth: &ValueGrowth) -> Suggestion {
    let mut best = Suggestion::none();
    for ((key, moments), (left, right)) in values.iter().zip(around(values)) {
        let left = left.with(*moments);
        let merit = merit(before, &[left, right], growth);
        if merit > best.merit {
            let branches = vec![left.list(), right.list()];
            best = Suggestion { merit, split: Some((column, Test::AtMost(number(*key)), branches)) };
        }
    }
    best
}

fn nominal_split(column: usize, values: &BTreeMap<u64, Moments>, before: Moments, growth: &ValueGrowth) -> Suggestion {
    let mut best = Suggestion::none();
    let mut consider = |test: &dyn Fn() -> Test, branches: &[Moments]| {
        let merit = merit(before, branches, growth);
        if merit > best.merit {
            let branches = branches.iter().map(|branch| branch.list()).collect();
            best = Suggestion { merit, split: Some((column, test(), branches)) };
        }
    };
    let code = |key: &u64| number(*key).max(0.0) as u64;
    if !growth.binary_split {
        let all: Vec<Moments> = values.values().copied().collect();
        consider(&|| Test::Ways(values.keys().map(code).collect()), &all);
    }
    for ((key, equal), (left, right)) in values.iter().zip(around(values)) {
        consider(&|| Test::Equal(code(key)), &[*equal, left.with(right)]);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_keep_the_order_of_numbers() {
        let numbers = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 0.1, 7.0, f64::MAX];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert!(numbers.iter().all(|value| number(ordered(*value)) == *value));
    }

    #[test]
    fn moments_of_parts_are_those_of_the_whole() {
        let [mut whole, mut left, mut right] = [Moments::default(); 3];
        for (index, value) in [3.0, -1.0, 4.0, 1.5, 9.0].into_iter().enumerate() {
            whole.add(value, 2.0);
            if index < 2 { &mut left } else { &mut right }.add(value, 2.0);
        }
        let both = left.with(right);
        assert!((both.mean - whole.mean).abs() < 1e-12 && (both.squares - whole.squares).abs() < 1e-12);
    }
}
