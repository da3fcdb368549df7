//! What a leaf that may still split has seen of each column, by class.

use std::f64::consts::SQRT_2;

use super::criterion::Distribution;
use super::node::Test;
use super::{ClassGrowth, node::Suggestion};
use crate::state::stateful;
use crate::{Kind, Stateful};

/// ½ ln 2π.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// Numeric columns as normal distributions, nominal ones as counts. Source: `GaussianSplitter` and
/// `NominalSplitterClassif` of River; B. Pfahringer, G. Holmes, R. Kirkby, "Handling Numeric Attributes in Hoeffding
/// Trees", PAKDD 2008.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// The columns watched, by kind.
    numeric: Vec<u32>,
    nominal: Vec<u32>,
    classes: Vec<Normals>,
    /// By class, by nominal column: the weight of each code.
    counts: Vec<Vec<Vec<f64>>>,
}

stateful!(Watch: numeric, nominal, classes, counts);

/// The values of one class: for each numeric column its weight, mean, sum of squares, least and greatest value.
#[derive(Debug, Clone, Default)]
struct Normals {
    weight: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    least: Vec<f64>,
    most: Vec<f64>,
    /// 1/(2 variance), or 0 where there is none; follows from the others.
    inverse: Vec<f64>,
    /// The logarithm of what the densities have in common; follows from the others.
    log_scale: f64,
}

impl Stateful for Normals {
    fn save(&self, to: &mut crate::StateWriter) {
        [&self.weight, &self.mean, &self.squares, &self.least, &self.most].into_iter().for_each(|list| list.save(to));
    }

    fn load(&mut self, from: &mut crate::StateReader<'_>) -> Result<(), crate::StateError> {
        for list in [&mut self.weight, &mut self.mean, &mut self.squares, &mut self.least, &mut self.most] {
            list.load(from)?;
        }
        self.inverse = vec![0.0; self.weight.len()];
        self.scale();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.weight.len() * 48
    }
}

impl Normals {
    fn new(columns: usize) -> Self {
        let list = |value: f64| vec![value; columns];
        let (weight, mean, squares, inverse) = (list(0.0), list(0.0), list(0.0), list(0.0));
        let (least, most) = (list(f64::INFINITY), list(f64::NEG_INFINITY));
        Self { weight, mean, squares, least, most, inverse, log_scale: 0.0 }
    }

    fn learn(&mut self, values: &[f64], weight: f64) {
        let moments = self.weight.iter_mut().zip(&mut self.mean).zip(&mut self.squares);
        let ends = self.least.iter_mut().zip(&mut self.most);
        for (((held, mean), squares), ((least, most), x)) in moments.zip(ends.zip(values)) {
            // What is missing changes nothing: it counts with a weight of 0.
            let (x, weight) = if x.is_finite() { (*x, weight) } else { (*mean, 0.0) };
            *held += weight;
            let apart = x - *mean;
            let share = if *held > 0.0 { weight / *held } else { 0.0 };
            *mean += share * apart;
            *squares += weight * apart * (x - *mean);
            if weight > 0.0 {
                *least = least.min(x);
                *most = most.max(x);
            }
        }
        self.scale();
    }

    /// Brings what follows from the moments up to date.
    fn scale(&mut self) {
        let (mut product, mut valid) = (1.0, 0.0);
        for ((weight, squares), inverse) in self.weight.iter().zip(&self.squares).zip(&mut self.inverse) {
            let variance = squares / (weight - 1.0);
            let known = *weight > 1.0 && variance > 0.0 && variance.is_finite();
            *inverse = if known { 0.5 / variance } else { 0.0 };
            product *= if known { variance } else { 1.0 };
            valid += f64::from(u8::from(known));
        }
        // One logarithm for all columns, unless their product leaves the numbers there are.
        let logarithm = if product > 1e-280 && product < 1e280 {
            libm::log(product)
        } else {
            self.inverse.iter().filter(|inverse| **inverse > 0.0).map(|inverse| -libm::log(2.0 * inverse)).sum()
        };
        self.log_scale = -valid * HALF_LOG_TAU - 0.5 * logarithm;
    }

    /// The logarithm of the density of the values; a column without a distribution or a value takes no part.
    fn log_density(&self, values: &[f64], complete: bool) -> f64 {
        let columns = values.iter().zip(&self.mean).zip(&self.inverse);
        if complete {
            return self.log_scale - columns.map(|((x, mean), inverse)| (x - mean) * (x - mean) * inverse).sum::<f64>();
        }
        let known = columns.filter(|((x, _), inverse)| x.is_finite() && **inverse > 0.0);
        let density = |((x, mean), inverse): ((&f64, &f64), &f64)| {
            0.5 * libm::log(2.0 * inverse) - HALF_LOG_TAU - (x - mean) * (x - mean) * inverse
        };
        known.map(density).sum()
    }

    /// The weight at or below a threshold of a column, and above it.
    fn split(&self, column: usize, threshold: f64) -> (f64, f64) {
        let of = |list: &[f64]| list.get(column).copied().unwrap_or(0.0);
        let weight = of(&self.weight);
        if weight <= 0.0 || threshold < of(&self.least) {
            return (0.0, weight);
        }
        if threshold >= of(&self.most) {
            return (weight, 0.0);
        }
        let deviation = (of(&self.squares) / (weight - 1.0)).max(0.0).sqrt();
        let below = if weight > 1.0 && deviation > 0.0 {
            0.5 * (1.0 + libm::erf((threshold - of(&self.mean)) / (deviation * SQRT_2)))
        } else {
            0.0
        };
        (below * weight, weight - below * weight)
    }
}

/// Values of the columns watched, without an allocation where they are few.
pub(super) struct Values {
    few: [f64; 16],
    many: Vec<f64>,
    length: usize,
    complete: bool,
}

impl Values {
    fn of(columns: &[u32], row: &[f64]) -> Self {
        let mut values = Self { few: [0.0; 16], many: Vec::new(), length: columns.len(), complete: true };
        if columns.len() > values.few.len() {
            values.many.resize(columns.len(), 0.0);
        }
        let room = if values.many.is_empty() { &mut values.few[..] } else { &mut values.many[..] };
        let mut complete = true;
        for (value, column) in room.iter_mut().zip(columns) {
            *value = row.get(*column as usize).copied().unwrap_or(f64::NAN);
            complete &= value.is_finite();
        }
        values.complete = complete;
        values
    }

    fn list(&self) -> &[f64] {
        let all = if self.many.is_empty() { &self.few[..] } else { &self.many[..] };
        all.get(..self.length).unwrap_or_default()
    }
}

impl Watch {
    /// Watches these columns.
    pub(super) fn new(columns: impl Iterator<Item = usize>, kinds: &[Kind]) -> Self {
        let mut watch = Self::default();
        for column in columns {
            match kinds.get(column) {
                Some(Kind::Nominal) => watch.nominal.push(column as u32),
                _ => watch.numeric.push(column as u32),
            }
        }
        watch
    }

    pub(super) fn learn(&mut self, row: &[f64], class: usize, weight: f64) {
        while self.classes.len() <= class {
            self.classes.push(Normals::new(self.numeric.len()));
            self.counts.push(vec![Vec::new(); self.nominal.len()]);
        }
        let values = Values::of(&self.numeric, row);
        if let Some(normals) = self.classes.get_mut(class) {
            normals.learn(values.list(), weight);
        }
        let counts = self.counts.get_mut(class).map(|columns| columns.iter_mut()).into_iter().flatten();
        for (codes, column) in counts.zip(&self.nominal) {
            let Some(code) = code(row, *column) else { continue };
            if code >= codes.len() {
                codes.resize(code + 1, 0.0);
            }
            codes.iter_mut().skip(code).take(1).for_each(|held| *held += weight);
        }
    }

    /// The logarithm of each class's prior and density, as naive Bayes has it; minus infinity for a class without
    /// weight.
    pub(super) fn log_votes(&self, row: &[f64], classes: &[f64], total: f64, out: &mut Vec<f64>) {
        out.clear();
        let values = Values::of(&self.numeric, row);
        for (class, weight) in classes.iter().enumerate() {
            if *weight <= 0.0 {
                out.push(f64::NEG_INFINITY);
                continue;
            }
            let mut vote = libm::log(weight / total);
            if let Some(normals) = self.classes.get(class) {
                vote += normals.log_density(values.list(), values.complete);
            }
            let counts = self.counts.get(class).map(|columns| columns.iter()).into_iter().flatten();
            for (codes, column) in counts.zip(&self.nominal) {
                let Some(code) = code(row, *column) else { continue };
                let held = codes.get(code).copied().unwrap_or(0.0);
                if held > 0.0 {
                    vote += libm::log(held / codes.iter().sum::<f64>());
                }
            }
            out.push(vote);
        }
    }

    /// The best split of each column, in the order of columns; none for a column that cannot be split.
    pub(super) fn suggestions(&self, before: &[f64], growth: &ClassGrowth) -> Vec<Suggestion> {
        let numeric = self.numeric.iter().enumerate();
        let numeric = numeric.map(|(index, column)| (*column, self.numeric_split(index, *column, before, growth)));
        let nominal = self.nominal.iter().enumerate();
        let nominal = nominal.map(|(index, column)| (*column, self.nominal_split(index, *column, before, growth)));
        let mut all: Vec<(u32, Suggestion)> = numeric.chain(nominal).collect();
        all.sort_by_key(|(column, _)| *column);
        all.into_iter().map(|(_, suggestion)| suggestion).collect()
    }

    fn numeric_split(&self, index: usize, column: u32, before: &[f64], growth: &ClassGrowth) -> Suggestion {
        let ends =
            |list: fn(&Normals) -> &[f64]| self.classes.iter().filter_map(move |class| list(class).get(index).copied());
        let least = ends(|class| &class.least).fold(f64::INFINITY, f64::min);
        let most = ends(|class| &class.most).fold(f64::NEG_INFINITY, f64::max);
        let mixed = growth.split_criterion.mixed(before);
        let mut best = Suggestion::none();
        let step = (most - least) / (growth.n_splits as f64 + 1.0);
        let mut branches = [vec![0.0; before.len()], vec![0.0; before.len()]];
        for point in 1..=growth.n_splits {
            let threshold = least + step * point as f64;
            if !(least < threshold && threshold < most) {
                continue;
            }
            let [left, right] = &mut branches;
            for ((class, left), right) in self.classes.iter().zip(left.iter_mut()).zip(right.iter_mut()) {
                (*left, *right) = class.split(index, threshold);
            }
            let merit = growth.split_criterion.merit(mixed, &branches, growth.min_branch_fraction);
            if merit > best.merit {
                best = Suggestion { merit, split: Some((column as usize, Test::AtMost(threshold), branches.to_vec())) };
            }
        }
        best
    }

    fn nominal_split(&self, index: usize, column: u32, before: &[f64], growth: &ClassGrowth) -> Suggestion {
        let of = |class: usize, code: usize| -> f64 {
            let codes = self.counts.get(class).and_then(|columns| columns.get(index));
            codes.and_then(|codes| codes.get(code)).copied().unwrap_or(0.0)
        };
        let classes = before.len();
        let codes = self.counts.iter().filter_map(|columns| columns.get(index)).map(Vec::len).max().unwrap_or(0);
        let branch = |code: usize| (0..classes).map(|class| of(class, code)).collect::<Distribution>();
        let present: Vec<usize> = (0..codes).filter(|code| branch(*code).iter().sum::<f64>() > 0.0).collect();
        let mixed = growth.split_criterion.mixed(before);
        let mut best = Suggestion::none();
        let mut consider = |test: Test, branches: Vec<Distribution>| {
            let merit = growth.split_criterion.merit(mixed, &branches, growth.min_branch_fraction);
            if merit > best.merit {
                best = Suggestion { merit, split: Some((column as usize, test, branches)) };
            }
        };
        if !growth.binary_split {
            let ways = present.iter().map(|code| *code as u64).collect();
            consider(Test::Ways(ways), present.iter().map(|code| branch(*code)).collect());
        }
        for code in &present {
            let equal = branch(*code);
            let all = (0..classes).map(|class| present.iter().map(|code| of(class, *code)).sum::<f64>());
            let other = all.zip(&equal).map(|(all, equal)| all - equal).collect();
            consider(Test::Equal(*code as u64), vec![equal, other]);
        }
        best
    }
}

fn code(row: &[f64], column: u32) -> Option<usize> {
    let value = row.get(column as usize).copied()?;
    (value.is_finite() && (0.0..1e6).contains(&value)).then_some(value as usize)
}
