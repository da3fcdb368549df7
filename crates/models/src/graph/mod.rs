//! Computation graphs in one representation for all file formats: ONNX's, with its operators and their names.
//!
//! Readers build a [`Graph`]; the runtimes never see the file.

pub(crate) mod onnx;
mod tensor;
mod wire;

use std::sync::Arc;

pub(crate) use tensor::{Data, Element, Fault, Tensor, volume};

/// A graph: nodes in topological order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: Vec<Constant>,
    /// The inputs of each run; constants that the file repeats here are left out.
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

/// A graph, and what its file says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) graph: Graph,
    /// The format and the program that wrote it, for display.
    pub(crate) format: String,
    /// The version of each operator set; the standard set has no name.
    pub(crate) operator_sets: Vec<(String, i64)>,
}

/// A tensor in the file.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) tensor: Arc<Tensor>,
    pub(crate) element: Element,
}

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// None if it is not a tensor: a list of maps.
    pub(crate) element: Option<Element>,
    /// The declared dimensions; none for a dynamic one. The first is the batch's.
    pub(crate) shape: Vec<Option<usize>>,
}

/// One operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Empty for the standard operators.
    pub(crate) domain: String,
    pub(crate) operator: String,
    pub(crate) name: String,
    /// Names of values; an omitted one is empty.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) attributes: Vec<(String, Attribute)>,
}

/// An attribute of a node.
#[derive(Debug, Clone)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(Arc<Tensor>, Element),
    Graph(Box<Graph>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// The operators of classical models, in a set of their own.
pub(crate) const ML: &str = "ai.onnx.ml";

impl Node {
    /// Its name in messages: `Conv (node dense_1/conv)`.
    pub(crate) fn shown(&self) -> String {
        let domain = if self.domain.is_empty() { String::new() } else { format!("{}.", self.domain) };
        let name = if self.name.is_empty() { self.outputs.first() } else { Some(&self.name) };
        format!("{domain}{} (node {})", self.operator, name.map_or("without a name", String::as_str))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, attribute)| attribute)
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.attribute(name) {
            Some(Attribute::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// Empty if there are none.
    pub(crate) fn ints(&self, name: &str) -> &[i64] {
        match self.attribute(name) {
            Some(Attribute::Ints(values)) => values,
            _ => &[],
        }
    }

    /// Empty if there are none.
    pub(crate) fn floats(&self, name: &str) -> &[f32] {
        match self.attribute(name) {
            Some(Attribute::Floats(values)) => values,
            _ => &[],
        }
    }

    /// Empty if there are none.
    pub(crate) fn texts(&self, name: &str) -> &[String] {
        match self.attribute(name) {
            Some(Attribute::Texts(values)) => values,
            _ => &[],
        }
    }
}

impl Graph {
    /// The constant of this name.
    pub(crate) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.constants.iter().find(|constant| constant.name == name).map(|constant| &*constant.tensor)
    }
}
