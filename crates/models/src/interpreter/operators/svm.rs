//! Support vector machines, as LIBSVM computes them (Chang and Lin, "LIBSVM: a library for support vector machines").

use super::classes::{Classes, Finish, both, largest, logistic, scores};
use crate::ReadError;
use crate::graph::{Fault, ML, Tensor};
use crate::interpreter::{Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[("SVMClassifier", classifier), ("SVMRegressor", regressor)];

#[derive(Debug, Clone, Copy)]
enum Kernel {
    Linear,
    Polynomial,
    Radial,
    Sigmoid,
}

/// A kernel and the vectors that rows are compared with.
struct Machine {
    kernel: Kernel,
    gamma: f64,
    constant: f64,
    degree: f64,
    vectors: Vec<f64>,
    width: usize,
    coefficients: Vec<f64>,
    rho: Vec<f64>,
}

fn wide(making: &Making<'_>, name: &str) -> Vec<f64> {
    making.node.floats(name).iter().map(|x| f64::from(*x)).collect()
}

impl Machine {
    fn of(making: &Making<'_>, vectors: usize) -> Result<Self, ReadError> {
        let kernel = match making.node.text("kernel_type").unwrap_or("LINEAR") {
            "LINEAR" => Kernel::Linear,
            "POLY" => Kernel::Polynomial,
            "RBF" => Kernel::Radial,
            "SIGMOID" => Kernel::Sigmoid,
            other => return Err(making.wrong(format!("has the kernel {other:?}, which is not supported"))),
        };
        let settings = wide(making, "kernel_params");
        let setting = |place: usize| settings.get(place).copied().unwrap_or(0.0);
        let all = wide(making, "support_vectors");
        if vectors > 0 && (all.is_empty() || !all.len().is_multiple_of(vectors)) {
            return Err(making.wrong(format!("has {} numbers in {vectors} support vectors", all.len())));
        }
        Ok(Self {
            kernel,
            gamma: setting(0),
            constant: setting(1),
            degree: setting(2),
            width: all.len().checked_div(vectors).unwrap_or(0),
            vectors: all,
            coefficients: wide(making, "coefficients"),
            rho: wide(making, "rho"),
        })
    }

    fn kernel(&self, a: &[f64], b: &[f64]) -> f64 {
        let dot = || a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        match self.kernel {
            Kernel::Linear => dot(),
            Kernel::Polynomial => (self.gamma * dot() + self.constant).powf(self.degree),
            Kernel::Radial => {
                let apart: f64 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
                (-self.gamma * apart).exp()
            }
            Kernel::Sigmoid => (self.gamma * dot() + self.constant).tanh(),
        }
    }

    /// The kernel value of a row with each support vector.
    fn nearness(&self, row: &[f64]) -> Vec<f64> {
        self.vectors.chunks_exact(self.width.max(1)).map(|vector| self.kernel(row, vector)).collect()
    }

    fn rows(&self, input: &Tensor, expected: usize) -> Result<Vec<f64>, Fault> {
        match input.rows_and_columns() {
            (_, columns) if columns == expected => input.to_doubles(),
            (_, columns) => Err(Fault(format!("{expected} columns are expected, {columns} are given"))),
        }
    }
}

fn regressor(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let vectors = usize::try_from(making.node.int("n_supports").unwrap_or(0)).unwrap_or(0);
    let machine = Machine::of(making, vectors)?;
    let one_class = making.node.int("one_class").unwrap_or(0) != 0;
    let expected = if vectors > 0 { vectors } else { machine.coefficients.len() };
    let (Some(rho), true) = (machine.rho.first().copied(), machine.coefficients.len() == expected) else {
        return Err(making.wrong("has coefficients that do not fit its support vectors, or no rho"));
    };
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let width = if vectors > 0 { machine.width } else { machine.coefficients.len() };
        let values = machine.rows(input, width)?;
        arguments.work(values.len().saturating_mul(vectors.max(1)))?;
        let mut sums: Vec<f64> = Vec::new();
        for row in values.chunks_exact(width.max(1)) {
            let sum = if vectors > 0 {
                machine.nearness(row).iter().zip(&machine.coefficients).map(|(near, weight)| near * weight).sum()
            } else {
                machine.kernel(row, &machine.coefficients)
            };
            let sum: f64 = sum;
            let value = if one_class { if sum + rho > 0.0 { 1.0 } else { -1.0 } } else { sum + rho };
            let mut value = [value];
            finish.apply(&mut value);
            sums.extend(value);
        }
        Ok(vec![scores(sums.len(), 1, &sums)?])
    }))
}

/// One classifier for each pair of classes (one against one).
struct Pairs {
    machine: Machine,
    /// The number of support vectors of each class.
    counts: Vec<usize>,
    /// Platt's a and b for each pair; empty if the file has no probabilities.
    platt: Vec<(f64, f64)>,
}

impl Pairs {
    /// The margins of all pairs of classes, in order; above 0 the first class of the pair wins.
    fn margins(&self, row: &[f64]) -> Vec<f64> {
        let near = self.machine.nearness(row);
        let total = near.len();
        let starts: Vec<usize> =
            self.counts.iter().scan(0, |at, count| Some(std::mem::replace(at, *at + count))).collect();
        let part = |of: usize, against: usize| -> f64 {
            let (Some(start), Some(count)) = (starts.get(of), self.counts.get(of)) else { return f64::NAN };
            let weights = self.machine.coefficients.iter().skip(against * total + start).take(*count);
            weights.zip(near.iter().skip(*start)).map(|(weight, near)| weight * near).sum()
        };
        let classes = self.counts.len();
        let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
        let rho = self.machine.rho.iter().chain(std::iter::repeat(&0.0));
        pairs.zip(rho).map(|((a, b), rho)| part(a, b - 1) + part(b, a) + rho).collect()
    }

    /// How many pairs each class wins.
    fn votes(&self, margins: &[f64]) -> Vec<f64> {
        let classes = self.counts.len();
        let mut votes = vec![0.0; classes];
        let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
        for ((a, b), margin) in pairs.zip(margins) {
            votes.iter_mut().skip(if *margin > 0.0 { a } else { b }).take(1).for_each(|votes| *votes += 1.0);
        }
        votes
    }

    /// Votes, and for equal votes the confidence: scikit-learn's `_ovr_decision_function`.
    fn one_against_rest(&self, margins: &[f64], votes: &[f64]) -> Vec<f64> {
        let classes = self.counts.len();
        let mut sums = vec![0.0; classes];
        let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
        for ((a, b), margin) in pairs.zip(margins) {
            sums.iter_mut().skip(a).take(1).for_each(|sum| *sum += margin);
            sums.iter_mut().skip(b).take(1).for_each(|sum| *sum -= margin);
        }
        votes.iter().zip(sums).map(|(votes, sum): (_, f64)| votes + sum / (3.0 * (sum.abs() + 1.0))).collect()
    }

    fn probabilities(&self, margins: &[f64]) -> Vec<f64> {
        const LEAST: f64 = 1e-7;
        let pair = |(margin, (a, b)): (&f64, &(f64, f64))| logistic(-(margin * a + b)).clamp(LEAST, 1.0 - LEAST);
        let pairwise: Vec<f64> = margins.iter().zip(&self.platt).map(pair).collect();
        coupled(&pairwise, self.counts.len())
    }
}

/// Probabilities of classes from those of pairs (Wu, Lin and Weng 2004, the second method; LIBSVM's iteration).
fn coupled(pairwise: &[f64], classes: usize) -> Vec<f64> {
    let mut r = vec![vec![0.0; classes]; classes];
    let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
    for ((a, b), p) in pairs.zip(pairwise) {
        let mut put = |a: usize, b: usize, p: f64| {
            r.iter_mut().skip(a).take(1).flat_map(|row| row.iter_mut().skip(b).take(1)).for_each(|x| *x = p);
        };
        put(a, b, *p);
        put(b, a, 1.0 - p);
    }
    let at = |a: usize, b: usize| r.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0.0);
    let q = |t: usize, j: usize| {
        if t == j {
            (0..classes).filter(|other| *other != t).map(|other| at(other, t) * at(other, t)).sum()
        } else {
            -at(j, t) * at(t, j)
        }
    };
    let q: Vec<Vec<f64>> = (0..classes).map(|t| (0..classes).map(|j| q(t, j)).collect()).collect();
    let mut p = vec![1.0 / classes as f64; classes];
    for _ in 0..classes.max(100) {
        let mut qp: Vec<f64> = q.iter().map(|row| row.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut pqp: f64 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
        if qp.iter().all(|qp| (qp - pqp).abs() < 0.005 / classes as f64) {
            break;
        }
        for (t, row) in q.iter().enumerate() {
            let (own, here) = (row.get(t).copied().unwrap_or(1.0), qp.get(t).copied().unwrap_or(0.0));
            let change = (pqp - here) / own;
            p.iter_mut().skip(t).take(1).for_each(|p| *p += change);
            pqp = (pqp + change * (change * own + 2.0 * here)) / (1.0 + change) / (1.0 + change);
            for ((qp, q), p) in qp.iter_mut().zip(row).zip(&mut p) {
                *qp = (*qp + change * q) / (1.0 + change);
                *p /= 1.0 + change;
            }
        }
    }
    p
}

fn classifier(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let classes = Classes::of(making.node);
    let counts = making.node.ints("vectors_per_class").iter().map(|count| usize::try_from(*count).unwrap_or(0));
    let counts: Vec<usize> = counts.collect();
    if counts.is_empty() {
        return linear(making, finish, classes);
    }
    let total = counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count)).unwrap_or(usize::MAX);
    let pairs = counts.len() * (counts.len() - 1) / 2;
    let platt: Vec<(f64, f64)> = wide(making, "prob_a").into_iter().zip(wide(making, "prob_b")).collect();
    let machine = Machine::of(making, total)?;
    let weights = total.checked_mul(counts.len() - 1);
    if counts.len() < 2
        || counts.len() != classes.count()
        || weights != Some(machine.coefficients.len())
        || machine.rho.len() != pairs
        || !(platt.is_empty() || platt.len() == pairs)
    {
        return Err(making.wrong("has coefficients that do not fit its classes and support vectors"));
    }
    let (machine, mapped) = (Pairs { machine, counts, platt }, is_mapped(making));
    Ok(Box::new(move |arguments| {
        let values = machine.machine.rows(arguments.get(0)?, machine.machine.width)?;
        arguments.work(values.len().saturating_mul(total))?;
        let (mut labels, mut all, mut width) = (Vec::new(), Vec::new(), classes.count());
        for row in values.chunks_exact(machine.machine.width.max(1)) {
            let margins = machine.margins(row);
            let votes = machine.votes(&margins);
            labels.push(largest(&votes));
            if !machine.platt.is_empty() {
                all.extend(machine.probabilities(&margins));
            } else if let [margin] = margins.as_slice() {
                all.extend(both(-margin, false, finish).0);
            } else if mapped {
                all.extend(machine.one_against_rest(&margins, &votes));
            } else {
                width = margins.len();
                all.extend(margins);
            }
        }
        Ok(vec![classes.labels(&labels)?, scores(labels.len(), width, &all)?])
    }))
}

/// Whether the scores go directly into a map by class: then there is one for each class, while elsewhere the following
/// steps expect one for each pair.
fn is_mapped(making: &Making<'_>) -> bool {
    let scores = making.node.outputs.get(1);
    making
        .graph
        .nodes
        .iter()
        .any(|node| (node.domain.as_str(), node.operator.as_str()) == (ML, "ZipMap") && node.inputs.first() == scores)
}

/// Without support vectors: a row of coefficients for each class.
fn linear(making: &Making<'_>, finish: Finish, classes: Classes) -> Result<Operation, ReadError> {
    let machine = Machine::of(making, 0)?;
    let count = classes.count();
    if count == 0 || machine.coefficients.is_empty() || !machine.coefficients.len().is_multiple_of(count) {
        return Err(making.wrong("has coefficients that do not fit its classes"));
    }
    let width = machine.coefficients.len() / count;
    let rho = machine.rho.first().copied().unwrap_or(0.0);
    Ok(Box::new(move |arguments| {
        let values = machine.rows(arguments.get(0)?, width)?;
        let (mut labels, mut all) = (Vec::new(), Vec::new());
        for row in values.chunks_exact(width.max(1)) {
            let lines = machine.coefficients.chunks_exact(width);
            let mut margins: Vec<f64> = lines.map(|line| machine.kernel(row, line) + rho).collect();
            labels.push(largest(&margins));
            finish.apply(&mut margins);
            all.extend(margins);
        }
        Ok(vec![classes.labels(&labels)?, scores(labels.len(), count, &all)?])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_probabilities_that_add_up_to_one() {
        let even = coupled(&[0.5, 0.5, 0.5], 3);
        even.iter().for_each(|p| assert!((p - 1.0 / 3.0).abs() < 1e-9, "{even:?}"));
        let sure = coupled(&[0.9, 0.9, 0.5], 3);
        assert!((sure.iter().sum::<f64>() - 1.0).abs() < 1e-9 && sure.first() > sure.last(), "{sure:?}");
        let two = coupled(&[0.8], 2);
        two.iter().zip([0.8, 0.2]).for_each(|(p, expected)| assert!((p - expected).abs() < 1e-3, "{two:?}"));
    }
}
