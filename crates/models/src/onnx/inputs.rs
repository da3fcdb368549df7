//! Converts the columns of rows to the inputs of a graph.

use std::collections::BTreeSet;
use std::sync::Arc;

use gristmill_learn::Features;

use crate::graph::{Data, Element, Fault, Graph, Port, Tensor, volume};
use crate::{Input, InputKind, ReadError};

use super::vocabulary::{self, ComparedWith};

/// One input of a graph: that many columns of a row, in the shape that the graph expects.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    name: String,
    element: Element,
    /// Of one row: without the batch dimension.
    shape: Vec<usize>,
    /// For each column the values that it is compared with: a text column holds the indices of words.
    known: Vec<Arc<ComparedWith>>,
    /// Whether the graph declares a dimension for the batch.
    batched: bool,
}

/// The placeholder for a text that the graph does not know.
const UNKNOWN: &str = "\0";

/// The inputs of a graph; one with a dynamic shape, or that takes any text, is refused.
pub(super) fn feeds(graph: &Graph) -> Result<Vec<Feed>, ReadError> {
    if graph.inputs.is_empty() {
        return Err(ReadError::unsupported("the graph has no inputs", "export a model that takes rows"));
    }
    let mut feeds: Vec<Feed> = graph.inputs.iter().map(feed).collect::<Result<_, _>>()?;
    let widths: Vec<usize> = feeds.iter().map(Feed::width).collect();
    let mut known = vocabulary::known(graph, &widths).into_iter();
    for feed in &mut feeds {
        feed.known = known.by_ref().take(feed.width()).collect();
        let open = feed.known.is_empty() || feed.known.iter().any(|known| known.words.is_empty());
        if feed.element == Element::Text && open {
            let what = format!("the input {} is free text", feed.name);
            let instead = "compute its columns as features, and export the model without them";
            return Err(ReadError::unsupported(what, instead));
        }
    }
    Ok(feeds)
}

fn feed(port: &Port) -> Result<Feed, ReadError> {
    let Port { name, element, shape } = port;
    let Some(element) = *element else {
        let what = format!("the input {name} is no tensor");
        return Err(ReadError::unsupported(what, "export the model with one tensor for each input"));
    };
    // The first dimension is the batch's, also if the file says 1.
    let rest: Option<Vec<usize>> = shape.iter().skip(1).copied().collect();
    let Some(rest) = rest.filter(|rest| volume(rest).is_ok_and(|width| width > 0)) else {
        let what = format!("the input {name} has a dimension, after the batch's, that is left open");
        return Err(ReadError::unsupported(what, "export the model with fixed dimensions but for the batch"));
    };
    Ok(Feed { name: name.clone(), element, shape: rest, known: Vec::new(), batched: !shape.is_empty() })
}

/// Whether a lookup may fail for a value in a row.
pub(super) fn looks_up(graph: &Graph) -> bool {
    let by_number = ["Gather", "ArrayFeatureExtractor", "TopK"];
    let constant: BTreeSet<&str> = graph.constants.iter().map(|constant| constant.name.as_str()).collect();
    let brought = |name: &String| !constant.contains(name.as_str());
    graph.nodes.iter().any(|node| match node.operator.as_str() {
        // An encoder without a rule for unknown categories refuses them.
        "OneHotEncoder" => node.int("zeros") == Some(0),
        operator => by_number.contains(&operator) && node.inputs.get(1).is_some_and(brought),
    })
}

impl Feed {
    pub(super) fn takes_whole_numbers(&self) -> bool {
        matches!(self.element, Element::Int32 | Element::Int64 | Element::Bool)
    }

    pub(super) fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its columns: by the input's name, and by index if it has several.
    pub(super) fn columns(&self) -> Vec<Input> {
        let kind = |index: usize| match (self.element, self.known.get(index)) {
            (Element::Text, Some(known)) => {
                InputKind::Category(known.words.iter().map(|text| text.to_string()).collect())
            }
            _ => InputKind::Number,
        };
        let name = |index: usize| if self.width() == 1 { self.name.clone() } else { format!("{}_{index}", self.name) };
        (0..self.width()).map(|index| Input { name: name(index), kind: kind(index) }).collect()
    }

    /// A made-up row that the graph should be able to score; others differ from it.
    pub(super) fn example(&self, row: usize) -> Vec<f64> {
        let place = |index: usize| {
            let known = self.known.get(index);
            let numbers = known.map_or(&[][..], |known| &known.numbers);
            match self.element {
                Element::Text => ((row + index) % known.map_or(1, |known| known.words.len().max(1))) as f64,
                // A lookup by number has entries for only some numbers.
                _ if !numbers.is_empty() => numbers.get((row + index) % numbers.len()).copied().unwrap_or(0.0),
                Element::Float | Element::Double => (row as f64 - 1.0) * 0.5 + index as f64 * 0.125,
                Element::Int32 | Element::Int64 | Element::Bool => ((row + index) % 2) as f64,
            }
        };
        (0..self.width()).map(place).collect()
    }

    /// Its columns of some rows, which begin at `from`.
    pub(super) fn tensor(&self, rows: &Features<'_>, from: usize) -> Result<Tensor, Fault> {
        let width = self.width();
        let values = rows.rows().flat_map(|row| row.iter().skip(from).take(width).copied());
        let data = match self.element {
            // Contiguous: most networks take all columns at once.
            Element::Float if width == rows.width() => Data::Float(rows.values().iter().map(|x| *x as f32).collect()),
            Element::Float => Data::Float(values.map(|x| x as f32).collect()),
            Element::Double => Data::Double(values.collect()),
            Element::Text => Data::Text(values.enumerate().map(|(at, x)| self.text(at % width.max(1), x)).collect()),
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

    fn text(&self, column: usize, code: f64) -> Arc<str> {
        let words = self.known.get(column).map_or(&[][..], |known| &known.words);
        let known = (code >= 0.0).then(|| words.get(code as usize)).flatten();
        known.cloned().unwrap_or_else(|| UNKNOWN.into())
    }
}
