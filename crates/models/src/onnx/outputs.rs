//! Selects the output of a graph that is its prediction, and determines what it means.

use std::sync::Arc;

use crate::graph::{Fault, Graph, Port, Tensor};
use crate::{Output, ReadError};

use super::label;
use super::meaning::{Evidence, Meaning, Subject, adds_up};
use super::range::Ranges;

/// The source of a prediction.
#[derive(Debug, Clone, Default)]
pub(super) struct Pick {
    /// Outputs whose columns are side by side, each with its width.
    outputs: Vec<(usize, usize)>,
    /// One number computed only from them.
    single: Option<Single>,
}

/// One column, minus another if there is one, times a factor.
#[derive(Debug, Clone, Copy)]
struct Single {
    column: usize,
    less: Option<usize>,
    factor: f64,
}

impl Single {
    fn of(column: usize) -> Self {
        Self { column, less: None, factor: 1.0 }
    }

    fn take(self, row: &[f64]) -> Option<f64> {
        let less = self.less.map_or(Some(0.0), |less| row.get(less).copied())?;
        let column = *row.get(self.column)?;
        // Nothing is added to a number that is used directly: zeros keep their sign.
        Some(if self.less.is_some() { (column - less) * self.factor } else { column * self.factor })
    }
}

impl Pick {
    /// Appends the prediction of some rows.
    pub(super) fn take(&self, rows: usize, outputs: &[Arc<Tensor>], out: &mut Vec<f64>) -> Result<(), Fault> {
        let mut parts = Vec::with_capacity(self.outputs.len());
        for (output, width) in &self.outputs {
            let tensor = outputs.get(*output).ok_or("an output was not made")?;
            if tensor.len() != rows * width {
                return Err(Fault(format!("{} numbers came out for {rows} rows of {width}", tensor.len())));
            }
            parts.push((tensor.to_doubles()?, *width));
        }
        if let [(values, width)] = parts.as_slice() {
            // Directly: most models have one output.
            match self.single {
                Some(single) => out.extend(values.chunks_exact((*width).max(1)).filter_map(|row| single.take(row))),
                None => out.extend(values),
            }
            return Ok(());
        }
        let mut whole = Vec::new();
        for row in 0..rows {
            whole.clear();
            whole.extend(parts.iter().flat_map(|(values, width)| values.iter().skip(row * width).take(*width)));
            match self.single {
                Some(single) => out.extend(single.take(&whole)),
                None => out.extend_from_slice(&whole),
            }
        }
        Ok(())
    }

    /// Takes the other of two columns if another runtime has them in reverse order, as shown by rows that both have
    /// scored. ONNX Runtime returns the margins of two classes of an `SVMClassifier` as the number, then its negative.
    pub(super) fn align(&mut self, ours: &[Vec<Arc<Tensor>>], theirs: &[Vec<Arc<Tensor>>]) {
        let Some(single) = self.single.filter(|single| single.less.is_none() && single.column <= 1) else { return };
        let other = Self { single: Some(Single { column: 1 - single.column, ..single }), ..self.clone() };
        let taken = |pick: &Self, rows: &[Vec<Arc<Tensor>>]| {
            let mut numbers = Vec::new();
            let taken = rows.iter().try_for_each(|outputs| pick.take(1, outputs, &mut numbers));
            taken.ok().map(|()| numbers)
        };
        let near = |a: &f64, b: &f64| (a - b).abs() <= 1e-3 * a.abs().max(b.abs()).max(1e-6);
        let same = |a: &Option<Vec<f64>>, b: &Option<Vec<f64>>| match (a, b) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)),
            _ => false,
        };
        let expected = taken(self, ours);
        if !same(&expected, &taken(self, theirs)) && same(&expected, &taken(&other, theirs)) {
            *self = other;
        }
    }
}

/// Whether an output is the winning class or cluster, and not a learned number.
fn is_label(graph: &Graph, output: &Port) -> bool {
    use crate::graph::Element::{Int32, Int64, Text};
    graph.outputs.len() > 1 && matches!(output.element, Some(Int32 | Int64 | Text))
}

/// Selects one of a graph's outputs, by the results for a few test rows that were run one by one.
pub(super) fn choose(graph: &Graph, tried: &[Vec<Arc<Tensor>>]) -> Result<(Pick, Output), ReadError> {
    let ranges = Ranges::new(graph);
    let labels = graph.outputs.iter().filter(|output| is_label(graph, output));
    let label = labels.clone().find_map(|output| label::label(&ranges, &output.name));
    let evidence = Evidence { graph, ranges, label, labelled: labels.count() > 0 };
    let widths = tried.first().into_iter().flatten().map(|tensor| tensor.len());
    let outputs = graph.outputs.iter().zip(widths).enumerate();
    let numbers = outputs.filter(|(_, (output, _))| !is_label(graph, output));
    let numbers: Vec<(usize, &Port, usize)> = numbers.map(|(place, (output, width))| (place, output, width)).collect();
    let Some((_, first, width)) = numbers.first().copied() else {
        return Err(ReadError::unsupported("the graph gives labels alone", "export the model with its probabilities"));
    };
    let all = numbers.iter().map(|(place, _, width)| (*place, *width)).collect();
    let mut pick = Pick { outputs: all, single: None };
    let total: usize = numbers.iter().map(|(.., width)| width).sum();
    let value = match numbers.as_slice() {
        [_] => first.name.as_str(),
        // Some converters write one output for each class: the columns of one value, in their order.
        several => match columns_of_one(&evidence, several) {
            Some(value) if evidence.labelled => value,
            _ => return Ok((pick, Output::Values(total))),
        },
    };
    let mut rows = vec![Vec::new(); tried.len()];
    for (row, outputs) in rows.iter_mut().zip(tried) {
        // Texts are not numbers: they add up to nothing.
        let _ = pick.take(1, outputs, row);
    }
    let meaning = evidence.meaning(Subject { value, width: total, adds_up: adds_up(&rows) })?;
    let (single, output) = predicted(&evidence, value, meaning, (width, total));
    pick.single = single;
    Ok((pick, output))
}

/// The prediction of a value with such a meaning, and the one number that it is computed from, if one is enough.
fn predicted(
    evidence: &Evidence<'_>,
    value: &str,
    meaning: Meaning,
    (width, total): (usize, usize),
) -> (Option<Single>, Output) {
    match (meaning, total) {
        (Meaning::Value, _) => (None, Output::Values(width)),
        (Meaning::Distance, _) => (None, Output::Distances(width)),
        (Meaning::Outlier { turned }, _) => {
            let factor = if turned { 1.0 } else { -1.0 };
            (Some(Single { factor, ..Single::of(0) }), Output::AnomalyScore)
        }
        (Meaning::Probability | Meaning::Margin { .. }, 1) => {
            let mut names = evidence.names(value, 2);
            // The first column of two belongs to the first class.
            if evidence.column(value).is_some_and(|(_, column)| column == 0) {
                names.reverse();
            }
            (None, classes(names, meaning))
        }
        (_, count) => {
            let less = (meaning == Meaning::Margin { odd: false }).then_some(0);
            let single = (count == 2).then(|| Single { less, ..Single::of(1) });
            (single, classes(evidence.names(value, count), meaning))
        }
    }
}

/// The value whose columns these outputs are, from the first to the last.
fn columns_of_one<'a>(evidence: &Evidence<'a>, outputs: &[(usize, &'a Port, usize)]) -> Option<&'a str> {
    let mut source = None;
    for (place, (_, output, width)) in outputs.iter().enumerate() {
        let (value, column) = evidence.column(&output.name)?;
        if column != place || *width != 1 || source.is_some_and(|source| source != value) {
            return None;
        }
        source = Some(value);
    }
    source
}

/// For two classes the second one's number is enough.
fn classes(names: Vec<String>, meaning: Meaning) -> Output {
    match (<[String; 2]>::try_from(names), meaning) {
        (Ok(names), Meaning::Margin { .. }) => Output::Margin(names),
        (Ok(names), _) => Output::Probability(names),
        (Err(names), Meaning::Margin { .. }) => Output::Margins(names),
        (Err(names), _) => Output::Probabilities(names),
    }
}

/// The purpose of the graph, as far as its operators show it.
pub(super) fn objective(graph: &Graph) -> String {
    let ranges = Ranges::new(graph);
    let evidence = Evidence { graph, ranges, label: None, labelled: false };
    let makers = graph.outputs.iter().filter_map(|output| evidence.behind(&output.name));
    let mut names: Vec<&str> = makers.map(|node| node.operator.as_str()).collect();
    names.dedup();
    format!("ends with {}", names.join(", "))
}
