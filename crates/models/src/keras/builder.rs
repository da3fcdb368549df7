//! Writes the nodes of a graph.

use std::sync::Arc;

use super::damaged;
use crate::ReadError;
use crate::graph::{Attribute, Constant, Data, Element, Graph, Node, Tensor};

/// What goes from layer to layer.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// The name of the value.
    pub(super) name: String,
    /// The dimensions after the batch's; nothing where one is left open.
    pub(super) shape: Vec<Option<usize>>,
    /// Which steps of a sequence count, where some do not: 1 or 0 for each row and step, as floats.
    pub(super) mask: Option<String>,
}

/// A graph in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) graph: Graph,
    names: usize,
    /// Whether Keras 1 or 2 wrote the model: names mean other things then.
    pub(super) old: bool,
}

pub(super) fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

pub(super) fn text(value: &str) -> Attribute {
    Attribute::Text(value.to_string())
}

impl Builder {
    pub(super) fn new(old: bool) -> Self {
        Self { old, ..Self::default() }
    }

    /// No layer's name has a slash.
    fn name(&mut self) -> String {
        self.names += 1;
        format!("/{}", self.names)
    }

    pub(super) fn constant(&mut self, tensor: Tensor, element: Element) -> String {
        let name = self.name();
        self.graph.constants.push(Constant { name: name.clone(), tensor: Arc::new(tensor), element });
        name
    }

    /// Floats of a shape.
    pub(super) fn floats(&mut self, shape: &[usize], values: Vec<f32>) -> Result<String, ReadError> {
        let tensor = Tensor::new(shape.to_vec(), Data::Float(values)).map_err(|fault| damaged(fault.0))?;
        Ok(self.constant(tensor, Element::Float))
    }

    /// One float for all.
    pub(super) fn scalar(&mut self, value: f64) -> String {
        self.constant(Tensor::flat(Data::Float(vec![value as f32])), Element::Float)
    }

    /// A list of whole numbers: a shape, axes.
    pub(super) fn list(&mut self, values: &[i64]) -> String {
        self.constant(Tensor::flat(Data::Int(values.to_vec())), Element::Int64)
    }

    /// Adds a node with one output; gives the output's name.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        self.nodes(operator, inputs, attributes, 1).pop().unwrap_or_default()
    }

    /// Adds a node with several outputs.
    pub(super) fn nodes(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        outputs: usize,
    ) -> Vec<String> {
        let outputs: Vec<String> = (0..outputs).map(|_| self.name()).collect();
        self.graph.nodes.push(Node {
            operator: operator.to_string(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: outputs.clone(),
            attributes: attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            ..Node::default()
        });
        outputs
    }

    pub(super) fn transposed(&mut self, value: &str, order: &[i64]) -> String {
        self.node("Transpose", &[value], &[("perm", ints(order))])
    }

    /// The same elements with other dimensions after the batch's.
    pub(super) fn reshaped(&mut self, value: &str, shape: &[usize]) -> String {
        // The batch's dimension is what remains.
        let shape: Vec<i64> = std::iter::once(-1).chain(shape.iter().map(|size| *size as i64)).collect();
        let shape = self.list(&shape);
        self.node("Reshape", &[value, &shape], &[])
    }
}

impl Flow {
    pub(super) fn new(name: String, shape: Vec<Option<usize>>) -> Self {
        Self { name, shape, mask: None }
    }

    /// The same steps count, or do not.
    pub(super) fn masked_as(self, other: &Self) -> Self {
        Self { mask: other.mask.clone(), ..self }
    }

    /// The dimensions, where all are known.
    pub(super) fn known(&self) -> Option<Vec<usize>> {
        self.shape.iter().copied().collect()
    }

    /// The last dimension.
    pub(super) fn last(&self) -> Option<usize> {
        self.shape.last().copied().flatten()
    }
}
