//! The statistics of each column in a leaf of a regression tree.

use std::collections::BTreeMap;

use super::growth::{ValueGrowth, columns};
use super::node::{Suggestion, Test, is_told_apart};
use crate::Kind;
use crate::random::Random;
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

    /// The moments of what remains when a part is removed.
    fn without(self, part: Self) -> Self {
        let weight = self.weight - part.weight;
        if weight <= 0.0 {
            return Self::default();
        }
        let mean = (self.mean * self.weight - part.mean * part.weight) / weight;
        let apart = part.mean - mean;
        let squares = self.squares - part.squares - apart * apart * weight * part.weight / self.weight;
        // What is nearly 0 may come out below it.
        Self { weight, mean, squares: squares.max(0.0) }
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
pub(super) struct ValueSplitter {
    columns: Vec<u32>,
    /// By column, by the order of the value's bits.
    values: Vec<BTreeMap<u64, Moments>>,
}

stateful!(ValueSplitter: columns, values);

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

impl ValueSplitter {
    /// Observes the columns of a new leaf.
    pub(super) fn of(growth: &ValueGrowth, kinds: &[Kind], random: &mut Random) -> Self {
        let columns = columns(kinds.len(), growth.max_features, random).map(|column| column as u32);
        let columns: Vec<u32> = columns.collect();
        Self { values: vec![BTreeMap::new(); columns.len()], columns }
    }

    /// Learns a row; returns the bytes by which it grows.
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

    /// The best split of each column of a leaf. `label` covers all of the leaf's rows: those observed, those in which a
    /// column is missing, and those that the leaf inherited when it was created.
    pub(super) fn suggestions(&self, label: Moments, growth: &ValueGrowth, kinds: &[Kind]) -> Vec<Suggestion> {
        let suggestion = |(column, values): (&u32, &BTreeMap<u64, Moments>)| {
            let column = *column as usize;
            match kinds.get(column) {
                Some(Kind::Nominal) => nominal_split(column, values, label, growth),
                _ => numeric_split(column, values, label, growth),
            }
        };
        self.columns.iter().zip(&self.values).map(suggestion).collect()
    }
}

/// The variance reduction of a split of these rows; 0 if a branch has too few rows, or if there are no two branches.
fn merit(rows: Moments, branches: &[Moments], growth: &ValueGrowth) -> f64 {
    if branches.len() < 2 || branches.iter().any(|branch| branch.weight < growth.min_samples_split) {
        return 0.0;
    }
    let after: f64 = branches.iter().map(|branch| branch.weight / rows.weight * branch.variance()).sum();
    rows.variance() - after
}

/// The rows that a split divides, and those in its branches.
#[derive(Clone, Copy)]
struct Divided {
    all: Moments,
    placed: Moments,
}

impl Divided {
    /// All of a leaf's rows are in a branch, as in River: those without a known value are among the others.
    fn new(label: Moments, values: &BTreeMap<u64, Moments>, growth: &ValueGrowth) -> Self {
        let placed = if growth.holds_back { sum(values) } else { label };
        Self { all: label, placed }
    }
}

fn sum(values: &BTreeMap<u64, Moments>) -> Moments {
    values.values().fold(Moments::default(), |sum, moments| sum.with(*moments))
}

/// The better of a split and another one: a branch for some rows, and one for all others.
fn two(best: Suggestion, column: usize, test: Test, one: Moments, rows: Divided, growth: &ValueGrowth) -> Suggestion {
    let other = rows.placed.without(one);
    let merit = merit(rows.all, &[one, other], growth);
    if merit <= best.merit.max(0.0) {
        return best;
    }
    Suggestion { merit, split: Some((column, test, vec![one.list(), other.list()])) }
}

fn numeric_split(column: usize, values: &BTreeMap<u64, Moments>, label: Moments, growth: &ValueGrowth) -> Suggestion {
    let (mut left, rows) = (Moments::default(), Divided::new(label, values, growth));
    values.iter().fold(Suggestion::none(), |best, (key, moments)| {
        left = left.with(*moments);
        two(best, column, Test::AtMost(number(*key)), left, rows, growth)
    })
}

fn nominal_split(column: usize, values: &BTreeMap<u64, Moments>, label: Moments, growth: &ValueGrowth) -> Suggestion {
    let code = |key: &u64| number(*key).max(0.0) as u64;
    let rows = Divided::new(label, values, growth);
    let many = if growth.binary_split { Suggestion::none() } else { ways(column, values, code, label, growth) };
    values.iter().fold(many, |best, (key, equal)| two(best, column, Test::Equal(code(key)), *equal, rows, growth))
}

/// A branch for each category. Rows without a known category gain nothing by it (J. R. Quinlan, "C4.5", 1993).
fn ways(
    column: usize,
    values: &BTreeMap<u64, Moments>,
    code: impl Fn(&u64) -> u64,
    label: Moments,
    growth: &ValueGrowth,
) -> Suggestion {
    let branches: Vec<Moments> = values.values().copied().collect();
    let known = sum(values);
    let merit = match growth.holds_back {
        true => merit(label, &branches, growth),
        false => merit(known, &branches, growth) * known.weight / label.weight,
    };
    if merit > 0.0 {
        let test = Test::Ways(values.keys().map(code).collect());
        return Suggestion { merit, split: Some((column, test, branches.into_iter().map(Moments::list).collect())) };
    }
    Suggestion::none()
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
        let near = |one: Moments, other: Moments| {
            one.weight == other.weight
                && (one.mean - other.mean).abs() < 1e-12
                && (one.squares - other.squares).abs() < 1e-12
        };
        assert!(near(left.with(right), whole) && near(whole.without(left), right));
        assert_eq!(whole.without(whole), Moments::default());
    }

    /// Whatever is missing or inherited, the branches of a split are all of the leaf's rows, or its merit is that of
    /// the known share; and there are at least two of them.
    #[test]
    fn a_split_has_branches_and_they_add_up() {
        let growth = crate::tree::HoeffdingTreeRegressorSettings::default().growth();
        let kinds = [Kind::Numeric, Kind::Nominal, Kind::Nominal, Kind::Nominal];
        let mut splitter = ValueSplitter::of(&growth, &kinds, &mut Random::new(0));
        let mut label = Moments { weight: 500.0, mean: 10.0, squares: 9_000.0 };
        for row in 0..300_u32 {
            let y = f64::from(row % 10 * 2 + row % 3);
            let sometimes = if row % 4 == 0 { f64::from(row % 3) } else { f64::NAN };
            splitter.learn(&[f64::from(row % 10), f64::NAN, 0.0, sometimes], y, 1.0, &growth, &kinds);
            label.add(y, 1.0);
        }
        let suggestions = splitter.suggestions(label, &growth, &kinds);
        assert!(suggestions[1].split.is_none(), "nothing was seen of it: {:?}", suggestions[1]);
        for suggestion in &suggestions {
            let Some((column, test, branches)) = &suggestion.split else { continue };
            let weight: f64 = branches.iter().map(|branch| Moments::of(branch).weight).sum();
            let all = if matches!(test, Test::Ways(_)) { 75.0 } else { label.weight };
            assert!(branches.len() >= 2 && weight == all, "{column} {test:?} {weight}");
            assert!(suggestion.merit <= label.variance(), "{suggestion:?}");
        }
        let merit = |column: usize| suggestions[column].merit;
        assert!(merit(0) > 1.5 * merit(3).max(merit(2)), "the number says the most: {suggestions:?}");
    }
}
