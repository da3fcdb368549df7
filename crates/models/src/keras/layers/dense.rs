//! Layers that multiply by a matrix, or look up rows of one.

use super::{Built, Layer};
use crate::graph::{Attribute, Element, Tensor};
use crate::keras::builder::{Builder, Flow};
use crate::keras::weights::WeightSet;

pub(super) fn dense(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    of_part(layer, layer.one(inputs)?, WeightSet::Own, builder)
}

/// A dense layer whose weights may be those of a wrapped layer.
pub(super) fn of_part(layer: &Layer<'_>, input: &Flow, part: WeightSet, builder: &mut Builder) -> Built {
    let (kernel, bias): (Tensor, Option<Tensor>) = if layer.flag("use_bias", true)? {
        let [kernel, bias] = layer.weights::<2>(part)?;
        (kernel, Some(bias))
    } else {
        let [kernel] = layer.weights::<1>(part)?;
        (kernel, None)
    };
    let &[width, units] = kernel.shape() else { return Err(layer.damaged("has a kernel that is no matrix")) };
    if input.last().is_some_and(|last| last != width) {
        return Err(layer.damaged(&format!("has a kernel for {width} columns, and is given {:?}", input.last())));
    }
    let kernel = builder.constant(kernel, Element::Float);
    let mut name = builder.node("MatMul", &[&input.name, &kernel], &[]);
    if let Some(bias) = bias {
        let bias = builder.constant(bias, Element::Float);
        name = builder.node("Add", &[&name, &bias], &[]);
    }
    let name = layer.activated(&name, builder)?;
    let mut shape = input.shape.clone();
    shape.iter_mut().last().into_iter().for_each(|last| *last = Some(units));
    Ok(Flow::new(name, shape).masked_as(input))
}

/// A row of a table for each number.
pub(super) fn embedding(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let [table] = layer.weights::<1>(WeightSet::Own)?;
    let &[_, width] = table.shape() else { return Err(layer.damaged("has a table that is no matrix")) };
    let table = builder.constant(table, Element::Float);
    let numbers = builder.node("Cast", &[&input.name], &[("to", Attribute::Int(6))]);
    let name = builder.node("Gather", &[&table, &numbers], &[("axis", Attribute::Int(0))]);
    let mask = layer.flag("mask_zero", false)?.then(|| {
        let floats = builder.node("Cast", &[&input.name], &[("to", Attribute::Int(1))]);
        let size = builder.node("Abs", &[&floats], &[]);
        let one = builder.scalar(1.0);
        // Integers: 0 stays 0, all others are clamped to 1.
        builder.node("Min", &[&size, &one], &[])
    });
    let mut shape = input.shape.clone();
    shape.push(Some(width));
    Ok(Flow { name, shape, mask })
}
