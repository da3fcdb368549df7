//! A model that was read from a file.

use gristmill_learn::{Features, LearnError};

use crate::ReadError;
use crate::linear::Linear;
use crate::link::Link;
use crate::onnx::GraphModel;
use crate::rounds::{DecidedBy, Rounds};
use crate::signature::{Output, Signature};
use crate::trees::Ensemble;

/// The contents of a model.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Sum(Sum),
    Graph(GraphModel),
}

/// The terms that add up to a prediction.
#[derive(Debug, Clone)]
pub(crate) enum Parts {
    Trees(Ensemble),
    Linear(Linear),
}

/// Terms that add up, and the function that is applied to the sum.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    pub(crate) parts: Parts,
    pub(crate) link: Link,
    /// The divisor of sums before the link: the number of trees of a forest that votes.
    pub(crate) divisor: f64,
    /// Whether the framework computes in single precision.
    pub(crate) single: bool,
}

/// A pretrained model: it predicts and never learns.
#[derive(Debug, Clone)]
pub struct ForeignModel {
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// The values of one output, row after row.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputValues {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Texts: names of classes.
    Texts(Vec<String>),
}

impl OutputValues {
    /// Appends the values of more rows.
    pub(crate) fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::Numbers(so_far), Self::Numbers(more)) => so_far.extend(more),
            (Self::Texts(so_far), Self::Texts(more)) => so_far.extend(more),
            // An output is of one type for all rows.
            _ => {}
        }
    }
}

impl Sum {
    fn raw(&self, rows: &Features<'_>, out: &mut Vec<f64>) {
        match &self.parts {
            Parts::Trees(trees) => trees.sum(rows, out),
            Parts::Linear(linear) => rows.rows().for_each(|row| linear.sum(row, out)),
        }
    }

    fn predict(&self, rows: &Features<'_>, output: &Output, out: &mut Vec<f64>) {
        let from = out.len();
        self.raw(rows, out);
        let sums = out.get_mut(from..).unwrap_or_default();
        for row in sums.chunks_exact_mut(output.width().max(1)) {
            if self.divisor != 1.0 {
                row.iter_mut().for_each(|sum| *sum /= self.divisor);
            }
            if self.single {
                self.link.apply_single(row);
            } else {
                self.link.apply(row);
            }
        }
    }
}

impl ForeignModel {
    pub(crate) fn sum(signature: Signature, sum: Sum) -> Self {
        Self { signature, body: Body::Sum(sum) }
    }

    /// The same model with these of its boosting rounds; refused if it does not have them.
    pub fn with_rounds(mut self, rounds: Rounds) -> Result<Self, ReadError> {
        let (Body::Sum(Sum { parts: Parts::Trees(trees), divisor, .. }), Some(about)) =
            (&mut self.body, &mut self.signature.rounds)
        else {
            let what = "this model was not boosted round by round";
            return Err(ReadError::unsupported(what, "leave out `rounds`"));
        };
        let used = match (rounds, about.best) {
            (Rounds::All, _) => about.all,
            (Rounds::First(count), _) if (1..=about.all).contains(&count) => count,
            (Rounds::First(count), _) => {
                let what = format!("the model has {} rounds of boosting, and `rounds` asks for {count}", about.all);
                return Err(ReadError::unsupported(what, format!("write a number from 1 to {}", about.all)));
            }
            (Rounds::Best, Some(best)) => best,
            (Rounds::Best, None) => {
                let what = "this file does not say which of its rounds was the best";
                return Err(ReadError::unsupported(what, format!("write a number from 1 to {}, or `all`", about.all)));
            }
        };
        trees.limit(used);
        if *divisor != 1.0 {
            *divisor = used as f64;
        }
        (about.used, about.decided_by) = (used, DecidedBy::Setting);
        Ok(self)
    }

    /// Whether it is a graph.
    pub(crate) fn is_graph(&self) -> bool {
        matches!(self.body, Body::Graph(_))
    }

    /// Its inputs and its output.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    fn check(&self, rows: &Features<'_>) -> Result<(), LearnError> {
        let expected = self.signature.inputs.len();
        if rows.width() == expected { Ok(()) } else { Err(LearnError::Width { expected, found: rows.width() }) }
    }

    /// Whether it may be unable to score some rows: a graph that takes integers, or looks things up by number.
    pub fn may_refuse(&self) -> bool {
        match &self.body {
            Body::Sum(_) => false,
            Body::Graph(graph) => graph.may_refuse,
        }
    }

    /// Appends what the framework calls the raw score or margin: for each row as many numbers as the model adds up. A
    /// graph has none, and gives its prediction.
    ///
    /// Rows of another width than the model's inputs are refused. NaN is missing.
    pub fn raw(&self, rows: &Features<'_>, out: &mut Vec<f64>) -> Result<(), LearnError> {
        self.check(rows)?;
        match &self.body {
            Body::Sum(sum) => sum.raw(rows, out),
            Body::Graph(graph) => graph.predict(rows, out)?,
        }
        Ok(())
    }

    /// Appends the prediction: for each row [`Output::width`](crate::Output::width) numbers.
    ///
    /// Rows of another width than the model's inputs are refused, as are rows that a graph cannot score: a category
    /// that its table does not have. NaN is missing. A row's numbers do not depend on neighbouring rows.
    pub fn predict(&self, rows: &Features<'_>, out: &mut Vec<f64>) -> Result<(), LearnError> {
        self.check(rows)?;
        match &self.body {
            Body::Sum(sum) => sum.predict(rows, &self.signature.output, out),
            Body::Graph(graph) => graph.predict(rows, out)?,
        }
        Ok(())
    }

    /// Every output by its name in the file, in the file's order; a model that is not a graph has one, `prediction`.
    ///
    /// Rows are refused as by [`predict`](Self::predict).
    pub fn outputs(&self, rows: &Features<'_>) -> Result<Vec<(String, OutputValues)>, LearnError> {
        match &self.body {
            Body::Sum(_) => {
                let mut numbers = Vec::new();
                self.predict(rows, &mut numbers)?;
                Ok(vec![("prediction".into(), OutputValues::Numbers(numbers))])
            }
            Body::Graph(graph) => graph.outputs(rows),
        }
    }
}
