//! A leaf's statistics of each column, by class.

use std::f64::consts::SQRT_2;

use super::criterion::Distribution;
use super::growth::{ClassGrowth, columns};
use super::node::{Suggestion, Test, is_told_apart};
use crate::density::{Scale, distance, from_logarithms, in_proportion};
use crate::features::is_complete;
use crate::random::Random;
use crate::state::stateful;
use crate::{Kind, Stateful};

/// Extends a list to this length; returns the bytes by which it grows.
pub(super) fn at_least(list: &mut Vec<f64>, length: usize) -> usize {
    let more = length.saturating_sub(list.len());
    if more > 0 {
        list.resize(length, 0.0);
    }
    8 * more
}

/// ½ ln 2π.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// Numeric columns as normal distributions, nominal ones as counts. Source: `GaussianSplitter` and
/// `NominalSplitterClassif` of River; B. Pfahringer, G. Holmes, R. Kirkby, "Handling Numeric Attributes in Hoeffding
/// Trees", PAKDD 2008.
#[derive(Debug, Clone, Default)]
pub(super) struct Splitter {
    /// The observed columns, by kind.
    numeric: Vec<u32>,
    nominal: Vec<u32>,
    classes: Vec<Normals>,
    /// By class, by nominal column: the weight of each code.
    counts: Vec<Vec<Vec<f64>>>,
}

stateful!(Splitter: numeric, nominal, classes, counts);

/// The values of one class: for each numeric column its weight, mean, sum of squares, least and greatest value.
#[derive(Debug, Clone, Default)]
struct Normals {
    weight: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    least: Vec<f64>,
    most: Vec<f64>,
    /// 1/(2 variance), or 0 if it is undefined; derived from the others.
    inverse: Vec<f64>,
    /// The common factor of the densities; derived from the others.
    scale: Scale,
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
        Self { weight, mean, squares, least, most, inverse, scale: Scale::default() }
    }

    fn learn(&mut self, values: &[f64], weight: f64) {
        let moments = self.weight.iter_mut().zip(&mut self.mean).zip(&mut self.squares);
        let ends = self.least.iter_mut().zip(&mut self.most);
        for (((held, mean), squares), ((least, most), x)) in moments.zip(ends.zip(values)) {
            // A missing value changes nothing: it counts with a weight of 0.
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

    /// Updates what is derived from the moments.
    fn scale(&mut self) {
        for ((weight, squares), inverse) in self.weight.iter().zip(&self.squares).zip(&mut self.inverse) {
            let variance = squares / (weight - 1.0);
            let known = *weight > 1.0 && variance > 0.0 && variance.is_finite();
            *inverse = if known { 0.5 / variance } else { 0.0 };
        }
        self.scale = Scale::of(&self.inverse);
    }

    /// The logarithm of the density of the values; a column without a distribution or a value is left out.
    fn log_density(&self, values: &[f64], complete: bool) -> f64 {
        if complete {
            return self.scale.logarithm() - distance(values, &self.mean, &self.inverse);
        }
        let columns = values.iter().zip(&self.mean).zip(&self.inverse);
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

/// Values of the observed columns: the row itself if these are its columns, in an array if they are few.
struct Values {
    few: [f64; 16],
    many: Vec<f64>,
}

impl Values {
    fn new() -> Self {
        Self { few: [0.0; 16], many: Vec::new() }
    }

    /// The values, and whether none is missing.
    fn of<'a>(&'a mut self, columns: &[u32], row: &'a [f64]) -> (&'a [f64], bool) {
        // Columns are in order: as many as there are in the row are all of them.
        if columns.len() == row.len() {
            return (row, is_complete(row));
        }
        let room = match self.few.get_mut(..columns.len()) {
            Some(few) => few,
            None => {
                self.many.resize(columns.len(), 0.0);
                self.many.as_mut_slice()
            }
        };
        for (value, column) in room.iter_mut().zip(columns) {
            *value = row.get(*column as usize).copied().unwrap_or(f64::NAN);
        }
        (room, is_complete(room))
    }
}

impl Splitter {
    /// Observes the columns of a new leaf.
    pub(super) fn of(growth: &ClassGrowth, kinds: &[Kind], random: &mut Random) -> Self {
        let mut splitter = Self::default();
        for column in columns(kinds.len(), growth.max_features, random) {
            match kinds.get(column) {
                Some(Kind::Nominal) => splitter.nominal.push(column as u32),
                _ => splitter.numeric.push(column as u32),
            }
        }
        splitter
    }

    /// Learns a row; returns the bytes by which it grows.
    pub(super) fn learn(&mut self, row: &[f64], class: usize, weight: f64) -> usize {
        let mut grown = 0;
        while self.classes.len() <= class {
            let (normals, counts) = (Normals::new(self.numeric.len()), vec![Vec::new(); self.nominal.len()]);
            grown += normals.size() + counts.size();
            self.classes.push(normals);
            self.counts.push(counts);
        }
        let mut values = Values::new();
        let (values, _) = values.of(&self.numeric, row);
        if let Some(normals) = self.classes.get_mut(class) {
            normals.learn(values, weight);
        }
        let counts = self.counts.get_mut(class).map(|columns| columns.iter_mut()).into_iter().flatten();
        for (codes, column) in counts.zip(&self.nominal) {
            let Some(code) = code(row, *column) else { continue };
            grown += at_least(codes, code + 1);
            codes.iter_mut().skip(code).take(1).for_each(|held| *held += weight);
        }
        grown
    }

    /// Each class's prior times its density, up to a common factor, as in naive Bayes; 0 for a class without weight.
    pub(super) fn votes(&self, row: &[f64], classes: &[f64], total: f64, out: &mut Vec<f64>) {
        out.clear();
        let mut values = Values::new();
        let (values, complete) = values.of(&self.numeric, row);
        if complete {
            out.extend(classes.iter().enumerate().map(|(class, weight)| match self.classes.get(class) {
                _ if *weight <= 0.0 => f64::INFINITY,
                Some(normals) => distance(values, &normals.mean, &normals.inverse),
                None => 0.0,
            }));
            let factor = |class: usize| {
                let scale = self.classes.get(class).map_or(Some(1.0), |normals| normals.scale.number());
                let prior = classes.get(class).copied().unwrap_or(0.0).max(0.0) / total;
                scale.map(|scale| scale * prior * self.shares(row, class).product::<f64>())
            };
            if in_proportion(out, factor) {
                return;
            }
            out.clear();
        }
        let logarithm = |(class, weight): (usize, &f64)| {
            if *weight <= 0.0 {
                return f64::NEG_INFINITY;
            }
            let density = self.classes.get(class).map_or(0.0, |normals| normals.log_density(values, complete));
            libm::log(weight / total) + density + self.shares(row, class).map(libm::log).sum::<f64>()
        };
        out.extend(classes.iter().enumerate().map(logarithm));
        from_logarithms(out);
    }

    /// The share of a class's rows with the row's category, for each nominal column that has any.
    fn shares(&self, row: &[f64], class: usize) -> impl Iterator<Item = f64> {
        let counts = self.counts.get(class).map(|columns| columns.iter()).into_iter().flatten();
        counts.zip(&self.nominal).filter_map(|(codes, column)| {
            let held = codes.get(code(row, *column)?).copied().filter(|held| *held > 0.0)?;
            Some(held / codes.iter().sum::<f64>())
        })
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
        let branches = (0..codes).map(|code| (code as u64, (0..classes).map(|class| of(class, code)).collect()));
        let present = branches.filter(|(_, branch): &(u64, Distribution)| branch.iter().sum::<f64>() > 0.0);
        let (present, branches): (Vec<u64>, Vec<Distribution>) = present.unzip();
        let all = (0..classes).map(|class| branches.iter().filter_map(|branch| branch.get(class)).sum::<f64>());
        let all: Distribution = all.collect();
        let mixed = growth.split_criterion.mixed(before);
        let mut best = Suggestion::none();
        let mut consider = |test: &dyn Fn() -> Test, branches: &[Distribution]| {
            let merit = growth.split_criterion.merit(mixed, branches, growth.min_branch_fraction);
            if merit > best.merit {
                best = Suggestion { merit, split: Some((column as usize, test(), branches.to_vec())) };
            }
        };
        if !growth.binary_split {
            consider(&|| Test::Ways(present.clone()), &branches);
        }
        for (code, equal) in present.iter().zip(branches) {
            let other = all.iter().zip(&equal).map(|(all, equal)| all - equal).collect();
            consider(&|| Test::Equal(*code), &[equal, other]);
        }
        best
    }
}

fn code(row: &[f64], column: u32) -> Option<usize> {
    let value = row.get(column as usize).copied()?;
    is_told_apart(value).then_some(value as usize)
}
