//! Determines what the numbers of an output mean, from the computation that leads to the output.

use std::collections::BTreeSet;

use crate::graph::{Data, Graph, ML, Node};
use crate::{Output, ReadError};

use super::label::{CLASSIFIERS, FARTHEST, Label, PASSES, Ruling, classes_of};
use super::range::Ranges;

/// The meaning of an output's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Probability,
    /// Larger for the class that wins, and not a probability. `odd`: of two, one is the other's negative.
    Margin {
        odd: bool,
    },
    Distance,
    /// Rows on one side of zero are outliers: below, or above if it is `turned`.
    Outlier {
        turned: bool,
    },
    Value,
}

/// The numbers whose meaning is to be determined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The value that contains them.
    pub(super) value: &'a str,
    /// Their number per row.
    pub(super) width: usize,
    /// Whether they add up to one in each test row.
    pub(super) adds_up: bool,
}

/// What is known of a graph.
pub(super) struct Evidence<'a> {
    pub(super) graph: &'a Graph,
    pub(super) ranges: Ranges<'a>,
    pub(super) label: Option<Label<'a>>,
    /// Whether one of its outputs is a label, recognised or not.
    pub(super) labelled: bool,
}

impl<'a> Evidence<'a> {
    /// The value that an output is one column of, and which.
    pub(super) fn column(&self, value: &'a str) -> Option<(&'a str, usize)> {
        let node = self.behind(value)?;
        let constant = |place: usize| -> Option<i64> {
            match node.inputs.get(place).and_then(|name| self.ranges.constant(name))?.data() {
                Data::Int(ints) => (ints.len() == 1).then(|| ints.first().copied()).flatten(),
                _ => None,
            }
        };
        let column = match node.operator.as_str() {
            "ArrayFeatureExtractor" => constant(1)?,
            "Slice" => {
                let (from, to) = (constant(1)?, constant(2)?);
                (constant(3)? == 1 && to == from + 1).then_some(from)?
            }
            "Gather" if node.int("axis") == Some(1) => constant(1)?,
            _ => return None,
        };
        Some((node.inputs.first()?, usize::try_from(column).ok()?))
    }

    /// The node that computes a value, ignoring nodes that only change its layout.
    pub(super) fn behind(&self, value: &str) -> Option<&'a Node> {
        let mut node = self.ranges.maker(value)?;
        for _ in 0..FARTHEST {
            let passes = PASSES.contains(&node.operator.as_str()) || node.operator == "ZipMap";
            let Some(before) = passes.then(|| self.ranges.maker(node.inputs.first()?)).flatten() else { break };
            node = before;
        }
        Some(node)
    }

    /// All values with the same order within a row as this one. `exact`: only those with the same numbers.
    fn same_order(&self, mut value: &'a str, exact: bool) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::from([value]);
        while let Some(node) = self.ranges.maker(value).filter(|_| found.len() < FARTHEST) {
            let Some(before) = self.carried(node, exact).filter(|before| found.insert(before)) else { break };
            value = before;
        }
        found
    }

    /// The input of a node whose order within a row its output preserves.
    fn carried(&self, node: &'a Node, exact: bool) -> Option<&'a str> {
        let (first, second) = (node.inputs.first()?.as_str(), node.inputs.get(1).map(String::as_str));
        let single = |name: &str| self.ranges.number(name);
        let positive = |name: &str| single(name).is_some_and(|x| x > 0.0);
        match (node.operator.as_str(), second) {
            (operator, _) if PASSES.contains(&operator) && operator != "Transpose" => Some(first),
            ("ZipMap", _) => Some(first),
            _ if exact => None,
            ("Exp" | "Log" | "LogSoftmax" | "LpNormalization" | "Sigmoid" | "Softmax" | "Sqrt" | "Tanh", _) => {
                Some(first)
            }
            ("Normalizer", _) => node.text("norm").is_some_and(|norm| norm != "MAX").then_some(first),
            ("Mul", Some(second)) if positive(second) => Some(first),
            ("Mul", Some(second)) if positive(first) => Some(second),
            ("Div", Some(second)) if positive(second) => Some(first),
            ("Add", Some(second)) if single(second).is_some() => Some(first),
            ("Add", Some(second)) if single(first).is_some() => Some(second),
            ("Sub", Some(second)) if single(second).is_some() || self.is_one_a_row(second) => Some(first),
            ("Div", Some(second)) if self.is_one_a_row(second) && self.ranges.of(second).low >= 0.0 => Some(first),
            _ => None,
        }
    }

    /// Whether a value is one number for each row, the same for all columns.
    fn is_one_a_row(&self, value: &str) -> bool {
        self.behind(value).is_some_and(|node| node.operator.starts_with("Reduce") && node.int("keepdims") != Some(0))
    }

    /// The meaning of an output's numbers; an error if it cannot be determined.
    pub(super) fn meaning(&self, subject: Subject<'a>) -> Result<Meaning, ReadError> {
        let behind = self.behind(subject.value);
        let classifier = behind.filter(|node| node.domain == ML && CLASSIFIERS.contains(&&*node.operator));
        let ruling = match (&self.label, classifier) {
            (Some(label), _) => Some(label.ruling),
            (None, Some(node)) => Some(Ruling::Classifier(node)),
            // Networks end like this; the output of a graph without a label and without a class is a value.
            (None, None) if !self.labelled => {
                let shares = behind.is_some_and(|node| matches!(&*node.operator, "Sigmoid" | "Softmax"));
                return Ok(if shares { Meaning::Probability } else { Meaning::Value });
            }
            (None, None) => None,
        };
        let named = self.label.as_ref().is_some_and(|label| label.names.is_some());
        let found = match ruling {
            Some(Ruling::Side { value, below, above }) if !named => self.outlier(subject, value, below, above),
            ruling => self.class(subject, ruling)?,
        };
        found.ok_or_else(|| {
            let made = behind.map_or(String::new(), |node| format!(", which {} makes,", node.shown()));
            let what = format!("what the output {}{made} says of the label cannot be told", subject.value);
            let instead = "export the model with probabilities: where it has none, calibrate it \
                           (`CalibratedClassifierCV`), or score it in Python";
            ReadError::unsupported(what, instead)
        })
    }

    fn outlier(&self, subject: Subject<'a>, value: &'a str, below: f64, above: f64) -> Option<Meaning> {
        let same = self.same_order(subject.value, true);
        let shared = self.same_order(value, true).iter().any(|value| same.contains(value));
        match (below, above) {
            _ if subject.width != 1 || !shared => None,
            (-1.0, 1.0) => Some(Meaning::Outlier { turned: false }),
            (1.0, -1.0) => Some(Meaning::Outlier { turned: true }),
            _ => None,
        }
    }

    fn class(&self, subject: Subject<'a>, ruling: Option<Ruling<'a>>) -> Result<Option<Meaning>, ReadError> {
        let range = self.ranges.of(subject.value);
        let shares = range.is_share();
        if shares && (subject.width == 1 || subject.adds_up) {
            return Ok(Some(Meaning::Probability));
        }
        // Two numbers that do not add up to one have no threshold at a half: the larger decides.
        let shares = shares && subject.width != 2;
        let order = self.same_order(subject.value, false);
        let shared = |value: &'a str| self.same_order(value, false).iter().any(|value| order.contains(value));
        Ok(match ruling {
            // Each class may have a probability of its own, of which the largest decides.
            Some(Ruling::Largest(value)) if shared(value) && shares => Some(Meaning::Probability),
            Some(Ruling::Largest(value)) if shared(value) => Some(Meaning::Margin { odd: self.is_odd(subject.value) }),
            Some(Ruling::Least(value)) if shared(value) && range.low >= 0.0 => Some(Meaning::Distance),
            Some(Ruling::Side { value, below, above }) if subject.width == 1 && below < above => {
                let exact = self.same_order(subject.value, true);
                let same = self.same_order(value, true).iter().any(|value| exact.contains(value));
                same.then_some(Meaning::Margin { odd: true })
            }
            Some(Ruling::Classifier(node)) => self.classifier(subject, node, &order, shares)?,
            _ => None,
        })
    }

    /// The meaning of a classifier's own scores, or of values computed only from them.
    fn classifier(
        &self,
        subject: Subject<'a>,
        node: &'a Node,
        order: &BTreeSet<&'a str>,
        shares: bool,
    ) -> Result<Option<Meaning>, ReadError> {
        let Some(scores) = node.outputs.get(1).map(String::as_str) else { return Ok(None) };
        let classes = classes_of(node).len();
        let of_pairs = node.operator == "SVMClassifier"
            && !node.ints("vectors_per_class").is_empty()
            && node.floats("prob_a").is_empty()
            && classes > 2;
        let column = self.column(subject.value).is_some_and(|(value, _)| self.same_order(value, true).contains(scores));
        let direct = order.contains(scores) || column;
        let mapped = self.graph.nodes.iter().any(|node| {
            node.domain == ML && node.operator == "ZipMap" && node.inputs.first().is_some_and(|input| input == scores)
        });
        if of_pairs && direct && !mapped {
            let what = format!("{} gives a margin for each pair of classes", node.shown());
            let instead = "train it with `decision_function_shape=\"ovr\"`, the default, and export it again";
            return Err(ReadError::unsupported(what, instead));
        }
        let votes = of_pairs && subject.width == classes && self.is_made_of(subject.value, scores);
        Ok(match (direct || votes, shares) {
            (false, _) => None,
            (true, true) => Some(Meaning::Probability),
            (true, false) => Some(Meaning::Margin { odd: !of_pairs }),
        })
    }

    /// Whether a value is computed only from constants and the scores of one node.
    fn is_made_of(&self, value: &'a str, scores: &str) -> bool {
        let (mut open, mut seen) = (vec![value], BTreeSet::new());
        while let Some(value) = open.pop() {
            if value == scores || value.is_empty() || self.ranges.constant(value).is_some() || !seen.insert(value) {
                continue;
            }
            let Some(node) = self.ranges.maker(value) else { return false };
            open.extend(node.inputs.iter().map(String::as_str));
        }
        true
    }

    /// Whether two columns are a number's negative and the number.
    fn is_odd(&self, value: &'a str) -> bool {
        self.same_order(value, true).iter().any(|value| {
            let node = self.ranges.maker(value).filter(|node| node.operator == "Concat");
            let Some([negative, number]) = node.map(|node| node.inputs.as_slice()) else { return false };
            self.ranges.maker(negative).is_some_and(|node| {
                let by = node.inputs.get(1).and_then(|name| self.ranges.number(name));
                node.inputs.first() == Some(number)
                    && (node.operator == "Neg" || node.operator == "Mul" && by == Some(-1.0))
            })
        })
    }

    /// The names of the classes of an output's numbers: `count` of them.
    pub(super) fn names(&self, output: &'a str, count: usize) -> Vec<String> {
        let mapped = self.ranges.maker(output).filter(|node| node.operator == "ZipMap").map(classes_of);
        let labelled = self.label.as_ref().and_then(|label| label.names.clone());
        let classified = self.behind(output).filter(|node| node.domain == ML).map(classes_of);
        let distinct = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == count;
        let found = [mapped, labelled, classified].into_iter().flatten();
        let found = found.filter(|names| names.len() == count).find(distinct);
        found.unwrap_or_else(|| Output::numbered(count))
    }
}

/// Whether the numbers of each test row add up to one; rows with missing ones are skipped.
pub(super) fn adds_up(rows: &[Vec<f64>]) -> bool {
    const NEAR: f64 = 1e-3;
    let mut sums = rows.iter().map(|row| row.iter().sum::<f64>()).filter(|sum| !sum.is_nan()).peekable();
    sums.peek().is_some() && sums.all(|sum| (sum - 1.0).abs() < NEAR)
}
