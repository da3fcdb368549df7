//! Which output of a graph is its prediction, and what it means.

use std::sync::Arc;

use crate::graph::{Data, Fault, Graph, ML, Node, Port, Tensor};
use crate::{Output, ReadError};

/// Where a prediction is taken from.
#[derive(Debug, Clone, Default)]
pub(super) struct Pick {
    /// Outputs whose columns lie side by side, each with its width.
    outputs: Vec<(usize, usize)>,
    /// One column of them alone.
    column: Option<usize>,
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
            // As it lies there: most models have one output.
            match self.column {
                Some(column) => out.extend(values.chunks_exact((*width).max(1)).filter_map(|row| row.get(column))),
                None => out.extend(values),
            }
            return Ok(());
        }
        for row in 0..rows {
            let columns = parts.iter().flat_map(|(values, width)| values.iter().skip(row * width).take(*width));
            match self.column {
                Some(column) => out.extend(columns.skip(column).take(1)),
                None => out.extend(columns),
            }
        }
        Ok(())
    }
}

/// Steps that change nothing about what an output means.
const PASSES: [&str; 8] = ["Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "ZipMap", "Normalizer"];
/// Longer ways from an output to what made it are not followed.
const FARTHEST: usize = 16;

/// The node that makes a value, past those that only pass it on.
fn maker<'a>(graph: &'a Graph, value: &str) -> Option<&'a Node> {
    let mut node = graph.producer(value)?;
    for _ in 0..FARTHEST {
        let passes = PASSES.contains(&node.operator.as_str());
        let Some(before) = passes.then(|| graph.producer(node.inputs.first()?)).flatten() else { break };
        node = before;
    }
    Some(node)
}

/// The names of the classes of a classifier or a map.
fn classes_of(node: &Node) -> Vec<String> {
    let ints = [node.ints("classlabels_int64s"), node.ints("classlabels_ints")].concat();
    let texts = node.texts("classlabels_strings");
    if texts.is_empty() { ints.iter().map(ToString::to_string).collect() } else { texts.to_vec() }
}

/// The names of the classes that a graph's label is one of.
fn classes(graph: &Graph, count: usize) -> Vec<String> {
    let mapped = graph.nodes.iter().filter(|node| node.operator == "ZipMap").map(classes_of);
    let classified = graph.nodes.iter().rev().filter(|node| node.domain == ML).map(classes_of);
    // A label that is looked up: the list it is looked up in.
    let listed = graph.nodes.iter().rev().filter(|node| node.operator == "ArrayFeatureExtractor").filter_map(|node| {
        let tensor = graph.constant(node.inputs.first()?)?;
        Some(match tensor.data() {
            Data::Text(texts) => texts.iter().map(|text| text.to_string()).collect(),
            Data::Int(ints) => ints.iter().map(ToString::to_string).collect(),
            _ => return None,
        })
    });
    let distinct = |names: &Vec<String>| {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        sorted.len() == count
    };
    let found =
        mapped.chain(classified).chain(listed).find(|names: &Vec<String>| names.len() == count && distinct(names));
    found.unwrap_or_else(|| Output::numbered(count))
}

/// What the numbers of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Probability,
    /// A classifier's numbers that are larger for the class that wins, and no probabilities.
    Margin,
    Distance,
    Value,
}

fn meaning(graph: &Graph, output: &Port, labelled: bool) -> Meaning {
    let Some(node) = maker(graph, &output.name) else { return Meaning::Value };
    let transformed = node.text("post_transform").unwrap_or("NONE") != "NONE";
    match node.operator.as_str() {
        "Sigmoid" | "Softmax" | "TreeEnsembleClassifier" => Meaning::Probability,
        "LinearClassifier" if !transformed => Meaning::Margin,
        "SVMClassifier" if !transformed && node.floats("prob_a").is_empty() => Meaning::Margin,
        "LinearClassifier" | "SVMClassifier" => Meaning::Probability,
        "TreeEnsembleRegressor" | "LinearRegressor" | "SVMRegressor" => Meaning::Value,
        _ if labelled && graph.nodes.iter().any(|node| node.operator == "ArgMin") && !mapped(graph, output) => {
            Meaning::Distance
        }
        _ if labelled => Meaning::Probability,
        _ => Meaning::Value,
    }
}

fn mapped(graph: &Graph, output: &Port) -> bool {
    graph.producer(&output.name).is_some_and(|node| node.operator == "ZipMap")
}

/// Whether an output is the class or cluster that won, and not a number that was learned.
fn is_label(graph: &Graph, output: &Port) -> bool {
    use crate::graph::Element::{Int32, Int64, Text};
    graph.outputs.len() > 1 && matches!(output.element, Some(Int32 | Int64 | Text))
}

/// Chooses among a graph's outputs, whose widths for one row are known.
pub(super) fn choose(graph: &Graph, widths: &[usize]) -> Result<(Pick, Output), ReadError> {
    let labelled = graph.outputs.iter().any(|output| is_label(graph, output));
    let numbers: Vec<(usize, &Port, usize)> = graph
        .outputs
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(place, (output, width))| (place, output, *width))
        .filter(|(_, output, _)| !is_label(graph, output))
        .collect();
    let all: Vec<(usize, usize)> = numbers.iter().map(|(place, _, width)| (*place, *width)).collect();
    let Some((place, first, width)) = numbers.first().copied() else {
        return Err(ReadError::unsupported("the graph gives labels alone", "export the model with its probabilities"));
    };
    // Some converters write one output for each class.
    if labelled && numbers.len() > 1 && numbers.iter().all(|(.., width)| *width == 1) {
        let names = classes(graph, numbers.len());
        let named = names.iter().zip(&numbers).all(|(name, (_, output, _))| output.name.ends_with(name.as_str()));
        if named {
            return Ok(finished(all, names, meaning(graph, first, labelled)));
        }
    }
    if numbers.len() > 1 {
        let total = all.iter().map(|(_, width)| width).sum();
        return Ok((Pick { outputs: all, column: None }, Output::Values(total)));
    }
    let outputs = vec![(place, width)];
    Ok(match meaning(graph, first, labelled) {
        Meaning::Distance => (Pick { outputs, column: None }, Output::Distances(width)),
        Meaning::Value => (Pick { outputs, column: None }, Output::Values(width)),
        Meaning::Probability if width == 1 => {
            let [no, yes] = ["0".to_string(), "1".to_string()];
            (Pick { outputs, column: None }, Output::Probability([no, yes]))
        }
        meaning => finished(outputs, classes(graph, width), meaning),
    })
}

/// Of two classes the second one's number is enough.
fn finished(outputs: Vec<(usize, usize)>, names: Vec<String>, meaning: Meaning) -> (Pick, Output) {
    match (<[String; 2]>::try_from(names), meaning) {
        (Ok(names), Meaning::Margin) => (Pick { outputs, column: Some(1) }, Output::Margin(names)),
        (Ok(names), _) => (Pick { outputs, column: Some(1) }, Output::Probability(names)),
        (Err(names), Meaning::Margin) => (Pick { outputs, column: None }, Output::Margins(names)),
        (Err(names), _) => (Pick { outputs, column: None }, Output::Probabilities(names)),
    }
}

/// What the graph was made for, as far as its operators tell.
pub(super) fn objective(graph: &Graph) -> String {
    let makers = graph.outputs.iter().filter_map(|output| maker(graph, &output.name));
    let mut names: Vec<&str> = makers.map(|node| node.operator.as_str()).collect();
    names.dedup();
    format!("ends with {}", names.join(", "))
}
