//! Builds the nodes of a graph.

use std::sync::Arc;

use super::damaged;
use crate::ReadError;
use crate::graph::{Attribute, Constant, Data, Element, Graph, Node, Tensor};

/// A value passed from layer to layer.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// The name of the value.
    pub(super) name: String,
    /// The dimensions after the batch's; none for a dynamic one.
    pub(super) shape: Vec<Option<usize>>,
    /// Which steps of a sequence count, if some are masked: 1 or 0 for each row and step, as floats.
    pub(super) mask: Option<String>,
}

/// A graph under construction.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) graph: Graph,
    names: usize,
    /// Whether Keras 1 or 2 wrote the model: some names then have other meanings.
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

    /// A new name. No layer's name has a slash.
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

    /// One float for all elements.
    pub(super) fn scalar(&mut self, value: f64) -> String {
        self.constant(Tensor::flat(Data::Float(vec![value as f32])), Element::Float)
    }

    /// A list of integers: a shape, axes.
    pub(super) fn list(&mut self, values: &[i64]) -> String {
        self.constant(Tensor::flat(Data::Int(values.to_vec())), Element::Int64)
    }

    /// Adds a node with one output; returns the output's name.
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
        // The batch's dimension is inferred.
        let shape: Vec<i64> = std::iter::once(-1).chain(shape.iter().map(|size| *size as i64)).collect();
        let shape = self.list(&shape);
        self.node("Reshape", &[value, &shape], &[])
    }
}

impl Flow {
    pub(super) fn new(name: String, shape: Vec<Option<usize>>) -> Self {
        Self { name, shape, mask: None }
    }

    /// The same with the mask of another value.
    pub(super) fn masked_as(self, other: &Self) -> Self {
        Self { mask: other.mask.clone(), ..self }
    }

    /// The dimensions, if all are known.
    pub(super) fn known(&self) -> Option<Vec<usize>> {
        self.shape.iter().copied().collect()
    }

    /// The last dimension.
    pub(super) fn last(&self) -> Option<usize> {
        self.shape.last().copied().flatten()
    }
}
