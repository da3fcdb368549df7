//! From the columns of rows to the inputs of a graph.

use std::collections::BTreeSet;
use std::sync::Arc;

use gristmill_learn::Features;

use crate::graph::{Data, Element, Fault, Graph, Port, Tensor, volume};
use crate::{Input, InputKind, ReadError};

/// One input of a graph: so many columns of a row, in the shape that the graph wants.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    name: String,
    element: Element,
    /// Of one row: without the dimension of the batch.
    shape: Vec<usize>,
    /// What text may be; columns hold the places of these.
    vocabulary: Vec<Arc<str>>,
    /// Whether the graph declares a dimension for the batch.
    batched: bool,
}

/// What stands for a text that the graph does not know.
const UNKNOWN: &str = "\0";

/// The inputs of a graph; one whose shape is open, or that takes any text, is refused.
pub(super) fn feeds(graph: &Graph) -> Result<Vec<Feed>, ReadError> {
    if graph.inputs.is_empty() {
        return Err(ReadError::unsupported("the graph has no inputs", "export a model that takes rows"));
    }
    let vocabulary = vocabulary(graph);
    graph.inputs.iter().map(|port| feed(port, &vocabulary)).collect()
}

fn feed(port: &Port, vocabulary: &[Arc<str>]) -> Result<Feed, ReadError> {
    let Port { name, element, shape } = port;
    let Some(element) = *element else {
        let what = format!("the input {name} is no tensor");
        return Err(ReadError::unsupported(what, "export the model with one tensor for each input"));
    };
    // The first dimension is the batch's, also where the file says 1.
    let rest: Option<Vec<usize>> = shape.iter().skip(1).copied().collect();
    let Some(rest) = rest.filter(|rest| volume(rest).is_ok_and(|width| width > 0)) else {
        let what = format!("the input {name} has a dimension, after the batch's, that is left open");
        return Err(ReadError::unsupported(what, "export the model with fixed dimensions but for the batch"));
    };
    if element == Element::Text && vocabulary.is_empty() {
        let what = format!("the input {name} is free text");
        return Err(ReadError::unsupported(what, "compute its columns as features, and export the model without them"));
    }
    let vocabulary = if element == Element::Text { vocabulary.to_vec() } else { Vec::new() };
    Ok(Feed { name: name.clone(), element, shape: rest, vocabulary, batched: !shape.is_empty() })
}

/// The texts that the graph compares with: what else comes is unknown to it.
fn vocabulary(graph: &Graph) -> Vec<Arc<str>> {
    let lists = ["cats_strings", "keys_strings", "classes_strings"];
    let known = graph.nodes.iter().flat_map(|node| lists.iter().flat_map(|list| node.texts(list)));
    let known: BTreeSet<&str> = known.map(String::as_str).collect();
    known.into_iter().map(Arc::from).collect()
}

/// Whether something is looked up by a number that a row may bring.
pub(super) fn looks_up(graph: &Graph) -> bool {
    let by_number = ["Gather", "ArrayFeatureExtractor", "TopK"];
    let constant: BTreeSet<&str> = graph.constants.iter().map(|constant| constant.name.as_str()).collect();
    let brought = |name: &String| !constant.contains(name.as_str());
    graph
        .nodes
        .iter()
        .any(|node| by_number.contains(&node.operator.as_str()) && node.inputs.get(1).is_some_and(brought))
}

impl Feed {
    pub(super) fn takes_whole_numbers(&self) -> bool {
        matches!(self.element, Element::Int32 | Element::Int64 | Element::Bool)
    }

    pub(super) fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its columns: by the input's name, and by place where it has several.
    pub(super) fn columns(&self) -> Vec<Input> {
        let kind = || match self.element {
            Element::Text => InputKind::Category(self.vocabulary.iter().map(|text| text.to_string()).collect()),
            _ => InputKind::Number,
        };
        let name = |index: usize| if self.width() == 1 { self.name.clone() } else { format!("{}_{index}", self.name) };
        (0..self.width()).map(|index| Input { name: name(index), kind: kind() }).collect()
    }

    /// A made-up row that the graph should be able to answer; others differ from it.
    pub(super) fn example(&self, row: usize) -> Vec<f64> {
        let place = |index: usize| match self.element {
            Element::Float | Element::Double => (row as f64 - 1.0) * 0.5 + index as f64 * 0.125,
            Element::Text => ((row + index) % self.vocabulary.len().max(1)) as f64,
            Element::Int32 | Element::Int64 | Element::Bool => ((row + index) % 2) as f64,
        };
        (0..self.width()).map(place).collect()
    }

    /// Its columns of some rows, which begin at `from`.
    pub(super) fn tensor(&self, rows: &Features<'_>, from: usize) -> Result<Tensor, Fault> {
        let width = self.width();
        let values = rows.rows().flat_map(|row| row.iter().skip(from).take(width).copied());
        let data = match self.element {
            // As they lie there: most networks take all columns at once.
            Element::Float if width == rows.width() => Data::Float(rows.values().iter().map(|x| *x as f32).collect()),
            Element::Float => Data::Float(values.map(|x| x as f32).collect()),
            Element::Double => Data::Double(values.collect()),
            Element::Text => Data::Text(values.map(|x| self.text(x)).collect()),
            Element::Int32 | Element::Int64 | Element::Bool => {
                let whole = |x: f64| {
                    let missing = || Fault(format!("{} is missing, and the model takes whole numbers", self.name));
                    Some(x as i64).filter(|_| x.is_finite()).ok_or_else(missing)
                };
                Data::Int(values.map(whole).collect::<Result<_, _>>()?)
            }
        };
        let mut shape = self.shape.clone();
        if self.batched {
            shape.insert(0, rows.len());
        }
        Tensor::new(shape, data)
    }

    fn text(&self, code: f64) -> Arc<str> {
        let known = (code >= 0.0).then(|| self.vocabulary.get(code as usize)).flatten();
        known.cloned().unwrap_or_else(|| UNKNOWN.into())
    }
}
